package sshnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// line is between hcrun and a server. Each piece on its way to the node is given to up, each on its way back to
// down; a piece that is not to go on is the last one in its direction, and the connection stays as it is.
type line struct {
	up, down func(piece []byte) (goesOn bool)
	ends     atomic.Pointer[[2]*net.TCPConn] // of the newest connection
}

// laid is the configuration that leads to a server over a line.
func (l *line) laid(t *testing.T, c Config) Config {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to, port := c.hostport(), listener.Addr().(*net.TCPAddr).Port
	known, err := os.ReadFile(c.KnownHosts[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				return
			}
			ends := [2]*net.TCPConn{near.(*net.TCPConn), far.(*net.TCPConn)}
			l.ends.Store(&ends)
			go l.move(t.Context(), far, near, l.up)
			go l.move(t.Context(), near, far, l.down)
		}
	}()
	at := fmt.Sprintf("]:%d ", c.Port)
	c.Port, c.KnownHosts = port, []string{t.TempDir() + "/known"}
	writeFile(t, c.KnownHosts[0], strings.ReplaceAll(string(known), at, fmt.Sprintf("]:%d ", port)))
	return c
}

func (l *line) move(ctx context.Context, to io.WriteCloser, from net.Conn, way func([]byte) bool) {
	defer to.Close()
	piece := make([]byte, 1024)
	for {
		n, err := from.Read(piece)
		if way != nil && n > 0 && !way(piece[:n]) {
			<-ctx.Done()
			return
		}
		if _, e := to.Write(piece[:n]); err != nil || e != nil {
			return
		}
	}
}

// reset ends the connection as a machine does that knows nothing of it.
func (l *line) reset() {
	for _, end := range l.ends.Load() {
		end.SetLinger(0)
		end.Close()
	}
}

// letters are so many bytes of text.
func letters(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "line %d\n", i*i)
	}
	return b.String()[:n]
}

