package systemd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hcrun is the program under test.
func hcrun(t *testing.T) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "hcrun")
	build := exec.Command("go", "build", "-o", at, "./cmd/hcrun")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build hcrun: %v: %s", err, out)
	}
	return at
}

// site is a node, and hcrun as somebody uses it on that node.
type site struct {
	*testing.T
	*Node
	dir, binary string
}

const playbook = `
playbook "p" {
  hosts = "control_plane"
}

schedule {
  needs = "30s"
}

confirm {
  within = %q
}

task "scp" "manifest" {
  content     = "etcd, changed\n"
  destination = "/etc/kubernetes/manifests/etcd.yaml"
  mode        = "0644"
}

task "tail-log" "proof" {
  path    = "/var/log/proof"
  pattern = "^proven$"
  timeout = "10m"
}
`

const manifest = "/etc/kubernetes/manifests/etcd.yaml"

// site makes a node, and what hcrun needs to reach it.
func (b *Bed) site(t *testing.T, hcrun, name, within string) *site {
	t.Helper()
	n, err := b.Boot(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, Node: n, dir: t.TempDir(), binary: hcrun}
	s.write("inventory/hosts.hcl", fmt.Sprintf("host %q {\n  address         = %q\n  identity_files  = [%q]\n  known_hosts     = [%q]\n  connect_timeout = \"5s\"\n}\n\ngroup \"control_plane\" {\n  hosts = [%[1]q]\n}\n", name, n.IP, b.Identity(), b.KnownHosts()))
	s.write("playbooks/p.hcl", fmt.Sprintf(playbook, within))
	for at, text := range map[string]string{"/var/log/proof": "", manifest: "etcd\n"} {
		if err := os.WriteFile(n.Path(at), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *site) write(name, text string) {
	s.Helper()
	at := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *site) command(args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := s.bed.Command(context.Background(), s.binary, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HCRUN_STATE="+filepath.Join(s.dir, "state"))
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// hcrun runs a command to its end, which has to be code.
func (s *site) hcrun(code int, args ...string) string {
	s.Helper()
	cmd, out := s.command(args...)
	cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.Fatalf("hcrun %v ended with %d, want %d:\n%s", args, got, code, out)
	}
	return out.String()
}

// applying starts the change, and comes back when the manifest is written and nothing is proven yet. The time is
// when the node was told how long to wait.
func (s *site) applying() (*exec.Cmd, *bytes.Buffer, time.Time) {
	s.Helper()
	cmd, out := s.command("apply", "playbooks/p.hcl", "--yes")
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { cmd.Process.Kill() })
	for end := time.Now().Add(time.Minute); s.manifest() != "etcd, changed\n"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("nothing is written:\n%s", out)
		}
	}
	return cmd, out, time.Now()
}

func (s *site) manifest() string {
	b, _ := os.ReadFile(s.Path(manifest))
	return string(b)
}

// until waits until the manifest is the old one again.
func (s *site) restored(most time.Duration) time.Time {
	s.Helper()
	for end := time.Now().Add(most); s.manifest() != "etcd\n"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("after %s the manifest is still %q", most, s.manifest())
		}
	}
	return time.Now()
}

// fired sees that resume says what has happened, and that nothing is left of it.
func (s *site) fired() {
	s.Helper()
	said := s.hcrun(24, "resume")
	if !strings.Contains(said, "the dead-man's switch of ") || !strings.Contains(said, "hcrun ack") {
		s.Errorf("resume said:\n%s", said)
	}
	s.clean()
	if s.manifest() != "etcd\n" {
		s.Errorf("the manifest is %q", s.manifest())
	}
	if ledger, _ := os.ReadFile(s.Path("/var/lib/hcrun/ledger")); !bytes.Contains(ledger, []byte(`"state":"rolled back"`)) {
		s.Errorf("the ledger says %s", ledger)
	}
}

// clean sees that no unit, no process and no temporary file is left.
func (s *site) clean() {
	s.Helper()
	ctx := context.Background()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		units, _ := s.Node.Run(ctx, "systemctl", "list-units", "--state=active,activating,failed", "--no-legend", "hcrun-*")
		files, _ := s.Node.Run(ctx, "sh", "-c", "ls -A /etc/systemd/system /etc/systemd/system/* | grep hcrun; ls -A /etc/kubernetes/manifests | grep -v '^etcd.yaml$'; pgrep -f '[r]evert.sh'; ls /var/lib/hcrun/claim")
		if len(units)+len(files) == 0 {
			return
		}
		if time.Now().After(end) {
			s.Errorf("left are: %s %s", units, files)
			return
		}
	}
}

// TestSwitch has what can happen to a run between its write and its proof, each on a node of its own.
func TestSwitch(t *testing.T) {
	b, binary := newBed(t), hcrun(t)
	t.Run("all", func(t *testing.T) { // which ends before the bed does
		for i, c := range []struct {
			name, within string
			play         func(*testing.T, *site)
		}{
			{"runner killed", "30s", runnerKilled}, {"network cut", "30s", networkCut}, {"reboot", "30m", reboots},
			{"storm", "30s", storm}, {"lands", "30s", lands}, {"cannot be armed", "30s", cannotArm}, {"units", "30s", units},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.play(t, b.site(t, binary, fmt.Sprintf("master%d", i+1), c.within))
			})
		}
	})
}

func (s *site) cutOff(cut bool) {
	s.Helper()
	if err := s.CutNetwork(cut); err != nil {
		s.Fatal(err)
	}
}

