package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

func joinWords(words []string) string { return strings.Join(words, ", ") }

// do answers one request.
func (s *supervisor) do(r request) reply {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var a reply
	var err error
	switch r.Do {
	case "status":
		a.Status = s.status()
	case "clock":
		a.Time, err = s.moveClock(r.By)
	case "break":
		err = s.breakNode(ctx, r.Node, r.Kind)
	case "mend":
		err = s.mend(ctx, r.Node)
	case "reboot":
		err = s.reboot(ctx, r.Node)
	case "down":
		s.stop()
		s.end()
	default:
		err = engine.Problemf(engine.Invalid, "the lab does not know the request %q", r.Do)
	}
	a.Problem = toProblem(err)
	return a
}

func (s *supervisor) status() *Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.home.status(s.state)
	st.Running, st.PID = true, os.Getpid()
	for i, sl := range s.slots {
		st.Nodes[i].Up = sl.run != nil && sl.run.alive()
	}
	return st
}

// moveClock moves lab time for the supervisor and all nodes.
func (s *supervisor) moveClock(by time.Duration) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.state
	next.Offset += by
	if (by > 0) != (next.Offset > s.state.Offset) && by != 0 {
		return time.Time{}, engine.Problemf(engine.Invalid, "the lab's clock cannot be moved that far: %v", by)
	}
	if err := s.home.save(next); err != nil {
		return time.Time{}, fmt.Errorf("move the lab's clock: %w", err)
	}
	s.state = next
	for _, sl := range s.slots {
		if err := s.home.node(sl.Name).writeClock(next.Offset); err != nil {
			return time.Time{}, fmt.Errorf("move the clock of %s: %w", sl.Name, err)
		}
	}
	return time.Now().Add(next.Offset), nil
}

// breakNode plants a break's flag and has the node act on it.
func (s *supervisor) breakNode(ctx context.Context, name, kind string) error {
	if err := checkKind(kind); err != nil {
		return err
	}
	slots := s.slots
	if name != "" || !anyNode(kind) {
		sl, err := s.slot(name)
		if err != nil {
			return err
		}
		if !wholeLab(kind) {
			slots = []*slot{sl}
		}
	}
	for _, sl := range slots {
		flag := filepath.Join(s.home.node(sl.Name).shared(), breaksDir, kind)
		if err := os.WriteFile(flag, nil, 0o644); err != nil {
			return fmt.Errorf("break %s: %w", sl.Name, err)
		}
		if err := s.look(ctx, sl); err != nil {
			os.Remove(flag)
			return fmt.Errorf("break %s: %w", sl.Name, err)
		}
	}
	return nil
}

// mend takes back the breaks of a node, or of all for "". What concerns the whole lab goes with
// those of any node.
func (s *supervisor) mend(ctx context.Context, name string) error {
	if name != "" {
		if _, err := s.slot(name); err != nil {
			return err
		}
	}
	var errs []error
	for _, sl := range s.slots {
		shared := s.home.node(sl.Name).shared()
		kinds := slices.DeleteFunc(broken(shared), func(k string) bool { return name != "" && name != sl.Name && !wholeLab(k) })
		for _, k := range kinds {
			if err := os.Remove(filepath.Join(shared, breaksDir, k)); err != nil {
				errs = append(errs, fmt.Errorf("mend %s: %w", sl.Name, err))
			}
		}
		if err := s.look(ctx, sl); err != nil {
			errs = append(errs, fmt.Errorf("mend %s: %w", sl.Name, err))
		}
	}
	return errors.Join(errs...)
}

// look has a node act on its shared folder. One that is not up does it when it starts.
func (s *supervisor) look(ctx context.Context, sl *slot) error {
	s.mu.Lock()
	r := sl.run
	s.mu.Unlock()
	if r == nil || !r.alive() {
		return nil
	}
	return r.look(ctx)
}

// reboot cuts a node's power and starts it again, on the same port and files.
func (s *supervisor) reboot(ctx context.Context, name string) error {
	sl, err := s.slot(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if sl.run != nil {
		sl.run.kill()
	}
	err = s.spawn(ctx, sl)
	r := sl.run
	s.mu.Unlock()
	if err != nil {
		return diagnose(err, os.Geteuid(), sysctl)
	}
	s.waitReady(name, r)
	return nil
}
