package sshnode

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/hcrun/hcrun/engine"
)

// chain is a target behind two jump hosts, all in this process.
func chain(t *testing.T) (first, second, target *server, c Config) {
	t.Helper()
	first, second, target = serve(t, &server{}), serve(t, &server{}), serve(t, &server{})
	first.config.Name, second.config.Name = "outer", "inner"
	c = target.config
	c.Jump = []Config{first.config, second.config}
	return first, second, target, c
}

func TestJump(t *testing.T) {
	first, second, target, c := chain(t)
	n, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	putCases()[0].run(t, n, "f")
	if s := n.Stats(); s.Conns != 3 || s.Channels != 1 {
		t.Errorf("%+v, want three connections and one channel", s)
	}
	for name, s := range map[string]*server{"outer": first, "inner": second, "target": target} {
		if conns, channels := s.conns.Load(), s.channels.Load(); conns != 1 || channels > 0 && s != target {
			t.Errorf("%s: %d connections, %d channels", name, conns, channels)
		}
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	for _, hop := range n.route.hops {
		if err := hop.Wait(); !isGone(err) {
			t.Errorf("a jump host's connection after Close: %v", err)
		}
	}
	keys, err := HostKeys(t.Context(), c)
	if err != nil || len(keys) != 1 || !keys[0].Known || keys[0].Fingerprint != ssh.FingerprintSHA256(target.host.PublicKey()) {
		t.Errorf("%v, %v", keys, err)
	}
}

// TestJumpErrors: whichever hop it is that fails, the message says so.
func TestJumpErrors(t *testing.T) {
	first, second, target, good := chain(t)
	other, otherPEM := newSigner(t)
	dir := t.TempDir()
	writeFile(t, dir+"/none", "")
	writeFile(t, dir+"/key", string(otherPEM))
	writeFile(t, dir+"/changed", knownhosts.Line([]string{second.config.hostport()}, other.PublicKey())+"\n")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	quiet := silent.Addr().(*net.TCPAddr).Port
	prohibits, frozen := serve(t, &server{noForward: "reject"}), serve(t, &server{noForward: "silence"})
	outer := "jump host outer (" + first.config.hostport() + ") on the way to master1"
	inner := "jump host inner (" + second.config.hostport() + ") through outer on the way to master1"
	far := "master1 (" + target.config.hostport() + ") through inner"
	for _, c := range []struct {
		name   string
		change func(c *Config)
		code   engine.Code
		next   string
		want   []string
	}{
		{"unknown outer", func(c *Config) { c.Jump[0].KnownHosts = nil }, engine.Identity, "hcrun trust master1", []string{outer + " is unknown", ssh.FingerprintSHA256(first.host.PublicKey())}},
		{"changed inner", func(c *Config) { c.Jump[1].KnownHosts = []string{dir + "/changed"} }, engine.Identity, "", []string{"the host key of " + inner + " is not the one", "changed:1"}},
		{"unknown target", func(c *Config) { c.KnownHosts = []string{dir + "/none"} }, engine.Identity, "hcrun trust master1", []string{far + " is unknown"}},
		{"outer closed", func(c *Config) { c.Jump[0].Port = 1 }, engine.Unreachable, "", []string{"jump host outer (127.0.0.1:1) on the way to master1: connection refused"}},
		{"outer silent", func(c *Config) { c.Jump[0].Port, c.Jump[0].ConnectTimeout = quiet, time.Second }, engine.Unreachable, "", []string{"jump host outer", "is silent"}},
		{"outer has no name", func(c *Config) { c.Jump[0].Host = "no-such-host.invalid" }, engine.Unreachable, "", []string{"jump host outer", "no address"}},
		{"outer refuses the key", func(c *Config) { c.Jump[0].Identities = []string{dir + "/key"} }, engine.Unreachable, "", []string{outer, `refused user "root"`}},
		{"inner without key", func(c *Config) { c.Jump[1].Identities = nil }, engine.Unreachable, "", []string{inner, "no key"}},
		{"inner closed", func(c *Config) { c.Jump[1].Port = 1 }, engine.Unreachable, "", []string{"jump host inner (127.0.0.1:1) through outer on the way to master1: jump host outer cannot connect to it", "refused"}},
		{"inner silent", func(c *Config) { c.Jump[1].Port, c.Jump[1].ConnectTimeout = quiet, time.Second }, engine.Unreachable, "", []string{"jump host inner", "is silent"}},
		{"target closed", func(c *Config) { c.Port = 1 }, engine.Unreachable, "", []string{"connect to master1 (127.0.0.1:1) through inner: jump host inner cannot connect to it"}},
		{"target silent", func(c *Config) { c.Port, c.ConnectTimeout = quiet, time.Second }, engine.Unreachable, "", []string{"connect to master1", "through inner", "is silent"}},
		{"target refuses the key", func(c *Config) { c.Identities = []string{dir + "/key"} }, engine.Unreachable, "", []string{far, `refused user "root"`}},
		{"forwarding not allowed", func(c *Config) { c.Jump[1] = prohibits.config }, engine.Unreachable, "", []string{"does not allow it", "AllowTcpForwarding"}},
		{"forwarding never answered", func(c *Config) { c.Jump[1], c.ConnectTimeout = frozen.config, time.Second }, engine.Unreachable, "", []string{"connect to master1", "no answer within"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good
			config.Jump = []Config{good.Jump[0], good.Jump[1]}
			c.change(&config)
			n, err := Dial(t.Context(), config)
			if err == nil {
				n.Close()
			}
			p, ok := err.(*engine.Problem)
			if !ok || p.Code != c.code || p.Next != c.next {
				t.Fatalf("%+v; want code %d, next %q", err, c.code, c.next)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v\ndoes not say %q", err, w)
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	good.Port = quiet
	if _, err := Dial(ctx, good); engine.CodeOf(err) == engine.Unreachable || ctx.Err() == nil {
		t.Errorf("ended by its context: %v", err)
	}
}

// TestJumpLost: when a jump host goes, what waits for the node behind it ends.
func TestJumpLost(t *testing.T) {
	for _, hop := range []int{0, 1} {
		_, _, _, c := chain(t)
		n, err := Dial(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		n.route.hops[hop].Close()
		if _, err := n.Look(t.Context(), "/etc/hostname"); err == nil {
			t.Errorf("hop %d: the node answers through a connection that is gone", hop)
		}
	}
}

// TestJumpFrozen: a jump host that stops answering is found out by its own keepalive.
func TestJumpFrozen(t *testing.T) {
	t.Parallel()
	s := serve(t, &server{})
	front, freeze := freezer(t, s.config.hostport())
	hop := s.config
	hop.Name, hop.Port, hop.Pace = "outer", front, 1000
	hop.KnownHosts = []string{t.TempDir() + "/known"}
	writeFile(t, hop.KnownHosts[0], knownhosts.Line([]string{hop.hostport()}, s.host.PublicKey())+"\n")
	target := serve(t, &server{})
	c := target.config
	c.Jump, c.Pace = []Config{hop}, 1000
	n, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	close(freeze)
	began := time.Now()
	if _, err := n.Look(t.Context(), "/etc/hostname"); err == nil {
		t.Error("an answer over a frozen link")
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s to find out", took)
	}
	n.Close()
}

// freezer forwards connections to addr until freeze is closed; from then on nothing moves.
func freezer(t *testing.T, addr string) (port int, freeze chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	freeze = make(chan struct{})
	move := func(to, from net.Conn) {
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			select {
			case <-freeze:
				<-t.Context().Done()
				return
			default:
			}
			if err != nil {
				to.Close()
				return
			}
			to.Write(buf[:n])
		}
	}
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", addr)
			if err != nil {
				a.Close()
				return
			}
			go move(b, a)
			go move(a, b)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, freeze
}

// TestIdentitiesOnly: of an agent's keys only those count that a file names, which may be a public key alone.
func TestIdentitiesOnly(t *testing.T) {
	s := serve(t, &server{})
	pem, err := os.ReadFile(s.config.Identities[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	socket := serveAgent(t, key)
	dir := t.TempDir()
	writeFile(t, dir+"/id.pub", string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	_, other := newSigner(t)
	writeFile(t, dir+"/other", string(other))
	for _, c := range []struct {
		file string
		only bool
		want bool
	}{
		{dir + "/id.pub", true, true},
		{dir + "/id", true, true}, // only id.pub is there
		{dir + "/other", true, false},
		{dir + "/other", false, true},
	} {
		config := s.config
		config.Agent, config.Identities, config.IdentitiesOnly = socket, []string{c.file}, c.only
		n, err := Dial(t.Context(), config)
		if err == nil {
			n.Close()
		}
		if (err == nil) != c.want {
			t.Errorf("%s, only %v: %v", c.file, c.only, err)
		}
	}
}

func serveAgent(t *testing.T, key any) string {
	t.Helper()
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, c)
		}
	}()
	return dir + "/s"
}

// TestKnownAs: a host that is known under another name.
func TestKnownAs(t *testing.T) {
	s := serve(t, &server{})
	writeFile(t, s.config.KnownHosts[0], knownhosts.Line([]string{"cluster-vip"}, s.host.PublicKey())+"\n")
	if _, err := Dial(t.Context(), s.config); engine.CodeOf(err) != engine.Identity {
		t.Errorf("by its address: %v", err)
	}
	s.config.KnownAs = "cluster-vip"
	s.dial(t)
	keys, err := HostKeys(t.Context(), s.config)
	if err != nil || len(keys) != 1 || !keys[0].Known || !strings.HasPrefix(keys[0].Line, "cluster-vip ") {
		t.Errorf("%v, %v", keys, err)
	}
}
