package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// screen is a terminal of its own: what is behind it, and what a program gets.
func screen(t *testing.T) (behind, front *os.File) {
	t.Helper()
	behind, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { behind.Close() })
	n, err := unix.IoctlGetInt(int(behind.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(behind.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		front, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	return behind, front
}

// TestTerminalCloses: the window that a run was started in is closed. It ends as after Ctrl-C, whatever it can no
// longer say, and is taken up from another one.
func TestTerminalCloses(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	b.up()
	behind, front := screen(t)
	c := b.command(b.apply("master1")...)
	c.Stdin, c.Stdout, c.Stderr = front, front, front
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	front.Close()
	var mu sync.Mutex
	var said bytes.Buffer
	go func() {
		p := make([]byte, 4096)
		for {
			n, err := behind.Read(p)
			mu.Lock()
			said.Write(p[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		watched, text := bytes.Contains(said.Bytes(), []byte("watching it for")), said.String()
		mu.Unlock()
		if watched {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute:\n%s", text)
		}
	}
	if err := behind.Close(); err != nil {
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
