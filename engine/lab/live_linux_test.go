package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

func TestLabLife(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first := *b.st
	for _, n := range first.Nodes {
		equal(b, "hostname", b.sh(n.Name, "uname -n"), n.Name)
	}

	b.up(Options{Pace: 20, Nodes: []string{"master1", "master2", "master3"}})
	equal(b, "supervisor after a second Up", b.st.PID, first.PID)

	b.sh("master1", "echo kept > /root/kept")
	b.ok(Down(ctx, b.dir))
	b.ok(Down(ctx, b.dir))
	st, err := Read(ctx, b.dir)
	b.ok(err)
	equal(b, "running after Down", st.Running, false)
	equal(b, "id while down", st.ID, first.ID)

	b.up(Options{})
	equal(b, "id after Down and Up", b.st.ID, first.ID)
	equal(b, "offset after Down and Up", b.st.Offset, first.Offset)
	equal(b, "pace after Down and Up", b.st.Pace, 20)
	equal(b, "port after Down and Up", b.node("master1").Port, first.Nodes[0].Port)
	equal(b, "Loki after Down and Up", b.st.Loki, first.Loki)
	equal(b, "file after Down and Up", b.sh("master1", "cat /root/kept"), "kept")

	second := b.st.PID
	b.up(Options{Pace: 10})
	equal(b, "a restart for another pace", b.st.PID != second, true)
	equal(b, "pace", b.st.Pace, 10)
	equal(b, "file after another pace", b.sh("master1", "cat /root/kept"), "kept")
	b.up(Options{Nodes: []string{"master1"}})
	equal(b, "nodes", len(b.st.Nodes), 1)
	b.up(Options{Nodes: []string{"master1", "other"}})
	equal(b, "file of a node that was away", b.sh("other", "uname -n"), "other")
}

func TestLabReset(t *testing.T) {
	b := newBed(t)
	old, keys := *b.st, b.read(b.st.KnownHosts)
	b.sh("master1", "mkdir -p /var/lib/x/y; echo gone > /var/lib/x/y/f; chmod 0 /var/lib/x/y /var/lib/x")
	b.ok(Break(t.Context(), b.dir, "master2", diskFull))
	_, err := MoveClock(t.Context(), b.dir, 25*time.Hour)
	b.ok(err)

	b.ok(Reset(t.Context(), b.dir))
	b.st, err = Read(t.Context(), b.dir)
	b.ok(err)
	equal(b, "running", b.st.Running, true)
	equal(b, "a new id", b.st.ID != old.ID, true)
	equal(b, "new host keys", b.read(b.st.KnownHosts) != keys, true)
	equal(b, "nodes", len(b.st.Nodes), 3)
	equal(b, "pace", b.st.Pace, 20)
	equal(b, "broken", len(b.node("master2").Broken), 0)
	equal(b, "a fresh clock", b.st.Offset < old.Offset+time.Hour, true)
	equal(b, "the file", b.sh("master1", "ls /var/lib | grep -c x || :"), "0")

	b.ok(Down(t.Context(), b.dir))
	b.ok(Reset(t.Context(), b.dir))
	b.st, err = Read(t.Context(), b.dir)
	b.ok(err)
	equal(b, "id of a lab that was reset while down", b.st.ID, "")
}

func (b *bed) read(name string) string {
	b.Helper()
	text, err := os.ReadFile(name)
	b.ok(err)
	return string(text)
}

// labProcesses are those that run from a lab's folder, zombies left out.
func (b *bed) labProcesses() []string {
	var found []string
	all, err := filepath.Glob("/proc/[0-9]*/exe")
	b.ok(err)
	for _, p := range all {
		if exe, err := os.Readlink(p); err == nil && strings.HasPrefix(exe, b.dir+"/") {
			found = append(found, p)
		}
	}
	return found
}

func TestLabSupervisorKilled(t *testing.T) {
	b := newBed(t)
	equal(b, "processes", len(b.labProcesses()), 4)
	b.sh("master3", "echo kept > /root/kept")
	b.ok(syscall.Kill(b.st.PID, syscall.SIGKILL))
	b.until("all nodes have ended with it", func() bool { return len(b.labProcesses()) == 0 })
	st, err := Read(t.Context(), b.dir)
	b.ok(err)
	equal(b, "running", st.Running, false)
	b.up(Options{})
	equal(b, "running again", b.st.Running, true)
	equal(b, "file", b.sh("master3", "cat /root/kept"), "kept")
}

