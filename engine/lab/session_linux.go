package lab

import (
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// signalNames are those of RFC 4254, 6.10.
var signalNames = [...]struct {
	name string
	sig  syscall.Signal
}{
	{"ABRT", syscall.SIGABRT}, {"ALRM", syscall.SIGALRM}, {"FPE", syscall.SIGFPE}, {"HUP", syscall.SIGHUP},
	{"ILL", syscall.SIGILL}, {"INT", syscall.SIGINT}, {"KILL", syscall.SIGKILL}, {"PIPE", syscall.SIGPIPE},
	{"QUIT", syscall.SIGQUIT}, {"SEGV", syscall.SIGSEGV}, {"TERM", syscall.SIGTERM}, {"USR1", syscall.SIGUSR1},
	{"USR2", syscall.SIGUSR2},
}

// session answers one session channel until it is closed. Then only the pipes of its process end, as
// with sshd: nothing is killed.
func (s *sshd) session(n ssh.NewChannel, env []string) {
	ch, requests, err := n.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	var p *process
	for r := range requests {
		ok := false
		var run func()
		switch r.Type {
		case "env":
			ok = true // and ignored
		case "exec", "shell":
			var cmd struct{ Line string }
			if p != nil || r.Type == "exec" && ssh.Unmarshal(r.Payload, &cmd) != nil {
				break
			}
			if p, err = startProcess(s.kids, ch, r.Type, cmd.Line, env); err == nil {
				ok, run = true, p.serve
			}
		case "signal":
			var sig struct{ Name string }
			ok = p != nil && ssh.Unmarshal(r.Payload, &sig) == nil && p.signal(sig.Name)
		}
		if r.WantReply {
			r.Reply(ok, nil)
		}
		if run != nil {
			go run() // after the reply, which has to come first
		}
	}
	if p != nil {
		p.hangUp()
	}
}

// process is what runs in a session. The pipes are our own: with os/exec's, waiting for the
// process would wait for a client that keeps its end of stdin open.
type process struct {
	kids        *kids
	ch          ssh.Channel
	cmd         *exec.Cmd
	in, out, er *os.File // our ends

	mu    sync.Mutex
	ended bool // the pid may be somebody else's
}

func startProcess(k *kids, ch ssh.Channel, kind, line string, env []string) (*process, error) {
	p := &process{kids: k, ch: ch, cmd: &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", line}, Env: env, Dir: "/root",
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}}}
	if kind == "shell" {
		p.cmd.Args = []string{"-sh"}
	}
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			f.Close() // of nil: an error and nothing else
		}
	}()
	var err error
	if theirs[0], p.in, err = os.Pipe(); err == nil {
		if p.out, theirs[1], err = os.Pipe(); err == nil {
			p.er, theirs[2], err = os.Pipe()
		}
	}
	if err == nil {
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs[0], theirs[1], theirs[2]
		err = k.start(p.cmd)
	}
	if err != nil {
		p.hangUp()
		return nil, err
	}
	return p, nil
}

// serve carries the streams and tells how the process ended. The channel is closed when all who
// hold its stdout and stderr have let go, which may be later.
func (p *process) serve() {
	go func() {
		io.Copy(p.in, p.ch)
		p.in.Close()
	}()
	var outputs sync.WaitGroup
	outputs.Go(func() { io.Copy(p.ch, p.out) })
	outputs.Go(func() { io.Copy(p.ch.Stderr(), p.er) })
	p.kids.wait(p.cmd)
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.tellEnd(p.cmd.ProcessState.Sys().(syscall.WaitStatus))
	outputs.Wait()
	p.ch.CloseWrite()
	p.ch.Close()
}

// tellEnd sends exit-status or exit-signal. A client that has gone is not told.
func (p *process) tellEnd(st syscall.WaitStatus) {
	if !st.Signaled() {
		p.ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(st.ExitStatus())}))
		return
	}
	end := struct {
		Name      string
		Core      bool
		Msg, Lang string
	}{Name: "SIG@openssh.com", Core: st.CoreDump()}
	for _, s := range signalNames {
		if s.sig == st.Signal() {
			end.Name = s.name
		}
	}
	p.ch.SendRequest("exit-signal", false, ssh.Marshal(end))
}

// signal sends to the process's group.
func (p *process) signal(name string) bool {
	for _, s := range signalNames {
		if s.name == name {
			p.mu.Lock()
			defer p.mu.Unlock()
			return !p.ended && syscall.Kill(-p.cmd.Process.Pid, s.sig) == nil
		}
	}
	return false
}

// hangUp ends our side of the pipes.
func (p *process) hangUp() {
	for _, f := range []*os.File{p.in, p.out, p.er} {
		if f != nil {
			f.Close()
		}
	}
}
