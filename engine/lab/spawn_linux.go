package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Real time, at any pace: how long a node may take to answer, and to get its API server ready.
const (
	answerWithin = 10 * time.Second
	readyWithin  = 15 * time.Second
)

// namespaces of every node; the user namespace comes on top, see isolation.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET

// isolation is a way to get the rights that a node needs.
type isolation struct {
	userns bool
	ids    int // how many uids and gids are mapped to themselves, or 1: ours to 0
}

// allIDs is the usual range of users; with it, a node may chown to any of them.
const allIDs = 65536

// isolations are worth trying, best first. For root, a user namespace comes before none: from inside
// it nobody can load modules or set sysctls of the machine.
func isolations(euid int, uidMap string) []isolation {
	if euid != 0 {
		return []isolation{{true, 1}}
	}
	all := []isolation{{false, 0}, {true, 1}}
	var inside, outside, size uint64
	if n, _ := fmt.Sscan(uidMap, &inside, &outside, &size); n == 3 && inside == 0 && size >= allIDs {
		all = append([]isolation{{true, allIDs}}, all...)
	}
	return all
}

func (i isolation) apply(a *syscall.SysProcAttr) {
	a.Cloneflags = namespaces
	if !i.userns {
		return
	}
	a.Cloneflags |= unix.CLONE_NEWUSER
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: i.ids}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: i.ids}}
}

// running is a node's process as the supervisor has it.
type running struct {
	cmd   *exec.Cmd
	leash net.Conn
	up    chan report   // one: up or failed
	ready chan struct{} // closed when the API server was ready for the first time
	done  chan report   // one for each order
	gone  chan struct{} // closed when the process has been waited for

	order sync.Mutex // one order at a time
}

// spawn starts a node's process; it answers as soon as the node lets in SSH.
func spawn(ctx context.Context, c nodeConfig, listener *os.File, iso isolation) (*running, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "leash"), os.NewFile(uintptr(pair[1]), "leash")
	defer theirs.Close()
	defer ours.Close() // leash below is a copy
	leash, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	arg, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: c.Bin, Args: []string{childName, "node", string(arg)}, Dir: "/", Stdout: os.Stderr, Stderr: os.Stderr,
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, ExtraFiles: []*os.File{listener, theirs},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	iso.apply(cmd.SysProcAttr)
	if err := startBinary(cmd); err != nil {
		leash.Close()
		return nil, &stageError{"clone", err}
	}
	r := &running{cmd: cmd, leash: leash, up: make(chan report, 1), ready: make(chan struct{}), done: make(chan report, 1), gone: make(chan struct{})}
	go r.listen()
	go func() {
		cmd.Wait() // whatever it ended with, it is gone
		close(r.gone)
	}()
	if err := r.waitUp(ctx); err != nil {
		r.kill()
		return nil, err
	}
	return r, nil
}

// startBinary starts a program that has just been written. A fork elsewhere in this process may hold
// the file open for writing for a moment, until it execs.
func startBinary(cmd *exec.Cmd) error {
	for try := 0; ; try++ {
		err := cmd.Start()
		if try == 50 || !errors.Is(err, syscall.ETXTBSY) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (r *running) waitUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	select {
	case rep := <-r.up:
		return rep.err()
	case <-r.gone:
		select {
		case rep := <-r.up: // its last words
			return rep.err()
		case <-time.After(100 * time.Millisecond):
		}
		return &stageError{"start", fmt.Errorf("the node's process ended: %v", r.cmd.ProcessState)}
	case <-ctx.Done():
		return &stageError{"start", fmt.Errorf("no answer from the node's process: %w", ctx.Err())}
	}
}

// err is what a report of a failure says, with the errno it was.
func (r report) err() error {
	switch {
	case r.Err == "":
		return nil
	case r.Errno != 0:
		return &stageError{r.Stage, fmt.Errorf("%s: %w", strings.TrimSuffix(strings.TrimPrefix(r.Err, r.Stage+": "), ": "+r.Errno.Error()), r.Errno)}
	}
	return &stageError{r.Stage, errors.New(strings.TrimPrefix(r.Err, r.Stage+": "))}
}

// listen sorts a node's reports until its end of the leash is gone.
func (r *running) listen() {
	dec := json.NewDecoder(r.leash)
	for {
		var rep report
		if dec.Decode(&rep) != nil {
			return
		}
		switch rep.Is {
		case "up", "failed":
			r.up <- rep
		case "ready":
			close(r.ready)
		case "done":
			r.done <- rep
		}
	}
}

// look has the node make true what its shared folder says.
func (r *running) look(ctx context.Context) error {
	r.order.Lock()
	defer r.order.Unlock()
	if err := json.NewEncoder(r.leash).Encode(order{Do: "look"}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	select {
	case rep := <-r.done:
		return rep.err()
	case <-r.gone:
		return errors.New("the node ended")
	case <-ctx.Done():
		r.kill() // an answer that comes later would be taken for that of the next order
		return ctx.Err()
	}
}

func (r *running) alive() bool {
	select {
	case <-r.gone:
		return false
	default:
		return true
	}
}

// kill is the power cut: the kernel ends whatever runs in the node with its pid 1.
func (r *running) kill() {
	r.cmd.Process.Kill() // an error says that it is gone already
	<-r.gone
	r.leash.Close()
}
