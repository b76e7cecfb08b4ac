package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// screen is a terminal: what is behind it, and all that was written to it so far.
type screen struct {
	behind *os.File
	over   chan struct{} // closed when nobody can write to it any more
	mu     sync.Mutex
	said   bytes.Buffer
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// onScreen starts hcrun on a terminal of its own.
func (b *bench) onScreen(env string, args ...string) (*screen, *exec.Cmd) {
	b.t.Helper()
	behind, front := newTerminal(b.t)
	c := b.command(args...)
	c.Env = append(c.Env, env)
	c.Stdin, c.Stdout, c.Stderr = front, front, front
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Process.Kill() })
	front.Close()
	s := &screen{behind: behind, over: make(chan struct{})}
	go func() {
		defer close(s.over)
		p := make([]byte, 4096)
		for {
			n, err := behind.Read(p)
			s.mu.Lock()
			s.said.Write(p[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s, c
}

// newTerminal is 20 columns wide.
func newTerminal(t testing.TB) (behind, front *os.File) {
	t.Helper()
	behind, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		noTerminal(t, err)
	}
	t.Cleanup(func() { behind.Close() })
	n, err := unix.IoctlGetInt(int(behind.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(behind.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		front, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(behind.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 5, Col: 20})
	}
	if err != nil {
		noTerminal(t, err)
	}
	return behind, front
}

// TestTerminalCloses: the window that a run was started in is closed. It ends as after Ctrl-C, whatever it can no
// longer say, and is taken up from another one.
func TestTerminalCloses(t *testing.T) {
	t.Parallel()
	needLab(t)
	b := newBench(t, binary(t))
	b.up()
	s, c := b.onScreen("TERM=xterm", b.apply("master1")...)
	for deadline := time.Now().Add(time.Minute); !strings.Contains(s.text(), "watching it for"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute:\n%s", s.text())
		}
	}
	if err := s.behind.Close(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		if code := b.exit(err); code != 130 {
			t.Errorf("it ended with %d", code)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it has not ended")
	}
	var open []runJSON
	if err := json.Unmarshal(firstLine(b.must(0, "status", "--json")), &open); err != nil || len(open) != 1 {
		t.Fatalf("open runs: %v, %v", open, err)
	}
	b.must(0, "resume", open[0].Run)
}

// TestDumbTerminal: a terminal that knows no colours, and is narrow, gets plain text, and all of it.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	needLab(t)
	b := newBench(t, binary(t))
	b.up()
	for env, coloured := range map[string]bool{"TERM=dumb": false, "NO_COLOR=1": false, "TERM=xterm": true} {
		s, c := b.onScreen(env, "apply", b.playbook, "-i", b.inventory, "--limit", "master1", "--plan")
		if code := b.exit(c.Wait()); code != 0 {
			t.Errorf("%s: it ended with %d", env, code)
		}
		<-s.over
		if text := s.text(); strings.Contains(text, "\x1b") != coloured || !strings.Contains(text, "--audit-policy-file=/etc/kubernetes/audit-policy.yaml") {
			t.Errorf("%s: it shows\n%q", env, text)
		}
	}
}

// TestWaitOnDumbTerminal: where no line can be written anew, the countdown of --wait is lines of plain text.
func TestWaitOnDumbTerminal(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	b.must(0, b.apply("master1")...)
	for env, redraws := range map[string]bool{"TERM=dumb": false, "TERM=xterm": true} {
		s, c := b.onScreen(env, b.apply("master2", "--wait")...)
		for deadline := time.Now().Add(time.Minute); !strings.Contains(s.text(), "Ctrl-C stops") && !strings.Contains(s.text(), "waiting for master2: "); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within a minute:\n%s", env, s.text())
			}
		}
		time.Sleep(1500 * time.Millisecond) // the second round of the countdown
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := b.exit(c.Wait()); code != 130 {
			t.Errorf("%s: it ended with %d", env, code)
		}
		<-s.over
		text := s.text()
		if strings.Contains(text, "\x1b[K") != redraws || !redraws && (strings.Contains(text, "\x1b") || strings.Count(text, "waiting for master2: ") != 1) {
			t.Errorf("%s: it shows\n%q", env, text)
		}
	}
}

// noTerminal skips, but not in CI.
func noTerminal(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI without terminals: %v", err)
	}
	t.Skipf("no terminals here: %v", err)
}