// runnerKilled ends the runner right after the write.
func runnerKilled(t *testing.T, s *site) {
	cmd, _, _ := s.applying()
	cmd.Process.Kill()
	cmd.Wait()
	if said := s.hcrun(0, "status"); !strings.Contains(said, "undoes the run by itself at") {
		t.Errorf("status said:\n%s", said)
	}
	s.restored(40 * time.Second)
	if said := s.hcrun(0, "status"); !strings.Contains(said, "has undone the run by itself") {
		t.Errorf("status said:\n%s", said)
	}
	s.fired()
}

// networkCut makes the network a black hole right after the write: the runner does not know, and the node does
// not need it.
func networkCut(t *testing.T, s *site) {
	cmd, out, _ := s.applying()
	s.cutOff(true)
	s.restored(40 * time.Second)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		t.Fatalf("the runner does not notice:\n%s", out)
	}
	if code := cmd.ProcessState.ExitCode(); code != 23 {
		t.Errorf("it ended with %d:\n%s", code, out)
	}
	s.cutOff(false)
	s.fired()
}

// reboots pulls the plug of the node while its switch is armed: what is old is in place before anything that could
// run what is new has started.
func reboots(t *testing.T, s *site) {
	cmd, out, _ := s.applying()
	if err := s.PullPlug(); err != nil {
		t.Fatal(err)
	}
	if got := s.manifest(); got != "etcd, changed\n" {
		t.Fatalf("the manifest is %q", got)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 23 {
		t.Errorf("the runner ended with %d:\n%s", code, out)
	}
	if err := s.Node.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	saw, err := s.KubeletSaw()
	if err != nil {
		t.Fatal(err)
	}
	old := fmt.Sprintf("%x", sha256.Sum256([]byte("etcd\n")))
	if len(saw) != 2 || saw[0].BootID == saw[1].BootID || saw[1].Manifests["etcd.yaml"] != old {
		t.Errorf("the kubelet saw %v", saw)
	}
	s.fired()
}

// storm reloads and re-executes systemd, restarts sshd, ends every session and kills the waiting process while the
// switch is armed: it fires when it should, to two seconds.
func storm(t *testing.T, s *site) {
	cmd, _, since := s.applying()
	cmd.Process.Kill()
	cmd.Wait()
	storm := `for i in 1 2 3 4 5; do systemctl daemon-reload; sleep 1; done
		systemctl daemon-reexec; systemctl restart ssh; loginctl terminate-user root
		kill -9 "$(cat /var/lib/hcrun/undo/*/waits)"; for i in 1 2 3; do sleep 1; systemctl daemon-reload; done`
	if out, err := s.Node.Run(t.Context(), "sh", "-c", storm); err != nil {
		t.Logf("%v: %s", err, out) // loginctl has nobody to end where no session is open
	}
	if took := s.restored(40 * time.Second).Sub(since); took < 27*time.Second || took > 33*time.Second {
		t.Errorf("it fired after %s", took)
	}
	s.fired()
}

// lands proves the change in time: nothing fires after it, also not at the next boot.
func lands(t *testing.T, s *site) {
	cmd, out, since := s.applying()
	f, err := os.OpenFile(s.Path("/var/log/proof"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for done := false; !done; {
		fmt.Fprintln(f, "proven")
		select {
		case <-ended:
			done = true
		case <-time.After(300 * time.Millisecond):
		}
	}
	if !strings.Contains(out.String(), "landed; undo it") {
		t.Fatalf("it did not land:\n%s", out)
	}
	s.clean()
	time.Sleep(time.Until(since.Add(33 * time.Second)))
	if got := s.manifest(); got != "etcd, changed\n" {
		t.Errorf("the manifest is %q", got)
	}
	if err := s.PullPlug(); err != nil {
		t.Fatal(err)
	}
	if err := s.Node.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.manifest(); got != "etcd, changed\n" {
		t.Errorf("the manifest is %q", got)
	}
	s.hcrun(0, "rollback", "--yes")
	s.clean()
	if got := s.manifest(); got != "etcd\n" {
		t.Errorf("after the rollback the manifest is %q", got)
	}
}

// cannotArm takes away what the switch needs: nothing is written.
func cannotArm(t *testing.T, s *site) {
	for name, how := range map[string][2]string{
		"no systemd-run":            {"mv /usr/bin/systemd-run /usr/bin/gone", "mv /usr/bin/gone /usr/bin/systemd-run"},
		"systemd-run fails":         {`mv /usr/bin/systemd-run /usr/bin/gone; printf '#!/bin/sh\necho "Failed to connect to bus" >&2; exit 1\n' >/usr/bin/systemd-run; chmod 755 /usr/bin/systemd-run`, "mv /usr/bin/gone /usr/bin/systemd-run"},
		"systemd-run only says so":  {`mv /usr/bin/systemd-run /usr/bin/gone; printf '#!/bin/sh\nexit 0\n' >/usr/bin/systemd-run; chmod 755 /usr/bin/systemd-run`, "mv /usr/bin/gone /usr/bin/systemd-run"},
		"a disk that can be full":   {"mkdir -p -m 700 /var/lib/hcrun && mount -t tmpfs -o size=16k,mode=700 t /var/lib/hcrun", "umount /var/lib/hcrun"},
		"units that cannot be kept": {"mount --bind /etc/systemd/system /etc/systemd/system && mount -o remount,bind,ro /etc/systemd/system", "umount /etc/systemd/system"},
	} {
		if out, err := s.Node.Run(t.Context(), "sh", "-c", how[0]); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		said := s.hcrun(42, "apply", "playbooks/p.hcl", "--yes")
		if out, err := s.Node.Run(t.Context(), "sh", "-c", how[1]); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		if s.manifest() != "etcd\n" || !strings.Contains(said, "nothing was written to ") {
			t.Errorf("%s: the manifest is %q, and it said:\n%s", name, s.manifest(), said)
		}
		s.clean()
	}
}
