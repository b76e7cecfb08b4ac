package sshnode

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// TestMain lets more tests run side by side than there are processors: those that do so wait, most of the time. Fuzzing
// does not wait.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" || f.Name == "test.fuzz" })
	if !given {
		flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
	}
	os.Exit(m.Run())
}

// server is an SSH server in this process that gives every exec request to a real shell, so that the
// worker meets real tools and a real file system.
type server struct {
	t        *testing.T
	shell    []string // what "/bin/sh" is
	env      []string
	listener net.Listener
	host     ssh.Signer
	channels atomic.Int32
	conns    atomic.Int32
	wrap     func(in io.Reader) io.Reader                // what the worker's stdin passes through
	tamper   func(out io.Writer, nonce string) io.Writer // what its stdout passes through
	started  func(pid int)

	noForward string // what becomes of connections through it: "reject", "silence"
	config    Config
}

// shells are the shells that the suite runs on.
func shells(t *testing.T) map[string][]string {
	all := map[string][]string{}
	for name, argv := range map[string][]string{"dash": {"dash"}, "bash": {"bash", "--posix"}, "busybox": {"busybox", "sh"}} {
		if path, err := exec.LookPath(argv[0]); err == nil {
			all[name] = append([]string{path}, argv[1:]...)
		}
	}
	if len(all) == 0 {
		t.Fatal("no shell to test with")
	}
	return all
}

func newSigner(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, pem.EncodeToMemory(block)
}

// serve starts a server; s.config reaches it.
func serve(t *testing.T, s *server) *server {
	t.Helper()
	s.t = t
	if s.shell == nil {
		s.shell = []string{"/bin/sh"}
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.listener.Close() })
	s.host, _ = newSigner(t)
	user, key := newSigner(t)
	dir := t.TempDir()
	port := s.listener.Addr().(*net.TCPAddr).Port
	s.config = Config{Name: "master1", Host: "127.0.0.1", Port: port, User: "root", ConnectTimeout: 20 * time.Second,
		Identities: []string{filepath.Join(dir, "id")}, KnownHosts: []string{filepath.Join(dir, "known_hosts")}, Keep: filepath.Join(dir, "record"), WeakSwitch: true}
	t.Cleanup(func() { endSwitches(t, s.config.Keep) })
	writeFile(t, s.config.Identities[0], string(key))
	writeFile(t, s.config.KnownHosts[0], knownhosts.Line([]string{s.listener.Addr().String()}, s.host.PublicKey())+"\n")
	sc := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if !slices.Equal(k.Marshal(), user.PublicKey().Marshal()) {
			return nil, io.ErrNoProgress
		}
		return nil, nil
	}}
	sc.AddHostKey(s.host)
	go func() {
		for {
			c, err := s.listener.Accept()
			if err != nil {
				return
			}
			go s.handle(c, sc)
		}
	}()
	return s
}

// endSwitches kills what waits for the switches of a record and outlives the test: it would write into the folder
// while that is being removed.
func endSwitches(t *testing.T, keep string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		any := false
		scripts, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, p := range scripts {
			text, _ := os.ReadFile(p)
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p)))
			if err == nil && strings.Contains(string(text), keep+"/undo/") {
				any = true
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if !any {
			return
		}
		if time.Now().After(end) {
			t.Error("a process that waits for a switch does not end")
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *server) handle(c net.Conn, sc *ssh.ServerConfig) {
	conn, chans, reqs, err := ssh.NewServerConn(c, sc)
	if err != nil {
		c.Close()
		return
	}
	defer conn.Close()
	s.conns.Add(1)
	go ssh.DiscardRequests(reqs)
	for nc := range chans {
		switch nc.ChannelType() {
		case "session":
			s.channels.Add(1)
			ch, reqs, err := nc.Accept()
			if err == nil {
				go s.session(ch, reqs)
			}
		case "direct-tcpip":
			switch s.noForward {
			case "":
				go forward(nc)
			case "reject":
				nc.Reject(ssh.Prohibited, "open failed")
			}
		default:
			nc.Reject(ssh.UnknownChannelType, "")
		}
	}
}

func forward(nc ssh.NewChannel) {
	data := nc.ExtraData()
	n := binary.BigEndian.Uint32(data)
	host, port := string(data[4:4+n]), binary.BigEndian.Uint32(data[4+n:])
	to, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		to.Close()
		return
	}
	go ssh.DiscardRequests(reqs)
	go func() { io.Copy(to, ch); to.Close() }()
	io.Copy(ch, to)
	ch.Close()
}

func (s *server) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	for r := range reqs {
		r.Reply(r.Type == "exec", nil)
		if r.Type != "exec" {
			continue
		}
		go ssh.DiscardRequests(reqs)
		words := strings.Fields(string(r.Payload[4:]))
		if len(words) != 4 || strings.Join(words[:3], " ") != "exec /bin/sh -s" {
			s.t.Errorf("command line %q", words)
			return
		}
		s.run(ch, words[3])
		return
	}
}

// run has a session end as sshd does: the pipes are closed, nothing is killed.
func (s *server) run(ch ssh.Channel, nonce string) {
	cmd := exec.Command(s.shell[0], append(slices.Clone(s.shell[1:]), "-s", nonce)...)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	cmd.Stderr = ch.Stderr()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		return
	}
	if s.started != nil {
		s.started(cmd.Process.Pid)
	}
	var from io.Reader = ch
	if s.wrap != nil {
		from = s.wrap(ch)
	}
	go func() { io.Copy(in, from); in.Close() }()
	var to io.Writer = ch
	if s.tamper != nil {
		to = s.tamper(ch, nonce)
	}
	if _, err := io.Copy(to, out); err != nil {
		ch.Close()
		in.Close()
	}
	cmd.Wait()
	ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
}

// dial opens a node on the server, claims it, and closes it with the test.
func (s *server) dial(t *testing.T) *held {
	t.Helper()
	return hold(t, s.connect(t))
}

// hold claims a node, over whatever holds it.
func hold(t *testing.T, n *Node) *held {
	t.Helper()
	c := engine.Claim{Run: "run-1", Holder: engine.Holder{Store: "test"}}
	w, err := n.Claim(t.Context(), c, engine.Claim{})
	if by, ok := errors.AsType[*engine.ClaimedError](err); ok {
		w, err = n.Claim(t.Context(), c, by.By)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w.(*held)
}

// connect opens a node on the server and closes it with the test.
func (s *server) connect(t *testing.T) *Node {
	t.Helper()
	n, err := Dial(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}
