package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// kids are the processes that a node has started itself. As pid 1 it inherits all others when their
// parents end, and has to reap them without taking from os/exec what is its own to wait for.
type kids struct {
	mu  sync.Mutex
	own map[int]bool
}

func newKids() *kids { return &kids{own: map[int]bool{}} }

// start is c.Start. The lock keeps the reaper away until the pid is noted.
func (k *kids) start(c *exec.Cmd) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := c.Start(); err != nil {
		return err
	}
	k.own[c.Process.Pid] = true
	return nil
}

// wait is c.Wait. What became of the process is in c.ProcessState.
func (k *kids) wait(c *exec.Cmd) {
	c.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.own, c.Process.Pid)
}

// reapForever reaps whenever a child has ended, and every two seconds: signals of the same kind
// arrive as one.
func (k *kids) reapForever() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGCHLD)
	for tick := time.Tick(2 * time.Second); ; {
		select {
		case <-c:
		case <-tick:
		}
		k.reap()
	}
}

// reap waits for the inherited children that have ended.
func (k *kids) reap() {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && !k.own[pid] && endedChild(pid) {
			syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
	}
}

// endedChild tells whether a process is a zombie of this one.
func endedChild(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	return len(f) > 2 && string(f[0]) == "Z" && string(f[1]) == strconv.Itoa(os.Getpid())
}

// startTime is when a process started, in the kernel's own units; with the pid it names a process for good.
// A zombie has none.
func startTime(pid int) (uint64, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	// The name, in parentheses, may hold anything; the state is the first field behind it.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return 0, false
	}
	t, err := strconv.ParseUint(f[19], 10, 64)
	return t, err == nil
}
