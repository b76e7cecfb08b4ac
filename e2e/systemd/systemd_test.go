package systemd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Child()
	os.Exit(m.Run())
}

// newBed is a bed that ends with the test.
func newBed(t *testing.T) *Bed {
	t.Helper()
	if err := Available(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI without systemd nodes: %v", err)
		}
		t.Skipf("no systemd nodes on this machine: %v", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	root, err := Root(t.Context(), filepath.Join(cache, "hcrun-e2e"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("root: %.1f s", time.Since(began).Seconds())
	b, err := New(t.Context(), root, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// limited is a context of a test that must not hang.
func limited(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// boot is a node that is up.
func boot(t *testing.T, b *Bed, name string) *Node {
	t.Helper()
	began := time.Now()
	n, err := b.Boot(limited(t, time.Minute), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("boot: %.1f s", time.Since(began).Seconds())
	return n
}

// ssh is what a command on the node writes.
func ssh(t *testing.T, n *Node, command string) string {
	t.Helper()
	out, err := n.SSH(limited(t, 30*time.Second), command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestNode: a node has systemd, takes units over SSH, loses its power, and comes up again with what was on its disk.
func TestNode(t *testing.T) {
	n := boot(t, newBed(t), "master1")
	if state, err := n.State(t.Context()); err != nil || state != "running" {
		failed, _ := n.Run(t.Context(), "systemctl", "--failed", "--no-legend", "--plain")
		t.Logf("state %q, %v; failed units: %s", state, err, failed)
	}
	id, err := n.BootID()
	if err != nil {
		t.Fatal(err)
	}
	if got := ssh(t, n, "hostname; cat /proc/sys/kernel/random/boot_id; ps -o comm= 1"); got != "master1\n"+id+"\nsystemd" {
		t.Errorf("got %q, boot_id is %s", got, id)
	}
	ssh(t, n, "systemd-run --quiet --unit=x /bin/sleep 1000; echo kept > /var/kept; echo gone > /run/gone; echo a > /etc/kubernetes/manifests/a.yaml")
	if got := ssh(t, n, "systemctl is-active x kubelet; cat /proc/self/cgroup | grep -c session-"); !strings.HasPrefix(got, "active\nactive\n") || strings.HasSuffix(got, "\n0") {
		t.Errorf("x, kubelet, sessions: %q", got)
	}
	reboot(t, n)
	if got := ssh(t, n, "cat /var/kept; ls /run/gone 2>/dev/null; systemctl is-active x; true"); got != "kept\ninactive" {
		t.Errorf("after the reboot: %q", got)
	}
	newID, err := n.BootID()
	if err != nil || newID == id || ssh(t, n, "cat /proc/sys/kernel/random/boot_id") != newID {
		t.Errorf("boot_id %s, then %s, %v", id, newID, err)
	}
	const hashOfA = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"
	saw, err := n.KubeletSaw()
	if err != nil || len(saw) != 2 || saw[0].BootID != id || saw[1].BootID != newID || len(saw[0].Manifests) != 0 || len(saw[1].Manifests) != 1 || saw[1].Manifests["a.yaml"] != hashOfA {
		t.Errorf("kubelet saw %v, %v", saw, err)
	}
}

// reboot pulls the plug and boots again.
func reboot(t *testing.T, n *Node) {
	t.Helper()
	began := time.Now()
	if err := n.PullPlug(); err != nil {
		t.Fatal(err)
	}
	t.Logf("plug: %.1f s", time.Since(began).Seconds())
	if _, err := n.Run(t.Context(), "true"); err == nil {
		t.Error("a command ran on a node that is off")
	}
	began = time.Now()
	if err := n.Boot(limited(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	t.Logf("reboot: %.1f s", time.Since(began).Seconds())
}

// TestCut: a cut network is silence, to what is connected and to what connects; and a node that loses its power
// closes no connection.
func TestCut(t *testing.T) {
	n := boot(t, newBed(t), "master1")
	c := n.SSH(limited(t, time.Minute), "cat")
	in, lines := talk(t, c)
	say := func(text string) {
		t.Helper()
		if _, err := io.WriteString(in, text+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	say("before")
	hear(t, lines, "before", 20*time.Second)
	cut := func(yes bool) {
		t.Helper()
		if err := n.CutNetwork(yes); err != nil {
			t.Fatal(err)
		}
	}
	cut(true)
	say("while")
	silence(t, lines)
	short := limited(t, 2*time.Second)
	if out, err := n.SSH(short, "true").CombinedOutput(); err == nil || !errors.Is(short.Err(), context.DeadlineExceeded) {
		t.Errorf("a new connection over a cut network: %v: %s", err, out)
	}
	cut(false)
	hear(t, lines, "while", 20*time.Second)
	ssh(t, n, "true")
	if err := n.PullPlug(); err != nil {
		t.Fatal(err)
	}
	silence(t, lines)
}

// talk starts a command; its lines come as they come, and the end of it closes them.
func talk(t *testing.T, c *exec.Cmd) (io.Writer, <-chan string) {
	t.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return in, lines
}

func hear(t *testing.T, lines <-chan string, want string, within time.Duration) {
	t.Helper()
	select {
	case got := <-lines:
		if got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(within):
		t.Fatalf("did not hear %q", want)
	}
}

func silence(t *testing.T, lines <-chan string) {
	t.Helper()
	select {
	case got, open := <-lines:
		t.Errorf("heard %q, open %t, and the network is cut", got, open)
	case <-time.After(3 * time.Second):
	}
}

// TestOff: a node that powers itself off is off, and boots again; and a bed that was closed leaves nothing.
func TestOff(t *testing.T) {
	b := newBed(t)
	n := boot(t, b, "master1")
	if out, err := n.Run(t.Context(), "systemctl", "poweroff", "--force", "--force"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	<-n.off
	if err := n.Boot(limited(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Run(limited(t, time.Second), "sleep", "1000"); err == nil {
		t.Error("a command outlived its context")
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	nets, _ := filepath.Glob("/run/netns/" + n.id() + "*")
	groups, _ := filepath.Glob(cgroups + "/*/" + n.id() + "*")
	if len(nets)+len(groups) > 0 {
		t.Errorf("left over: %q %q", nets, groups)
	}
}

func TestReadSource(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.sources": "# first\nTypes: deb\n# http://old\nURIs: http://a\nSigned-By: /a.gpg\n\n\nTypes: deb\nURIs: http://b\nTrusted: yes\n",
		"b.list":    "# none\ndeb [arch=amd64 signed-by=/b.gpg trusted=yes] http://b stable main\ndeb http://c stable main\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for entry, want := range map[string]archive{
		"a.sources:1": {keyring: "/a.gpg"}, "a.sources:2": {unsigned: true},
		"b.list:2": {keyring: "/b.gpg", unsigned: true}, "b.list:3": {},
	} {
		var got archive
		if err := got.readSource(filepath.Join(dir, entry)); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", entry, got, err, want)
		}
	}
}
