package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// binaryFile is the lab's copy of the executable: that of `go run` is gone when the command ends.
const binaryFile = "hcrun-lab"

// Locks, never removed: lockName is held by the supervisor, opLockName by whoever starts or ends one.
const (
	lockName   = "lock"
	opLockName = "op.lock"
)

// startWithin bounds a start, in real time; it takes well under two seconds.
const startWithin = time.Minute

// Up makes the lab run as the options say and waits until its nodes answer SSH and their API servers
// are ready. It starts what is not running, and changes nothing about a lab that runs so already;
// another pace or other nodes mean a restart. Trees, breaks and the clock are kept. The code of an
// error about what this machine does not allow is Preflight.
func Up(ctx context.Context, o Options) (*Status, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	h, err := openHome(o.Dir)
	if err != nil {
		return nil, err
	}
	op, err := lockFile(ctx, h.path(opLockName))
	if err != nil {
		return nil, err
	}
	defer op.Close()
	return h.up(ctx, o)
}

func (h home) up(ctx context.Context, o Options) (*Status, error) {
	a, err := h.ask(ctx, request{Do: "status"})
	if err != nil && !errors.Is(err, errNotRunning) {
		return nil, err
	}
	if err == nil {
		if a.Protocol == protocol && o.fits(a.Status) {
			return h.wake(ctx, a.Status)
		}
		if err := h.down(ctx); err != nil {
			return nil, err
		}
	}
	return h.start(ctx, o)
}

// fits tells whether a running lab is what the options want.
func (o Options) fits(s *Status) bool {
	if o.Pace != 0 && o.Pace != s.Pace {
		return false
	}
	var names []string
	for _, n := range s.Nodes {
		names = append(names, n.Name)
	}
	return len(o.Nodes) == 0 || slices.Equal(o.Nodes, names)
}

// wake starts the nodes of a running lab that have ended.
func (h home) wake(ctx context.Context, s *Status) (*Status, error) {
	for _, n := range s.Nodes {
		if n.Up {
			continue
		}
		if _, err := h.ask(ctx, request{Do: "reboot", Node: n.Name}); err != nil {
			return nil, err
		}
	}
	return h.read(ctx)
}

// start starts a supervisor and waits for its word. The lab's lock goes over to it, so there is
// never more than one.
func (h home) start(ctx context.Context, o Options) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	lock, err := lockFile(ctx, h.path(lockName))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	old, err := h.load()
	if err != nil {
		return nil, err
	}
	s, err := old.want(o, time.Now())
	if err != nil {
		return nil, err
	}
	if err := h.save(s); err != nil {
		return nil, fmt.Errorf("keep the lab's state: %w", err)
	}
	a, err := h.runSupervisor(ctx, lock)
	if err != nil {
		return nil, err
	}
	if err := a.Problem.err(); err != nil {
		return nil, err
	}
	return a.Status, nil
}

// Down ends the lab: supervisor and nodes, at once, as a power cut does. Trees and clock stay. That
// nothing runs is no error.
func Down(ctx context.Context, dir string) error {
	h, op, err := existing(ctx, dir)
	if err != nil || op == nil {
		return err
	}
	defer op.Close()
	return h.down(ctx)
}

// existing locks a lab's folder for an operation; op is nil where there is no such folder.
func existing(ctx context.Context, dir string) (h home, op *os.File, err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if h, err = openHome(dir); err != nil {
		return "", nil, err
	}
	op, err = lockFile(ctx, h.path(opLockName))
	return h, op, err
}

func (h home) down(ctx context.Context) error {
	soft, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	a, err := h.ask(soft, request{Do: "status"})
	if errors.Is(err, errNotRunning) {
		return nil
	}
	var pid int
	var born uint64
	if err == nil && a.Status != nil {
		pid = a.Status.PID
		born, _ = startTime(pid)
	}
	if _, err = h.ask(soft, request{Do: "down"}); err != nil && !errors.Is(err, errNotRunning) && pid != 0 {
		if t, ok := startTime(pid); ok && t == born {
			syscall.Kill(pid, syscall.SIGKILL) // the nodes end with it
		}
	}
	lock, err := lockFile(soft, h.path(lockName))
	if err != nil {
		return fmt.Errorf("end the lab: %w", err)
	}
	return lock.Close()
}

// Reset makes the lab fresh: new trees, a new id, a new clock, nothing broken. It runs afterwards if
// it ran before; if not, the next Up finds nothing.
func Reset(ctx context.Context, dir string) error {
	h, op, err := existing(ctx, dir)
	if err != nil || op == nil {
		return err
	}
	defer op.Close()
	_, err = h.ask(ctx, request{Do: "status"})
	ran := err == nil
	if err := h.down(ctx); err != nil {
		return err
	}
	old, err := h.load()
	if err != nil {
		old = state{} // that it cannot be read is why somebody resets
	}
	if err := h.wipe(); err != nil {
		return fmt.Errorf("reset the lab: %w", err)
	}
	if !ran {
		return nil
	}
	o := Options{Dir: dir, Pace: old.Pace}
	for _, n := range old.Nodes {
		o.Nodes = append(o.Nodes, n.Name)
	}
	_, err = h.start(ctx, o)
	return err
}

// wipe removes everything but the locks, which others may wait for.
func (h home) wipe() error {
	entries, err := os.ReadDir(string(h))
	for _, e := range entries {
		if err == nil && e.Name() != lockName && e.Name() != opLockName {
			err = removeTree(h.path(e.Name()))
		}
	}
	return err
}
