package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestCtrlC interrupts real runs, once and twice, in a write and in a wait.
func TestCtrlC(t *testing.T) {
	needLab(t)
	hcrun := binary(t)
	for name, test := range map[string]func(*testing.T, *bench){
		"once in a write": onceInAWrite, "twice in a write": twiceInAWrite,
		"once in a wait": onceInAWait, "twice in a wait": twiceInAWait,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newBench(t, hcrun))
		})
	}
}

// running is an hcrun that was started, and all that it has said so far.
type running struct {
	*bench
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	said bytes.Buffer
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.Write(p)
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.String()
}

func (b *bench) start(args ...string) *running {
	b.t.Helper()
	r := &running{bench: b, cmd: b.command(args...), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r, r
	if err := r.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		r.cmd.Wait()
		close(r.done)
	}()
	b.t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

// waits polls until something is so.
func (r *running) waits(what string, so func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("not within a minute: %s\n%s", what, r.output())
		}
	}
}

func (r *running) says(words string) {
	r.t.Helper()
	r.waits("it says "+words, func() bool { return strings.Contains(r.output(), words) })
}

func (r *running) interrupt() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
}

// alive fails when the process ends within a time.
func (r *running) alive(d time.Duration) {
	r.t.Helper()
	select {
	case <-r.done:
		r.t.Fatalf("it has ended already:\n%s", r.output())
	case <-time.After(d):
	}
}

// ends waits for the end, at most so long, and checks the status.
func (r *running) ends(code int, within time.Duration) {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(within):
		r.t.Fatalf("it has not ended within %s:\n%s", within, r.output())
	}
	if got := r.cmd.ProcessState.ExitCode(); got != code {
		r.t.Fatalf("it ended with %d, want %d:\n%s", got, code, r.output())
	}
}

// begun reports whether the newest journal says that a write to a path was about to leave.
func (b *bench) begun(kind, path string) bool {
	names, err := filepath.Glob(filepath.Join(b.state, "runs", "*.jsonl"))
	if err != nil || len(names) == 0 {
		return false
	}
	text, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		b.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, fmt.Sprintf("%q", kind)) && strings.Contains(line, path) {
			return true
		}
	}
	return false
}

// freeze stops a lab node as a whole; what it returns lets it go on.
func (b *bench) freeze(node string) (thaw func()) {
	b.t.Helper()
	pid, err := strconv.Atoi(b.nodePID(node))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGSTOP)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	thaw = func() { syscall.Kill(pid, syscall.SIGCONT) }
	b.t.Cleanup(thaw)
	return thaw
}

// bigPlaybook writes a file that takes a while on its way.
func (b *bench) bigPlaybook() {
	b.t.Helper()
	dir := b.t.TempDir()
	b.playbook = filepath.Join(dir, "big.hcl")
	text := `
playbook "big" {
  hosts = "control_plane"
}
task "scp" "big" {
  source      = "big"
  destination = "/root/big"
  mode        = "0600"
}
task "scp" "small" {
  content     = "behind it\n"
  destination = "/root/small"
  mode        = "0600"
}
`
	for name, data := range map[string][]byte{"big.hcl": []byte(text), "big": bytes.Repeat([]byte("0123456789abcde\n"), 2<<20)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// stopped starts the big playbook and freezes the node while its first file is on the way.
func (b *bench) stopped() (*running, func()) {
	b.t.Helper()
	b.bigPlaybook()
	b.up()
	r := b.start(b.apply("master1")...)
	r.waits("the write has begun", func() bool { return b.begun("intent", "/root/big") })
	thaw := b.freeze("master1")
	if b.begun("settled", "/root/big") {
		b.t.Fatal("the write was too quick to be met")
	}
	return r, thaw
}

// onceInAWrite: the write that has begun is finished, and the next is not begun.
func onceInAWrite(t *testing.T, b *bench) {
	r, thaw := b.stopped()
	r.interrupt()
	r.says("stopping: a write that has begun is finished")
	r.alive(300 * time.Millisecond)
	thaw()
	r.ends(130, 30*time.Second)
	r.says("next: hcrun resume ")
	if !b.begun("settled", "/root/big") || b.begun("intent", "/root/small") {
		t.Errorf("the write was not finished, or the next was begun:\n%s", r.output())
	}
	b.finished(t)
}

// twiceInAWrite: hcrun stops now, whatever the node does; resume finds out what is true.
func twiceInAWrite(t *testing.T, b *bench) {
	r, thaw := b.stopped()
	r.interrupt()
	r.says("once more to stop at once")
	r.alive(300 * time.Millisecond)
	r.interrupt()
	r.ends(130, 2*time.Second)
	r.says("the step that was going on is in doubt: `hcrun resume`")
	if b.begun("settled", "/root/big") {
		t.Errorf("it waited for the node:\n%s", r.output())
	}
	out := b.must(0, "status")
	if !strings.Contains(out, "next: hcrun resume ") {
		t.Errorf("status does not name the next command:\n%s", out)
	}
	thaw()
	b.finished(t)
}

// finished resumes the big playbook and looks at what it wrote.
func (b *bench) finished(t *testing.T) {
	t.Helper()
	out := b.must(0, "resume")
	if !strings.Contains(out, "master1 landed") {
		t.Errorf("resume has not finished it:\n%s", out)
	}
	info, err := os.Stat(filepath.Join(b.root("master1"), "root", "big"))
	if err != nil || info.Size() != 32<<20 {
		t.Errorf("/root/big: %v, %v", info, err)
	}
	left, err := filepath.Glob(filepath.Join(b.root("master1"), "root", ".hcrun-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left on the node: %v, %v", left, err)
	}
	b.must(0, "rollback", "--yes")
}

// onceInAWait: a wait stops at once, the run stays open, and the command to go on is printed.
func onceInAWait(t *testing.T, b *bench) {
	b.up()
	r := b.start(b.apply("master1")...)
	r.says("watching it for")
	r.interrupt()
	r.ends(130, 5*time.Second)
	r.says("next: hcrun resume ")
	var open []runJSON
	if err := json.Unmarshal(firstLine(b.must(0, "status", "--json")), &open); err != nil || len(open) != 1 {
		t.Fatalf("open runs: %v, %v", open, err)
	}
	b.must(0, "resume", open[0].Run)
}

// twiceInAWait: the second one does not wait for a lost node to be let go of.
func twiceInAWait(t *testing.T, b *bench) {
	b.up()
	r := b.start(b.apply("master1")...)
	r.says("watching it for")
	thaw := b.freeze("master1")
	r.interrupt()
	r.says("a wait ends now")
	_ = r.cmd.Process.Signal(os.Interrupt) // it may have ended by now, and that is as well
	r.ends(130, 2*time.Second)
	thaw()
	b.must(0, "resume")
}
