package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// spawnAll finds the isolation that works with the first node, and starts the others alike.
func (s *supervisor) spawnAll(ctx context.Context) error {
	uidMap, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return err
	}
	var first error
	for _, iso := range isolations(os.Geteuid(), string(uidMap)) {
		s.iso = iso
		err := s.spawn(ctx, s.slots[0])
		if err == nil {
			first = nil
			break
		}
		fmt.Fprintf(s.log, "isolation %+v: %v\n", iso, err)
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return diagnose(first, os.Geteuid(), sysctl)
	}
	errs := make([]error, len(s.slots))
	var all sync.WaitGroup
	for i, sl := range s.slots[1:] {
		all.Go(func() { errs[i] = s.spawn(ctx, sl) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return diagnose(err, os.Geteuid(), sysctl)
	}
	return nil
}

func (s *supervisor) spawn(ctx context.Context, sl *slot) error {
	c := nodeConfig{Name: sl.Name, Home: s.home.node(sl.Name), Bin: s.home.path(binaryFile), Pace: s.state.Pace}
	r, err := spawn(ctx, c, sl.listener, s.iso)
	if err != nil {
		return err
	}
	sl.run = r
	return nil
}

// waitReady waits for the API server of a node that is not broken. One that never gets ready is for
// those to judge who asked for the lab.
func (s *supervisor) waitReady(node string, r *running) {
	if len(broken(s.home.node(node).shared())) > 0 {
		return
	}
	select {
	case <-r.ready:
	case <-r.gone:
	case <-time.After(readyWithin):
		fmt.Fprintf(s.log, "%s: the API server is not ready\n", node)
	}
}
