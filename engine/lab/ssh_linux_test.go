package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

func mustAtoi(b *bed, s string) int {
	b.Helper()
	n, err := strconv.Atoi(s)
	b.ok(err)
	return n
}

func TestSSHExec(t *testing.T) {
	b := newBed(t)
	c := b.client("master1")
	for _, tt := range []struct {
		line string
		want result
	}{
		{"true", result{}},
		{"exit 7", result{code: 7}},
		{"echo out; echo err >&2", result{out: "out\n", err: "err\n"}},
		{"kill -9 $$", result{code: -1, signal: "KILL"}},
		{"kill -TERM $$", result{code: -1, signal: "TERM"}},
		{"kill -BUS $$", result{code: -1, signal: "SIG@openssh.com"}},
		{"no-such-command 2>/dev/null", result{code: 127}},
		{"pwd; id -u", result{out: "/root\n0\n"}},
		{"head -c 3000000 /dev/zero | tr '\\0' x | tail -c 3", result{out: "xxx"}},
		{"kill -TERM 1; kill -HUP 1; kill -9 1; echo alive", result{out: "alive\n"}},
	} {
		got, err := run(c, tt.line)
		b.ok(err)
		equal(b, tt.line, got, tt.want)
	}
}

func TestSSHSignal(t *testing.T) {
	b := newBed(t)
	s, err := b.client("master1").NewSession()
	b.ok(err)
	out, err := s.StdoutPipe()
	b.ok(err)
	b.ok(s.Setenv("LANG", "C")) // accepted, and ignored
	b.ok(s.Start("echo $LANG; sleep 1000 & wait"))
	_, err = io.ReadFull(out, make([]byte, 1)) // it runs
	b.ok(err)
	b.ok(s.Signal(ssh.SIGTERM))
	x, ok := errors.AsType[*ssh.ExitError](s.Wait())
	equal(b, "ended by a signal", ok && x.Signal() == "TERM", true)
}

func TestSSHKeepaliveAndRefusals(t *testing.T) {
	b := newBed(t)
	c := b.client("master1")
	ok, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
	b.ok(err)
	equal(b, "answer to a keepalive", ok, false)
	_, _, err = c.OpenChannel("x11", nil)
	equal(b, "another channel", err != nil, true)
	_, err = c.Dial("tcp", "127.0.0.1:1")
	equal(b, "a port where nobody listens", err != nil, true)
	var sessions []*ssh.Session
	for range maxSessions {
		s, err := c.NewSession()
		b.ok(err)
		sessions = append(sessions, s)
	}
	_, err = c.NewSession()
	equal(b, "one session too many", err != nil, true)
	for _, s := range sessions {
		s.Close()
	}
}

func TestSSHOnlyTheLabsKey(t *testing.T) {
	b := newBed(t)
	other := t.TempDir() + "/key"
	_, err := newKey(other, "x")
	b.ok(err)
	stranger, user := *b, *b
	stranger.st = &Status{Nodes: b.st.Nodes, KnownHosts: b.st.KnownHosts, Identity: other}
	_, err = stranger.dial("master1", answerWithin)
	equal(b, "another key is refused", err != nil && strings.Contains(err.Error(), "unable to authenticate"), true)
	user.st = &Status{Nodes: []NodeStatus{{Name: "master1", Host: "127.0.0.1", Port: b.node("master2").Port}},
		KnownHosts: b.st.KnownHosts, Identity: b.st.Identity}
	c, err := user.dial("master1", answerWithin)
	b.ok(err) // each port has its own key, and known_hosts knows it
	c.Close()
}

func TestSSHForward(t *testing.T) {
	b := newBed(t)
	for _, n := range b.st.Nodes {
		c := b.client(n.Name)
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // who answers is the simulation's test
			DialContext:     func(_ context.Context, network, addr string) (net.Conn, error) { return c.Dial(network, addr) }}}
		for _, url := range []string{"https://127.0.0.1:6443/readyz", "http://127.0.0.1:3100/ready"} {
			r, err := client.Get(url)
			b.ok(err)
			r.Body.Close()
			equal(b, n.Name+" "+url, r.StatusCode, http.StatusOK)
		}
		client.CloseIdleConnections()
	}
	r, err := http.Get(b.st.Loki + "/ready")
	b.ok(err)
	r.Body.Close()
	equal(b, "Loki on the machine", r.StatusCode, http.StatusOK)
}

// The end of a connection ends the pipes of what runs, and kills nothing.
func TestSSHHangUp(t *testing.T) {
	b := newBed(t)
	c := b.client("master1")
	s, err := c.NewSession()
	b.ok(err)
	in, err := s.StdinPipe()
	b.ok(err)
	out, err := s.StdoutPipe()
	b.ok(err)
	b.ok(s.Start("trap 'echo pipe >/run/pipe' PIPE; echo up; while read x; do :; done; while [ ! -e /run/pipe ]; do echo into nothing; done; echo lives >/run/lives"))
	_, err = io.ReadFull(out, make([]byte, 3))
	b.ok(err)
	_, err = io.WriteString(in, "x\n")
	b.ok(err)
	c.Close()
	b.until("the process goes on after the end of its stdin", func() bool {
		return b.sh("master1", "cat /run/lives 2>/dev/null || :") == "lives"
	})
	equal(b, "its stdout is closed", b.sh("master1", "cat /run/pipe"), "pipe")
}

// Pid 1 reaps what it inherits and leaves alone what it has started itself.
func TestSSHExitCodesAmongOrphans(t *testing.T) {
	b := newBed(t)
	var all sync.WaitGroup
	for i := range 4 {
		c := b.client("master1")
		all.Go(func() {
			for j := range 25 {
				want := (i*25 + j) % 100
				r, err := run(c, fmt.Sprintf("( true & true & ) ; exit %d", want))
				if err != nil || r.code != want {
					t.Errorf("exit %d: got %+v %v", want, r, err)
				}
			}
		})
	}
	all.Wait()
	b.until("no zombies", func() bool {
		return b.sh("master1", "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z 1 ' || :") == "0"
	})
}

func TestSSHLargeStream(t *testing.T) {
	b := newBed(t)
	s, err := b.client("master1").NewSession()
	b.ok(err)
	s.Stdin = io.LimitReader(zeros{}, 20<<20)
	out, err := s.Output("wc -c")
	b.ok(err)
	equal(b, "bytes through a pipe", strings.TrimSpace(string(out)), fmt.Sprint(20<<20))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
