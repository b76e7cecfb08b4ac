package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/hcrun/hcrun/engine"
)

// TestMain lets copies of the test binary be supervisor, node and tools.
func TestMain(m *testing.M) {
	if code, ok := Child(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// bed is a running lab and the ways into it.
type bed struct {
	*testing.T
	dir string
	st  *Status
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{T: t, dir: filepath.Join(t.TempDir(), "lab")}
	t.Cleanup(func() {
		if err := Down(context.Background(), b.dir); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(b.dir, "lab.log"))
			t.Logf("lab.log:\n%s", log)
		}
	})
	b.up(Options{Pace: 20})
	return b
}

// up is Up; where the machine does not allow it, there is nothing to test.
func (b *bed) up(o Options) {
	b.Helper()
	o.Dir = b.dir
	st, err := Up(b.Context(), o)
	if engine.CodeOf(err) == engine.Preflight {
		if os.Getenv("CI") == "true" {
			b.Fatal(err)
		}
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.st = st
}

func (b *bed) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bed) node(name string) NodeStatus {
	b.Helper()
	for _, n := range b.st.Nodes {
		if n.Name == name {
			return n
		}
	}
	b.Fatalf("no node %s in %+v", name, b.st.Nodes)
	return NodeStatus{}
}

// dial connects as hcrun would: strict host keys, the lab's identity.
func (b *bed) dial(name string, within time.Duration) (*ssh.Client, error) {
	n := b.node(name)
	pem, err := os.ReadFile(b.st.Identity)
	b.ok(err)
	key, err := ssh.ParsePrivateKey(pem)
	b.ok(err)
	known, err := knownhosts.New(b.st.KnownHosts)
	b.ok(err)
	addr := net.JoinHostPort(n.Host, fmt.Sprint(n.Port))
	c, err := net.DialTimeout("tcp", addr, within)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(within))
	conn, chans, reqs, err := ssh.NewClientConn(c, addr, &ssh.ClientConfig{User: "root", HostKeyCallback: known,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}})
	if err != nil {
		c.Close()
		return nil, err
	}
	c.SetDeadline(time.Time{})
	return ssh.NewClient(conn, chans, reqs), nil
}

func (b *bed) client(name string) *ssh.Client {
	b.Helper()
	c, err := b.dial(name, 10*time.Second)
	b.ok(err)
	b.Cleanup(func() { c.Close() })
	return c
}

// result of a command: code is -1 for a signal.
type result struct {
	out, err, signal string
	code             int
}

func run(c *ssh.Client, line string) (result, error) {
	s, err := c.NewSession()
	if err != nil {
		return result{}, err
	}
	defer s.Close()
	var o, e bytes.Buffer
	s.Stdout, s.Stderr = &o, &e
	err = s.Run(line)
	r := result{out: o.String(), err: e.String()}
	if x, ok := errors.AsType[*ssh.ExitError](err); ok {
		r.code, r.signal, err = x.ExitStatus(), x.Signal(), nil
		if r.signal != "" {
			r.code = -1
		}
	}
	return r, err
}

// sh runs a command on a node over a connection of its own and gives its trimmed output.
func (b *bed) sh(name, line string) string {
	b.Helper()
	c, err := b.dial(name, 10*time.Second)
	b.ok(err)
	defer c.Close()
	r, err := run(c, line)
	b.ok(err)
	if r.code != 0 {
		b.Fatalf("%s: exit %d %s: %s", line, r.code, r.signal, r.err)
	}
	return strings.TrimSpace(r.out)
}

// until waits for something that has to come true.
func (b *bed) until(what string, f func() bool) {
	b.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); {
		if time.Now().After(end) {
			b.Fatalf("still not true: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func equal[T comparable](b *bed, what string, got, want T) {
	b.Helper()
	if got != want {
		b.Errorf("%s: %v, want %v", what, got, want)
	}
}
