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
	"sync"
	"syscall"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Descriptors that the supervisor starts with.
const (
	fdLock  = 3 // the lab's lock, held until the end
	fdReady = 4 // one reply: everything is up, or why not
)

// supervisor holds what has to outlive a node: its port, its breaks, lab time, Loki.
type supervisor struct {
	home home
	log  io.Writer
	end  context.CancelFunc

	mu    sync.Mutex // what follows
	state state
	slots []*slot
	iso   isolation
}

// slot is the place of one node, whether it runs or not.
type slot struct {
	nodeState
	listener *os.File
	run      *running // nil before the first start
}

// runSupervisor is the supervisor's process.
func runSupervisor(dir string, log io.Writer) int {
	lock, ready := os.NewFile(fdLock, "lock"), os.NewFile(fdReady, "ready")
	syscall.CloseOnExec(fdLock)
	syscall.CloseOnExec(fdReady)
	syscall.Umask(0o022)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // a terminal that goes is no reason to end
	ctx, end := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer end()
	s := &supervisor{home: home(dir), log: log, end: end}
	control, err := s.start(ctx)
	var a reply
	if err == nil {
		a.Status = s.status()
	}
	a.Problem = toProblem(err)
	json.NewEncoder(ready).Encode(a)
	ready.Close()
	if err != nil {
		s.stop()
		return 1
	}
	s.serve(ctx, control, lock)
	s.stop()
	return 0
}

// start brings up the nodes, Loki and the control socket.
func (s *supervisor) start(ctx context.Context) (net.Listener, error) {
	var err error
	if s.state, err = s.home.load(); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("prepare the lab: %w", err)
	}
	if err := s.serveLoki(ctx); err != nil {
		return nil, fmt.Errorf("start Loki: %w", err)
	}
	if err := s.spawnAll(ctx); err != nil {
		return nil, err
	}
	if err := s.home.save(s.state); err != nil {
		return nil, err
	}
	control, err := listenUnix(string(s.home), "control.sock")
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	for _, sl := range s.slots {
		s.waitReady(sl.Name, sl.run)
	}
	return control, nil
}

// prepare makes trees, keys and ports.
func (s *supervisor) prepare() error {
	client, err := newKey(s.home.path(identityFile), "hcrun-lab")
	if err != nil {
		return err
	}
	for i := range s.state.Nodes {
		n := &s.state.Nodes[i]
		if err := s.home.seed(n.Name, client); err != nil {
			return err
		}
		if err := s.home.node(n.Name).writeClock(s.state.Offset); err != nil {
			return err
		}
		l, err := listenOn(n.Port)
		if err != nil {
			return err
		}
		n.Port = l.Addr().(*net.TCPAddr).Port
		f, err := l.(*net.TCPListener).File() // the copy lives on, for every start of the node
		l.Close()
		if err != nil {
			return err
		}
		s.slots = append(s.slots, &slot{nodeState: *n, listener: f})
	}
	lines, err := s.home.knownHosts(s.state.Nodes)
	if err != nil {
		return err
	}
	return replaceFile(s.home.path(knownHostsFile), lines, 0o600)
}

// listenOn takes the port from before, or any when that has been given to somebody else.
func listenOn(port int) (net.Listener, error) {
	if port != 0 {
		if l, err := net.Listen("tcp", address(port)); err == nil {
			return l, nil
		}
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// serve answers requests until the lab is to end: by request, by signal, or because somebody has
// removed its folder.
func (s *supervisor) serve(ctx context.Context, control net.Listener, lock *os.File) {
	var answering sync.WaitGroup
	go func() {
		for {
			c, err := control.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				answering.Go(func() { answer(c, s.do) })
			}
		}
	}()
	for tick := time.Tick(2 * time.Second); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-tick:
			if !sameFile(lock, s.home.path(lockName)) {
				s.end()
			}
		}
	}
	control.Close()
	answering.Wait() // they have deadlines
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// stop cuts the power of all nodes.
func (s *supervisor) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all sync.WaitGroup
	for _, sl := range s.slots {
		if sl.run != nil {
			all.Go(sl.run.kill)
		}
	}
	all.Wait()
}

func (s *supervisor) slot(name string) (*slot, error) {
	var names []string
	for _, sl := range s.slots {
		if sl.Name == name {
			return sl, nil
		}
		names = append(names, sl.Name)
	}
	return nil, engine.Problemf(engine.Invalid, "the lab has no node %q; it has %s", name, joinWords(names))
}
