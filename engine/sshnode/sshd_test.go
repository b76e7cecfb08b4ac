package sshnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/hcrun/hcrun/engine"
)

// missing skips a test that needs what the machine does not have; in CI that is a failure.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("CI without " + what)
	}
	t.Skip("this machine has no " + what)
}

type sshd struct {
	dir    string
	config Config
	start  func() *exec.Cmd // its process; that of a connection is another one
	cmd    *exec.Cmd
}

// startSSHD runs a real sshd with its own keys on the loopback.
func startSSHD(t *testing.T, types []string, extra ...string) *sshd {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(path); err != nil {
		missing(t, "sshd")
	}
	if os.Geteuid() != 0 {
		missing(t, "root rights for sshd")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	d := &sshd{dir: t.TempDir()}
	conf := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nAuthorizedKeysFile %s/authorized\nLogLevel ERROR\n%s\n",
		port, d.dir, strings.Join(extra, "\n"))
	for _, kind := range types {
		key := d.dir + "/host_" + kind
		if out, err := exec.Command("ssh-keygen", "-q", "-N", "", "-t", kind, "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %s", out)
		}
		conf += "HostKey " + key + "\n"
	}
	user, key := newSigner(t)
	writeFile(t, d.dir+"/id", string(key))
	writeFile(t, d.dir+"/authorized", string(ssh.MarshalAuthorizedKey(user.PublicKey())))
	writeFile(t, d.dir+"/conf", conf)
	d.start = func() *exec.Cmd {
		cmd := exec.Command(path, "-D", "-e", "-f", d.dir+"/conf")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
			if t.Failed() {
				t.Log("sshd said: ", said.String())
			}
		})
		return cmd
	}
	d.cmd = d.start()
	d.config = Config{Name: "master1", Host: "127.0.0.1", Port: port, User: "root", ConnectTimeout: 20 * time.Second,
		Identities: []string{d.dir + "/id"}, KnownHosts: []string{d.dir + "/known"}, Keep: d.dir + "/record"}
	d.trust(t)
	return d
}

// trust waits for the server and writes what it shows into known_hosts.
func (d *sshd) trust(t *testing.T) []HostKey {
	t.Helper()
	for try := 0; ; try++ {
		keys, err := HostKeys(t.Context(), d.config)
		if err == nil {
			text := ""
			for _, k := range keys {
				text += k.Line + "\n"
			}
			writeFile(t, d.config.KnownHosts[0], text)
			return keys
		}
		if try == 100 {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (d *sshd) dial(t *testing.T) *held {
	t.Helper()
	n, err := Dial(t.Context(), d.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return hold(t, n)
}

// TestSshdOneOfEach: with one session allowed, everything fits: one connection, one channel.
func TestSshdOneOfEach(t *testing.T) {
	s := startSSHD(t, []string{"ed25519", "ecdsa", "rsa"}, "MaxSessions 1")
	n := s.dial(t)
	for _, c := range putCases() {
		c.run(t, n.Node, "f")
	}
	if out, err := n.Observe(t.Context(), "id", "-u"); err != nil || string(out) != "0\n" {
		t.Errorf("%q, %v", out, err)
	}
	c, err := n.Dial(t.Context(), "tcp", s.config.hostport())
	if err != nil {
		t.Fatal(err)
	}
	banner := make([]byte, 8)
	if _, err := io.ReadFull(c, banner); err != nil || string(banner) != "SSH-2.0-" {
		t.Errorf("%q, %v", banner, err)
	}
	c.Close()
	if s := n.Stats(); s.Conns != 1 || s.Channels != 1 {
		t.Errorf("%+v, want one connection and one channel", s)
	}
}

// TestSshdHostKeys: with several types of keys, any one that is known is enough, and a changed one is not.
func TestSshdHostKeys(t *testing.T) {
	s := startSSHD(t, []string{"ed25519", "ecdsa", "rsa"})
	keys := s.trust(t)
	if len(keys) != 3 {
		t.Fatalf("%d keys", len(keys))
	}
	for _, k := range keys {
		writeFile(t, s.config.KnownHosts[0], k.Line+"\n")
		s.dial(t).Close()
		writeFile(t, s.config.KnownHosts[0], k.Line[:strings.LastIndex(k.Line, " ")]+" "+differentKey(t, k)+"\n")
		if _, err := Dial(t.Context(), s.config); engine.CodeOf(err) != engine.Identity || !strings.Contains(err.Error(), k.Fingerprint) || !strings.Contains(err.Error(), "known:1") {
			t.Errorf("%s changed: %v", k.Type, err)
		}
	}
	writeFile(t, s.config.KnownHosts[0], "")
	if _, err := Dial(t.Context(), s.config); engine.CodeOf(err) != engine.Identity || !strings.Contains(err.Error(), "is unknown") {
		t.Errorf("unknown: %v", err)
	}
}

// differentKey is another key of the same type, in base64.
func differentKey(t *testing.T, k HostKey) string {
	t.Helper()
	kind, _, _ := strings.Cut(strings.TrimPrefix(k.Type, "ssh-"), "-")
	file := t.TempDir() + "/k"
	if out, err := exec.Command("ssh-keygen", "-q", "-N", "", "-t", kind, "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen -t %s: %s", kind, out)
	}
	b, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))[1]
}

// TestSshdRefused: a key that the server does not know, and sessions that it does not allow.
func TestSshdRefused(t *testing.T) {
	s := startSSHD(t, []string{"ed25519"})
	_, other := newSigner(t)
	writeFile(t, s.dir+"/id", string(other))
	if _, err := Dial(t.Context(), s.config); engine.CodeOf(err) != engine.Unreachable || !strings.Contains(err.Error(), `user "root"`) {
		t.Errorf("%v", err)
	}
	none := startSSHD(t, []string{"ed25519"}, "MaxSessions 0")
	if _, err := Dial(t.Context(), none.config); engine.CodeOf(err) != engine.Preflight {
		t.Errorf("no sessions: %v", err)
	}
}

// TestSshdShells: what stands between sshd and /bin/sh: login shells, greetings, forced commands.
func TestSshdShells(t *testing.T) {
	for _, c := range []struct {
		name, needs, command string
		want                 string // part of the error
	}{
		{"bash", "bash", `exec bash -c "$SSH_ORIGINAL_COMMAND"`, ""},
		{"dash", "dash", `exec dash -c "$SSH_ORIGINAL_COMMAND"`, ""},
		{"fish", "fish", `exec fish -c "$SSH_ORIGINAL_COMMAND"`, ""},
		{"greeting", "sh", `printf 'Welcome\r\n\n@x 0 0 0 hello 1 0 -\n@abc'; exec sh -c "$SSH_ORIGINAL_COMMAND"`, ""},
		{"reads stdin", "sh", `cat >/dev/null; exec sh -c "$SSH_ORIGINAL_COMMAND"`, "read standard input"},
		{"nologin", "sh", `echo 'This account is not available.' >&2; exit 1`, "not available"},
		{"endless", "sh", `exec cat /dev/zero`, "without an answer"},
		{"sudo with a password", "sh", `echo 'sudo: a password is required' >&2; exit 1`, "NOPASSWD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.needs); err != nil {
				missing(t, c.needs)
			}
			s := startSSHD(t, []string{"ed25519"}, "ForceCommand "+c.command)
			if c.want != "" {
				s.config.ConnectTimeout = 2 * time.Second
				if _, err := Dial(t.Context(), s.config); engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			n := s.dial(t)
			putCases()[0].run(t, n.Node, "f")
		})
	}
}