func TestLabFolderRemoved(t *testing.T) {
	b := newBed(t)
	b.ok(os.Rename(b.dir, b.dir+".away"))
	away := &bed{T: t, dir: b.dir + ".away"}
	b.until("it ends with its folder", func() bool { return len(away.labProcesses())+len(b.labProcesses()) == 0 })
}

func TestLabReboot(t *testing.T) {
	b := newBed(t)
	const bootID = "cat /proc/sys/kernel/random/boot_id"
	id, port := b.sh("master2", bootID), b.node("master2").Port
	equal(b, "one boot, one id", b.sh("master2", bootID), id)
	b.sh("master2", "echo kept > /root/kept; echo gone > /run/gone")
	peer := b.client("master1")
	b.ok(Reboot(t.Context(), b.dir, "master2"))
	equal(b, "another boot id", b.sh("master2", bootID) != id, true)
	equal(b, "a file", b.sh("master2", "cat /root/kept"), "kept")
	equal(b, "a file in /run", b.sh("master2", "ls /run | grep -c gone || :"), "0")
	equal(b, "port", b.node("master2").Port, port)
	_, err := run(peer, "true")
	b.ok(err) // the others do not notice

	// A node that has ended by itself is what Up starts again.
	pid := b.sh("master2", "cat /proc/1/stat >/dev/null; echo $$")
	equal(b, "pids begin anew", len(pid) < 4, true)
	nodes := b.labProcesses()
	for _, p := range nodes {
		cmd := b.read(filepath.Join(filepath.Dir(p), "cmdline"))
		if strings.Contains(cmd, `"name":"master2"`) {
			b.ok(syscall.Kill(mustAtoi(b, filepath.Base(filepath.Dir(p))), syscall.SIGKILL))
		}
	}
	b.until("the supervisor notices", func() bool {
		st, err := Read(t.Context(), b.dir)
		b.ok(err)
		return !st.Nodes[1].Up
	})
	b.up(Options{})
	equal(b, "up again", b.node("master2").Up, true)
	equal(b, "file", b.sh("master2", "cat /root/kept"), "kept")
}

func TestLabClock(t *testing.T) {
	b := newBed(t)
	zone, err := time.LoadLocation("America/New_York")
	b.ok(err)
	now := b.st.Clock().Now().In(zone)
	equal(b, "weekday", now.Weekday(), time.Monday)
	equal(b, "hour", now.Hour(), 20)
	equal(b, "pace", b.st.Clock().Pace, 20)

	moved, err := MoveClock(t.Context(), b.dir, 25*time.Hour)
	b.ok(err)
	equal(b, "moved", moved.Sub(now) >= 25*time.Hour && moved.Sub(now) < 25*time.Hour+time.Minute, true)
	b.st, err = Read(t.Context(), b.dir)
	b.ok(err)
	for _, n := range b.st.Nodes {
		before := b.st.Clock().Now().Unix()
		got := int64(mustAtoi(b, b.sh(n.Name, "date +%s")))
		equal(b, "date on "+n.Name, before <= got && got <= b.st.Clock().Now().Unix(), true)
	}
	equal(b, "date of a given time", b.sh("master1", "date -u -d @0 +%F"), "1970-01-01")
	before := time.Now().Add(-time.Second).Unix()
	touched := int64(mustAtoi(b, b.sh("master1", "touch /root/t; stat -c %Y /root/t")))
	equal(b, "file times are the machine's", before <= touched && touched <= time.Now().Unix(), true)
	// A worker of hcrun appends to the PATH: the lab's tools stay first.
	equal(b, "tools", b.sh("master1", `PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin; command -v date; command -v crictl`), "/opt/lab/date\n/opt/lab/crictl")
}

func TestLabOwners(t *testing.T) {
	b := newBed(t)
	for _, p := range strings.Fields("/ /etc /etc/kubernetes /etc/kubernetes/manifests /etc/kubernetes/manifests/kube-apiserver.yaml /var /var/log /root /run /tmp") {
		equal(b, "owner of "+p, b.sh("master1", "stat -c %u:%g "+p), "0:0")
	}
	equal(b, "writing to the machine's programs", b.sh("master1", "touch /usr/bin/x 2>/dev/null || echo refused"), "refused")
	equal(b, "chown to root", b.sh("master1", "touch /root/f; chown 0:0 /root/f && sync /root/f && echo fine"), "fine")
	st, err := os.Stat(b.dir)
	b.ok(err)
	equal(b, "mode of the folder", st.Mode().Perm(), 0o700)
}

