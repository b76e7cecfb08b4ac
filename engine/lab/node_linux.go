package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/hcrun/hcrun/engine/lab/sim"
)

// nodeConfig is what the supervisor tells a node on its command line.
type nodeConfig struct {
	Name string   `json:"name"`
	Home nodeHome `json:"home"`
	Bin  string   `json:"bin"` // the lab's copy of the executable
	Pace float64  `json:"pace"`
}

// Descriptors that a node starts with.
const (
	fdListener = 3 // SSH, made in the machine's network
	fdLeash    = 4 // socket pair to the supervisor: reports out, orders in; its end is the node's end
)

// report is a line from a node to the supervisor.
type report struct {
	Is    string        `json:"is"` // up, ready, done (with an order), failed
	Stage string        `json:"stage,omitempty"`
	Err   string        `json:"err,omitempty"`
	Errno syscall.Errno `json:"errno,omitempty"`
}

// order is a line from the supervisor: look at the shared folder again. A report "done" follows.
type order struct {
	Do string `json:"do"`
}

// stageError says in which step of a node's start something happened.
type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

func failed(err error) report {
	r := report{Is: "failed", Err: err.Error()}
	if s, ok := errors.AsType[*stageError](err); ok {
		r.Stage = s.stage
	}
	errors.As(err, &r.Errno)
	return r
}

// runNode is a node's process: pid 1 of its own pid namespace.
func runNode(arg string) int {
	syscall.CloseOnExec(fdListener)
	syscall.CloseOnExec(fdLeash)
	leash, err := net.FileConn(os.NewFile(fdLeash, "leash"))
	if err != nil {
		return 1
	}
	say := json.NewEncoder(leash)
	var c nodeConfig
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		say.Encode(failed(err))
		return 1
	}
	// Pid 1 gets these from inside its namespace because Go handles them. To ignore them would be inherited.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	syscall.Umask(0o022)
	n, err := bootNode(c)
	if err != nil {
		say.Encode(failed(err))
		return 1
	}
	if err := say.Encode(report{Is: "up"}); err != nil {
		return 1
	}
	reports := make(chan report)
	go func() { // one writer
		for r := range reports {
			say.Encode(r) // when the leash has ended, so does the node
		}
	}()
	go func() {
		if n.waitReady() {
			reports <- report{Is: "ready"}
		}
	}()
	obey(leash, func() error { return n.look() }, reports)
	return 0
}

// obey carries out orders until the leash ends.
func obey(leash io.Reader, look func() error, reports chan<- report) {
	for dec := json.NewDecoder(leash); ; {
		var o order
		if dec.Decode(&o) != nil {
			return
		}
		r := report{Is: "done"}
		if err := look(); err != nil {
			r.Err = err.Error()
		}
		reports <- r
	}
}

// masterNode is what runs in a node's process.
type masterNode struct {
	name string
	mute *mute
	full *fullDisk
}

// bootNode makes the node's world and starts what runs in it.
func bootNode(c nodeConfig) (*masterNode, error) {
	if err := enterRoot(c); err != nil {
		return nil, err
	}
	if err := syscall.Sethostname([]byte(c.Name)); err != nil {
		return nil, &stageError{"set the hostname", err}
	}
	if err := loopbackUp(); err != nil {
		return nil, &stageError{"bring up the loopback", err}
	}
	n := &masterNode{name: c.Name, mute: &mute{}, full: &fullDisk{}}
	if err := n.look(); err != nil {
		return nil, err
	}
	l, err := net.FileListener(os.NewFile(fdListener, "ssh"))
	if err != nil {
		return nil, &stageError{"take the SSH port", err}
	}
	kids := newKids()
	srv, err := newSSHD(n.mute, kids)
	if err != nil {
		return nil, &stageError{"start SSH", err}
	}
	go kids.reapForever()
	go n.simulate(c)
	go serveLoki()
	go srv.serve(l)
	return n, nil
}

// simulate runs kubelet and the API server. A node without them is of no use.
func (n *masterNode) simulate(c nodeConfig) {
	s := &sim.Node{
		Name: c.Name, Root: "/", Pace: c.Pace,
		Now:    func() time.Time { return labNow(sharedInside) },
		State:  stateInside,
		Breaks: sharedInside + "/" + breaksDir,
	}
	err := s.Run(context.Background())
	fmt.Fprintf(os.Stderr, "%s: the simulated kubelet ended: %v\n", n.name, err)
	os.Exit(1)
}

// look makes true what the shared folder says is broken, as far as it is this package's to do.
func (n *masterNode) look() error {
	kinds := broken(sharedInside)
	n.mute.set(slices.Contains(kinds, unreachable), slices.Contains(kinds, unreachableLate))
	if err := n.full.set(slices.Contains(kinds, diskFull)); err != nil {
		return &stageError{"fill /etc/kubernetes", err}
	}
	return nil
}

// serveLoki lets what runs in the node reach Loki on the usual port.
func serveLoki() {
	l, err := net.Listen("tcp", "127.0.0.1:3100")
	if err != nil {
		return // somebody in the node wants the port
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			up, err := dialUnix(context.Background(), sharedInside, lokiSock)
			if err != nil {
				c.Close()
				return
			}
			join(c, up)
		}()
	}
}
