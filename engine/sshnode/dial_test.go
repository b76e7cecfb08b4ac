package sshnode

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
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

// TestDialErrors: what is in the way is said in words, with its code.
func TestDialErrors(t *testing.T) {
	s := serve(t, &server{})
	good := s.config
	other, otherPEM := newSigner(t)
	dir := t.TempDir()
	write := func(name, text string) []string {
		writeFile(t, dir+"/"+name, text)
		return []string{dir + "/" + name}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	otherKey := write("other", string(otherPEM))
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(mustRSA(t), "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(c *Config)
		code   engine.Code
		want   []string
	}{
		{"unknown host", func(c *Config) { c.KnownHosts = write("empty", "") }, engine.Identity, []string{"is unknown", ssh.FingerprintSHA256(s.host.PublicKey())}},
		{"no such file", func(c *Config) { c.KnownHosts = []string{dir + "/none"} }, engine.Identity, []string{"is unknown"}},
		{"no files", func(c *Config) { c.KnownHosts = nil }, engine.Identity, []string{"is unknown"}},
		{"changed key", func(c *Config) {
			c.KnownHosts = write("changed", "# a comment\n"+knownhosts.Line([]string{c.hostport()}, other.PublicKey())+"\n")
		}, engine.Identity, []string{"not the one that is known", ssh.FingerprintSHA256(s.host.PublicKey()), ssh.FingerprintSHA256(other.PublicKey()), dir + "/changed:2"}},
		{"only another type", func(c *Config) {
			pub, err := ssh.NewPublicKey(&mustRSA(t).PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			c.KnownHosts = write("rsa", knownhosts.Line([]string{c.hostport()}, pub)+"\n")
		}, engine.Identity, []string{"not the one that is known", "ssh-rsa", "ssh-ed25519", dir + "/rsa:1"}},
		{"malformed file", func(c *Config) { c.KnownHosts = write("bad", "\nnonsense\n") }, engine.Identity, []string{dir + "/bad:2"}},
		{"refused key", func(c *Config) { c.Identities = otherKey }, engine.Unreachable, []string{`user "root"`, dir + "/other", ssh.FingerprintSHA256(other.PublicKey())}},
		{"no key", func(c *Config) { c.Identities = nil }, engine.Unreachable, []string{"no key"}},
		{"missing key", func(c *Config) { c.Identities = []string{dir + "/gone"} }, engine.Unreachable, []string{dir + "/gone"}},
		{"not a key", func(c *Config) { c.Identities = write("text", "text") }, engine.Unreachable, []string{"is not a private key"}},
		{"locked key", func(c *Config) { c.Identities = write("locked", string(pem.EncodeToMemory(locked))) }, engine.Unreachable, []string{"is encrypted and no agent holds it"}},
		{"no agent", func(c *Config) { c.Identities, c.Agent = nil, dir+"/sock" }, engine.Unreachable, []string{"no agent"}},
		{"silent port", func(c *Config) {
			c.Port, c.ConnectTimeout = silent.Addr().(*net.TCPAddr).Port, time.Second
		}, engine.Unreachable, []string{"is silent"}},
		{"closed port", func(c *Config) { c.Port = closed.Addr().(*net.TCPAddr).Port }, engine.Unreachable, []string{"connection refused"}},
		{"no such name", func(c *Config) { c.Host = "no-such-host.invalid" }, engine.Unreachable, []string{"no address"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good
			c.change(&config)
			n, err := Dial(t.Context(), config)
			if err == nil {
				n.Close()
			}
			if engine.CodeOf(err) != c.code {
				t.Fatalf("code %d, %v; want %d", engine.CodeOf(err), err, c.code)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v\ndoes not say %q", err, w)
				}
			}
		})
	}
	config := good
	config.KnownHosts = nil
	var p *engine.Problem
	if _, err := Dial(t.Context(), config); !errors.As(err, &p) || p.Next != "hcrun trust master1" {
		t.Errorf("next for an unknown host: %+v", p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, good); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func mustRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestAgent: a key that only the agent holds works beside a key file that is refused.
func TestAgent(t *testing.T) {
	s := serve(t, &server{})
	pemBytes, err := os.ReadFile(s.config.Identities[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(pemBytes)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = agent.ServeAgent(ring, c)
		}
		ended <- err
	}()
	_, other := newSigner(t)
	writeFile(t, dir+"/other", string(other))
	s.config.Identities, s.config.Agent = []string{dir + "/other"}, dir+"/s"
	s.dial(t)
	<-ended // the socket is closed once the handshake is over
}

func TestHostKeys(t *testing.T) {
	s := serve(t, &server{})
	s.config.KnownHosts, s.config.Identities = nil, nil
	keys, err := HostKeys(t.Context(), s.config)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	want := HostKey{Type: "ssh-ed25519", Fingerprint: ssh.FingerprintSHA256(s.host.PublicKey()), Line: knownhosts.Line([]string{s.config.hostport()}, s.host.PublicKey())}
	if keys[0] != want {
		t.Errorf("%v, want %v", keys[0], want)
	}
	known := t.TempDir() + "/known"
	s.config.KnownHosts = []string{known}
	writeFile(t, known, want.Line+"\n")
	if keys, err = HostKeys(t.Context(), s.config); err != nil || !keys[0].Known || keys[0].Contradicts != nil {
		t.Errorf("known: %v, %v", keys, err)
	}
	other, _ := newSigner(t)
	writeFile(t, known, knownhosts.Line([]string{s.config.hostport()}, other.PublicKey())+"\n")
	if keys, err = HostKeys(t.Context(), s.config); err != nil || keys[0].Known || engine.CodeOf(keys[0].Contradicts) != engine.Identity {
		t.Errorf("another key is known: %v, %v", keys, err)
	}
	s.config.Port = 1
	if _, err := HostKeys(t.Context(), s.config); engine.CodeOf(err) != engine.Unreachable {
		t.Errorf("closed port: %v", err)
	}
}

// TestKeepalive: a link that freezes ends what waits on it.
func TestKeepalive(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, _ := newSigner(t)
	sc := &ssh.ServerConfig{NoClientAuth: true}
	sc.AddHostKey(host)
	go func() {
		back, err := l.Accept()
		if err != nil {
			return
		}
		_, _, reqs, err := ssh.NewServerConn(back, sc)
		if err == nil {
			for range reqs { // never answers
			}
		}
	}()
	front, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, chans, reqs, err := ssh.NewClientConn(front, "", &ssh.ClientConfig{HostKeyCallback: ssh.FixedHostKey(host.PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(conn, chans, reqs)
	keepalive(client, 10*time.Millisecond, make(chan struct{}))
	if err := client.Wait(); err == nil {
		t.Error("the connection is still open")
	}
}

// TestConnectionLost: before a request it is unreachable, and nobody dials again by himself.
func TestConnectionLost(t *testing.T) {
	s := serve(t, &server{})
	n := s.dial(t)
	n.client.Client.Close()
	d := folder(t)
	err := n.Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: file("x", 0o600)})
	if err == nil || names(t, d) != "" {
		t.Errorf("%v, %q", err, names(t, d))
	}
	if _, err := n.Look(t.Context(), d); engine.CodeOf(err) != engine.Unreachable {
		t.Errorf("look: %v", err)
	}
	if c := s.conns.Load(); c != 1 {
		t.Errorf("%d connections", c)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}