func TestLabUpTwiceAtOnce(t *testing.T) {
	b := newBed(t)
	b.ok(Down(t.Context(), b.dir))
	var pids [4]int
	var all sync.WaitGroup
	for i := range pids {
		all.Go(func() {
			if st, err := Up(t.Context(), Options{Dir: b.dir}); err == nil {
				pids[i] = st.PID
			}
		})
	}
	all.Wait()
	for _, pid := range pids {
		equal(b, "supervisor", pid, pids[0])
	}
	equal(b, "it runs", pids[0] != 0, true)
}

// What the caller's shell has left open must not live on in the lab: a pipe held so makes
// `lab up | cat` hang for good.
func TestLabHoldsNothingOfItsCaller(t *testing.T) {
	b := newBed(t)
	b.ok(Down(t.Context(), b.dir))
	var p [2]int
	b.ok(unix.Pipe2(p[:], 0)) // without close-on-exec, like a shell's
	r := os.NewFile(uintptr(p[0]), "pipe")
	defer r.Close()
	b.up(Options{})
	unix.Close(p[1])
	b.ok(unix.SetNonblock(p[0], true))
	_, err := r.Read(make([]byte, 1))
	equal(b, "the end of the pipe", err != nil && !errors.Is(err, syscall.EAGAIN), true)
}

// A folder so deep that its sockets have no address of their own.
func TestLabDeepFolder(t *testing.T) {
	b := newBed(t)
	b.ok(Down(t.Context(), b.dir))
	b.dir = filepath.Join(b.dir, strings.Repeat("long-name/", 15))
	b.up(Options{Nodes: []string{"one"}, Pace: 20})
	equal(b, "hostname", b.sh("one", "uname -n"), "one")
}

func TestLabCancelled(t *testing.T) {
	b := newBed(t)
	b.ok(Down(t.Context(), b.dir))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Up(ctx, Options{Dir: b.dir})
	equal(b, "cancelled", err != nil, true)
	b.up(Options{})
	equal(b, "running", b.st.Running, true)
}

func TestLabNotRunning(t *testing.T) {
	b := newBed(t)
	b.ok(Down(t.Context(), b.dir))
	_, clock := MoveClock(t.Context(), b.dir, time.Hour)
	for what, err := range map[string]error{
		"clock": clock, "break": Break(t.Context(), b.dir, "master1", diskFull),
		"mend": Mend(t.Context(), b.dir, ""), "reboot": Reboot(t.Context(), b.dir, "master1"),
	} {
		equal(b, what, engine.CodeOf(err), engine.Unreachable)
	}
	none := filepath.Join(t.TempDir(), "none")
	b.ok(Down(t.Context(), none))
	b.ok(Reset(t.Context(), none))
	st, err := Read(t.Context(), none)
	b.ok(err)
	equal(b, "a lab that was never started", st.Running || st.ID != "", false)
	_, err = os.Stat(none)
	equal(b, "its folder", errors.Is(err, os.ErrNotExist), true)
}

// What needs rights, as somebody who is not root.
func TestLabAsOrdinaryUser(t *testing.T) {
	const nobody = 65534
	if os.Getenv("HCRUN_LAB_USER") != "" || os.Geteuid() != 0 {
		t.Skip("this is an ordinary user already")
	}
	dir, err := os.MkdirTemp("/tmp", "hcrun-lab-user-") // t.TempDir is for root only
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	exe := filepath.Join(dir, "lab.test")
	if err := errors.Join(copyFile("/proc/self/exe", exe, 0o755), os.Chmod(exe, 0o755), os.Chown(dir, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe, "-test.run=^(TestLabLife|TestLabReset|TestLabReboot|TestLabOwners|TestLabClock|TestBreakDiskFull|TestSSHExec|TestSSHForward)$", "-test.v")
	c.Dir, c.Env = dir, append(os.Environ(), "HCRUN_LAB_USER=1", "HOME="+dir, "TMPDIR="+dir)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := c.CombinedOutput()
	if errors.Is(err, syscall.EPERM) && os.Getenv("CI") != "true" {
		t.Skip("root here may not become somebody else")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	skipped := slices.DeleteFunc(strings.Split(string(out), "\n"), func(l string) bool {
		return !strings.Contains(l, "--- SKIP") || strings.Contains(l, t.Name())
	})
	if len(skipped) > 0 && os.Getenv("CI") == "true" {
		t.Fatalf("skipped as an ordinary user: %s", bytes.TrimSpace(out))
	}
	if len(skipped) > 0 {
		t.Skipf("as an ordinary user: %s", bytes.TrimSpace(out))
	}
}