// TestReset resets the connection behind every 4 KiB of a file on its way: nobody takes it for done, the node has the
// old file or the new one, the unfinished one goes, and the same change can be made again.
func TestReset(t *testing.T) {
	s := serve(t, &server{})
	d := folder(t)
	old, after := file("old", 0o644), file(letters(32<<10), 0o600)
	for at := 0; ; at += 4 << 10 {
		lay(t, d+"/f", "old", old)
		left := atomic.Int64{}
		left.Store(1 << 60)
		l := &line{}
		l.up = func(piece []byte) bool {
			if left.Add(-int64(len(piece))) < 0 {
				l.reset()
				return false
			}
			return true
		}
		n, err := Dial(t.Context(), l.laid(t, s.config))
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		h := hold(t, n)
		left.Store(int64(at))
		err = h.Put(t.Context(), engine.Change{At: d + "/f", Before: old, After: after})
		if err == nil {
			if at < 32<<10 {
				t.Errorf("only %d bytes went over the line", at)
			}
			return
		}
		if _, lost := errors.AsType[*engine.LostError](err); !lost {
			t.Errorf("reset behind %d bytes: %v", at, err)
		}
		for try := 0; names(t, d) != "f"; try++ { // the node's shell cleans up when it has seen the end
			if try == 200 {
				t.Fatalf("reset behind %d bytes, there is left: %s", at, names(t, d))
			}
			time.Sleep(50 * time.Millisecond)
		}
		again := s.dial(t)
		if got := must(again.Look(t.Context(), d+"/f"))[0]; !old.Matches(got) && !after.Matches(got) {
			t.Errorf("reset behind %d bytes: there is %s", at, got)
		}
		if err := again.Put(t.Context(), engine.Change{At: d + "/f", Before: old, After: after}); err != nil {
			t.Errorf("reset behind %d bytes, again: %v", at, err)
		}
		if err := again.Put(t.Context(), engine.Change{At: d + "/f", Before: after, After: absent}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFrozenInAFile: nothing arrives any more in the middle of a file. hcrun finds out within half a minute; others are
// told that somebody writes there, until its worker has waited for long enough and ends; then they write.
func TestFrozenInAFile(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, []string{"ed25519"}, "SetEnv "+tools(t, map[string]string{"sleep": "exec " + mustFind(t, "sleep") + " 0.05"})[0])
	d := folder(t)
	old, after := file("old", 0o644), file(letters(64<<10), 0o600)
	lay(t, d+"/f", "old", old)
	left := atomic.Int64{}
	left.Store(1 << 60)
	stop := make(chan struct{})
	way := func(piece []byte) bool {
		select {
		case <-stop:
			return false
		default:
		}
		if left.Add(-int64(len(piece))) < 0 {
			close(stop)
			return false
		}
		return true
	}
	l := &line{up: way, down: func([]byte) bool {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}}
	c := l.laid(t, s.config)
	c.Pace = 1000
	n, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	h := hold(t, n)
	left.Store(32 << 10)
	began, ended := time.Now(), make(chan error, 1)
	go func() { ended <- h.Put(t.Context(), engine.Change{At: d + "/f", Before: old, After: after}) }()
	<-stop
	take := func() (engine.WritableNode, error) { // with a worker of its own: these do not live long
		n, err := Dial(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		return n.Claim(t.Context(), engine.Claim{Run: "run-2"}, *must(n.Ledger(t.Context())).Claim)
	}
	if _, err := take(); engine.CodeOf(err) != engine.Busy {
		t.Errorf("claimed while somebody writes: %v", err)
	}
	err = <-ended
	if _, lost := errors.AsType[*engine.LostError](err); !lost || time.Since(began) > 30*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	w, err := take()
	for ; engine.CodeOf(err) == engine.Busy && time.Since(began) < 2*time.Minute; w, err = take() {
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := must(w.Look(t.Context(), d+"/f"))[0]; !old.Matches(got) {
		t.Errorf("there is %s", got)
	}
	if err := w.Put(t.Context(), engine.Change{At: d + "/f", Before: old, After: after}); err != nil || names(t, d) != "f" {
		t.Errorf("%v, and there is left: %s", err, names(t, d))
	}
}

// TestStalls has the server fall silent behind more and more of what it says, and of what it hears,
// until a node is open: each time the end comes soon, and nothing was done.
func TestStalls(t *testing.T) {
	s := serve(t, &server{})
	for _, way := range []string{"what it says", "what it hears"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			silent := 0
			for at := 0; ; at += 300 + at/4 {
				left := int64(at)
				stall := func(piece []byte) bool { left -= int64(len(piece)); return left >= 0 }
				l := &line{}
				if way == "what it says" {
					l.down = stall
				} else {
					l.up = stall
				}
				c := l.laid(t, s.config)
				c.ConnectTimeout = 400 * time.Millisecond
				began := time.Now()
				n, err := Dial(t.Context(), c)
				if err == nil {
					n.Close()
					break
				}
				silent++
				if code := engine.CodeOf(err); code != engine.Unreachable && code != engine.Preflight || time.Since(began) > 10*time.Second {
					t.Fatalf("silent behind %d bytes: code %d after %s: %v", at, code, time.Since(began), err)
				}
			}
			if silent < 5 {
				t.Errorf("only %d silences", silent)
			}
		})
	}
}

// TestSlowLine: 64 kbit/s, and a tenth of a second for each piece; all is done, and right.
func TestSlowLine(t *testing.T) {
	t.Parallel()
	s := serve(t, &server{})
	slow := func(piece []byte) bool {
		time.Sleep(100*time.Millisecond + time.Duration(len(piece))*time.Second/(8<<10))
		return true
	}
	l := &line{up: slow, down: slow}
	n, err := Dial(t.Context(), l.laid(t, s.config))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	d := folder(t)
	after := file(letters(4<<10), 0o600)
	if err := hold(t, n).Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: after}); err != nil {
		t.Fatal(err)
	}
	if got, err := n.Look(t.Context(), d+"/f"); err != nil || !after.Matches(got[0]) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestDrip: an answer that comes byte by byte is not waited for longer than there is time.
func TestDrip(t *testing.T) {
	var drips atomic.Bool
	s := serve(t, &server{tamper: func(out io.Writer, _ string) io.Writer {
		return writerFunc(func(p []byte) (int, error) {
			for i := range p {
				if drips.Load() {
					time.Sleep(time.Second)
				}
				if _, err := out.Write(p[i : i+1]); err != nil {
					return i, err
				}
			}
			return len(p), nil
		})
	}})
	n := s.dial(t)
	d := folder(t)
	drips.Store(true)
	for what, ask := range map[string]func(context.Context) error{
		"look": func(ctx context.Context) error { _, err := n.Look(ctx, d); return err },
		"run":  func(ctx context.Context) error { _, err := n.Observe(ctx, "uname", "-a"); return err },
		"put": func(ctx context.Context) error {
			return n.Put(ctx, engine.Change{At: d + "/f", Before: absent, After: file("x", 0o600)})
		},
	} {
		drips.Store(false)
		if _, err := n.Look(t.Context(), d); err != nil { // a worker is there
			t.Fatal(err)
		}
		drips.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		began := time.Now()
		err := ask(ctx)
		cancel()
		if _, lost := errors.AsType[*engine.LostError](err); lost != (what == "put") || !lost && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it took %s", what, took)
		}
	}
}