func TestSshdSudo(t *testing.T) {
	if _, err := exec.LookPath("sudo"); err != nil {
		missing(t, "sudo")
	}
	s := startSSHD(t, []string{"ed25519"})
	s.config.Become = true
	putCases()[0].run(t, s.dial(t).Node, "f")
}

// TestSshdCut cuts the connection in the middle of a put: the target is as before, no temp stays.
func TestSshdCut(t *testing.T) {
	s := startSSHD(t, []string{"ed25519"})
	d := folder(t)
	old := file("old", 0o644)
	lay(t, d+"/f", "old", old)
	n := s.dial(t)
	pr, pw := io.Pipe()
	after := file("", 0o600)
	after.Content = engine.NewContent(strings.Repeat("0", 64), 8<<20, func(context.Context) (io.ReadCloser, error) { return pr, nil })
	ended := make(chan error, 1)
	go func() { ended <- n.Put(t.Context(), engine.Change{At: d + "/f", Before: old, After: after}) }()
	pw.Write(make([]byte, 4<<20)) // returns once it was read: the put is under way
	n.client.Client.Close()
	pw.Close()
	if err := <-ended; err == nil {
		t.Error("a put that was cut succeeded")
	}
	for try := 0; names(t, d) != "f"; try++ { // the node's shell cleans up after the connection has gone
		if try == 100 {
			t.Fatalf("left: %s", names(t, d))
		}
		time.Sleep(50 * time.Millisecond)
	}
	got, err := s.dial(t).Look(t.Context(), d+"/f")
	if err != nil || !old.Matches(got[0]) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestSshdObserveCut: when the connection ends, a command that runs is killed.
func TestSshdObserveCut(t *testing.T) {
	dir := t.TempDir()
	s := startSSHD(t, []string{"ed25519"}, "SetEnv PATH="+tools(t, map[string]string{"crictl": "echo $$ >" + dir + "/pid; exec sleep 300"})[0][len("PATH="):])
	n := s.dial(t)
	go n.Observe(context.WithoutCancel(t.Context()), "crictl", "ps")
	pid := ""
	for try := 0; pid == "" && try < 200; try++ {
		b, _ := os.ReadFile(dir + "/pid")
		pid = strings.TrimSpace(string(b))
		time.Sleep(20 * time.Millisecond)
	}
	n.client.Client.Close()
	for try := 0; ; try++ {
		b, err := os.ReadFile("/proc/" + pid + "/cmdline")
		if err != nil || len(b) == 0 { // gone, or a zombie that nobody has reaped
			return
		}
		if try == 100 {
			t.Fatalf("process %s is still there: %q", pid, b)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// TestSshdLarge: a large file goes over in bounded memory.
func TestSshdLarge(t *testing.T) {
	size := int64(1 << 30)
	if testing.Short() || os.Getenv("CI") != "true" {
		size = 64 << 20
	}
	s := startSSHD(t, []string{"ed25519"})
	n := s.dial(t)
	d := folder(t)
	source := filepath.Join(d, "source")
	f, err := os.Create(source)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sha256sum", source).Output()
	if err != nil {
		t.Fatal(err)
	}
	after := file("", 0o600)
	after.Content = engine.NewContent(string(out[:64]), size, func(context.Context) (io.ReadCloser, error) { return os.Open(source) })
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := n.Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: after}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&now)
	if grown := int64(now.HeapSys) - int64(before.HeapSys); grown > 48<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	// ... and is looked at again without its bytes.
	images, err := n.Look(t.Context(), d+"/f")
	if err != nil || !after.Matches(images[0]) {
		t.Errorf("%v, %v", images, err)
	}
}

// TestSshdReaders: who reads all the time never sees an absent or partial file, and nothing without a
// dot ever appears beside it.
func TestSshdReaders(t *testing.T) {
	s := startSSHD(t, []string{"ed25519"})
	n := s.dial(t)
	d := folder(t)
	images := []engine.Image{file(strings.Repeat("a", 300_000), 0o644), file(strings.Repeat("b", 200_000), 0o600)}
	at := d + "/f"
	lay(t, at, strings.Repeat("a", 300_000), images[0])
	stop, seen := make(chan struct{}), make(chan string, 1)
	reads := 0
	go func() {
		defer close(seen)
		for {
			select {
			case <-stop:
				return
			default:
			}
			b, err := os.ReadFile(at)
			whole := len(b) == 300_000 && b[0] == 'a' || len(b) == 200_000 && b[0] == 'b'
			if err != nil || !whole {
				seen <- fmt.Sprintf("%d bytes, %v", len(b), err)
				return
			}
			entries, _ := os.ReadDir(d)
			for _, e := range entries {
				if e.Name() != "f" && e.Name()[0] != '.' {
					seen <- "beside it: " + e.Name()
					return
				}
			}
			reads++
		}
	}()
	for i := range 30 {
		if err := n.Put(t.Context(), engine.Change{At: at, Before: images[i%2], After: images[(i+1)%2]}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if what, bad := <-seen; bad {
		t.Error(what)
	}
	if reads == 0 {
		t.Error("nothing was read")
	}
}

// TestSshdFull: a disk that is full and one that is read-only are told apart, and nothing stays.
func TestSshdFull(t *testing.T) {
	s := startSSHD(t, []string{"ed25519"})
	n := s.dial(t)
	d := folder(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k,mode=0755", "tmpfs", d).CombinedOutput(); err != nil {
		t.Skipf("cannot mount: %s", out)
	}
	t.Cleanup(func() { exec.Command("umount", d).Run() })
	put := func(text string) error {
		return n.Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: file(text, 0o600)})
	}
	if err := put(strings.Repeat("x", 200_000)); engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("full: %v", err)
	}
	if got := names(t, d); got != "" {
		t.Errorf("left: %s", got)
	}
	if err := put("small"); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command("mount", "-o", "remount,ro", d).CombinedOutput(); err != nil {
		t.Skipf("cannot remount: %s", out)
	}
	err := n.Put(t.Context(), engine.Change{At: d + "/f", Before: file("small", 0o600), After: absent})
	if engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("read-only: %v", err)
	}
}

// TestSshdRestarted: the server that listens is killed and started anew; whoever is connected stays so.
func TestSshdRestarted(t *testing.T) {
	s := startSSHD(t, []string{"ed25519"})
	n := s.dial(t)
	d := folder(t)
	pr, pw := io.Pipe()
	text := letters(1 << 20)
	after := file(text, 0o600)
	after.Content = engine.NewContent(after.Content.Hash(), 1<<20, func(context.Context) (io.ReadCloser, error) { return pr, nil })
	ended := make(chan error, 1)
	go func() { ended <- n.Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: after}) }()
	io.WriteString(pw, text[:1<<19])
	s.cmd.Process.Kill()
	s.cmd.Process.Wait() // its other end of standard error stays open with the connection
	if _, err := Dial(t.Context(), s.config); engine.CodeOf(err) != engine.Unreachable {
		t.Errorf("nobody listens: %v", err)
	}
	s.start()
	io.WriteString(pw, text[1<<19:])
	pw.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.trust(t) // waits until it listens
	if got, err := s.dial(t).Look(t.Context(), d+"/f"); err != nil || !file(text, 0o600).Matches(got[0]) {
		t.Errorf("%v, %v", got, err)
	}
}
