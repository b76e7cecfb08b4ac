package sshnode

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// TestSshdJump: over a real jump host, which opens no session, and over one that forwards nothing.
func TestSshdJump(t *testing.T) {
	outer, inner := startSSHD(t, []string{"ed25519", "rsa"}, "MaxSessions 0"), startSSHD(t, []string{"ecdsa"}, "MaxSessions 0")
	target := startSSHD(t, []string{"ed25519"}, "MaxSessions 1")
	outer.config.Name, inner.config.Name = "outer", "inner"
	c := target.config
	c.Jump = []Config{outer.config, inner.config}
	n, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, pc := range putCases() {
		pc.run(t, n, "f")
	}
	if out, err := n.Observe(t.Context(), "id", "-u"); err != nil || string(out) != "0\n" {
		t.Errorf("%q, %v", out, err)
	}
	banner(t, n, target.config.hostport())
	if keys, err := HostKeys(t.Context(), c); err != nil || len(keys) != 1 || !keys[0].Known {
		t.Errorf("%v, %v", keys, err)
	}

	writeFile(t, inner.config.KnownHosts[0], "")
	if _, err := Dial(t.Context(), c); engine.CodeOf(err) != engine.Identity || !strings.Contains(err.Error(), "jump host inner") {
		t.Errorf("unknown jump host: %v", err)
	}
	closed := startSSHD(t, []string{"ed25519"}, "AllowTcpForwarding no")
	c.Jump = []Config{closed.config}
	if _, err := Dial(t.Context(), c); engine.CodeOf(err) != engine.Unreachable || !strings.Contains(err.Error(), "AllowTcpForwarding") {
		t.Errorf("no forwarding: %v", err)
	}
	c.Jump, c.Port = []Config{outer.config}, 1
	if _, err := Dial(t.Context(), c); engine.CodeOf(err) != engine.Unreachable || !strings.Contains(err.Error(), "jump host outer cannot connect to it") {
		t.Errorf("closed port behind a jump host: %v", err)
	}
}

// banner opens a connection from the node to an SSH port, as checks open theirs.
func banner(t *testing.T, n *Node, addr string) {
	t.Helper()
	conn, err := n.Dial(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text := make([]byte, 8)
	if _, err := io.ReadFull(conn, text); err != nil || string(text) != "SSH-2.0-" {
		t.Errorf("%q, %v", text, err)
	}
}

// master starts the real ssh client as a master on a control socket, and returns how to end it.
func (d *sshd) master(t *testing.T, socket string) (end func()) {
	t.Helper()
	path, err := exec.LookPath("ssh")
	if err != nil {
		missing(t, "ssh")
	}
	cmd := exec.Command(path, "-F", "none", "-N", "-M", "-S", socket, "-i", d.config.Identities[0], "-o", "UserKnownHostsFile="+d.config.KnownHosts[0],
		"-o", "BatchMode=yes", "-p", itoa(d.config.Port), "root@127.0.0.1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(end)
	for try := 0; ; try++ {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return end
		}
		if try == 200 {
			t.Fatal("the master does not come up")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestSshdControl: over the connection of a real OpenSSH master, and what is said when there is none.
func TestSshdControl(t *testing.T) {
	s := startSSHD(t, []string{"ed25519"})
	dir := folder(t)
	socket := dir + "/cm"
	c := s.config
	c.ControlPath, c.Identities, c.KnownHosts, c.Pace = socket, nil, nil, 1000
	refused := func(c Config, code engine.Code, want string) {
		t.Helper()
		_, err := Dial(t.Context(), c)
		if p, ok := err.(*engine.Problem); !ok || p.Code != code || !strings.Contains(p.What, want) || code == engine.Unreachable && !strings.Contains(p.Next, "ssh -fNM -o ServerAliveInterval=15 -S "+c.ControlPath) {
			t.Errorf("%+v, want code %d and %q", err, code, want)
		}
	}
	refused(c, engine.Unreachable, "there is no such socket")
	writeFile(t, socket, "")
	refused(c, engine.Unreachable, "this is no socket")
	os.Remove(socket)

	end := s.master(t, socket)
	n, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, pc := range putCases() {
		pc.run(t, n, "f")
	}
	banner(t, n, s.config.hostport())
	time.Sleep(3 * c.interval() / 2) // long enough for a keepalive, which would end it
	if out, err := n.Observe(t.Context(), "id", "-u"); err != nil || string(out) != "0\n" {
		t.Errorf("%q, %v", out, err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if n, err = Dial(t.Context(), c); err != nil {
		t.Fatalf("the master did not survive the first node: %v", err)
	}
	defer n.Close()
	if _, err := HostKeys(t.Context(), c); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("host keys behind a control socket: %v", err)
	}
	behind := s.config
	hop := c
	hop.Name = "bastion"
	behind.Jump = []Config{hop}
	if n, err := Dial(t.Context(), behind); err != nil {
		t.Errorf("a master as jump host: %v", err)
	} else {
		n.Close()
	}
	if err := os.Chown(socket, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	refused(c, engine.Security, "belongs to user 65534")
	if err := os.Chown(socket, 0, 0); err != nil {
		t.Fatal(err)
	}
	end()
	if _, err := n.Look(t.Context(), "/etc/hostname"); err == nil {
		t.Error("the node answers without its master")
	}
	refused(c, engine.Unreachable, "the master has ended")
}
