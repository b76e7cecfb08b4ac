package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
	"github.com/hcrun/hcrun/engine/lab"
)

// runs folds every journal of the store, oldest first. A damaged journal is an error: no guard may be
// decided on the rest.
func runs(store *journal.Store) ([]*engine.Run, error) {
	ids, err := store.IDs()
	if err != nil {
		return nil, err
	}
	var all []*engine.Run
	for _, id := range ids {
		r, err := readRun(store, id)
		if err != nil {
			return nil, err
		}
		if r != nil {
			all = append(all, r)
		}
	}
	// Ids sort by the second in which a run began; guards need to know which came first within one.
	slices.SortStableFunc(all, func(a, b *engine.Run) int { return a.Began.Compare(b.Began) })
	return all, nil
}

// readRun folds one journal; nil for one whose first record never became durable.
func readRun(store *journal.Store, id string) (*engine.Run, error) {
	events, err := store.Read(id)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	r, err := engine.Fold(events)
	if err != nil {
		p := engine.Problemf(engine.Corrupt, "run %s: %w", id, err)
		p.Next = "hcrun journal verify " + id
		return nil, p
	}
	return r, nil
}

// past are the runs that say something about the hosts of this site: those that went to the address that a
// host has now, and those of a host of this inventory by name, which may have another address now and be
// unverified there. A lab that was reset has other masters of the same names.
func (s *site) past(store *journal.Store) ([]*engine.Run, error) {
	all, err := runs(store)
	if err != nil {
		return nil, err
	}
	var here []string
	for _, h := range s.inv.Hosts {
		here = append(here, s.address(h))
	}
	return slices.DeleteFunc(all, func(r *engine.Run) bool {
		_, named := s.inv.Host(r.Node)
		moved := s.lab == nil && named && r.Inventory == s.inv.Path
		return !moved && !slices.Contains(here, r.Address)
	}), nil
}

// newestOn is the newest run on a node.
func newestOn(store *journal.Store, node string) (*engine.Run, error) {
	all, err := runs(store)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Backward(all) {
		if r.Node == node {
			return r, nil
		}
	}
	return nil, nil
}

// pick finds the run that a command means: by its id, the beginning or end of it, or a node whose newest
// run it is; without a word the newest that fits.
func pick(store *journal.Store, args []string, what string, fits func(*engine.Run) bool) (*engine.Run, error) {
	if len(args) > 0 {
		if r, err := newestOn(store, args[0]); r != nil || err != nil {
			return r, err
		}
		id, err := store.Find(args[0])
		if err != nil {
			return nil, err
		}
		r, err := readRun(store, id)
		if err == nil && r == nil {
			err = usage("run %s never began: its journal is empty", id)
		}
		return r, err
	}
	all, err := runs(store)
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Backward(all) {
		if fits(r) {
			return r, nil
		}
	}
	p := engine.Problemf(engine.Invalid, "there is no run %s", what)
	p.Next = "hcrun history"
	return nil, p
}

// exists reports whether the run's node is still there, as far as this machine can know: a lab that was
// reset has other masters of the same names, and what was on the old ones is gone with them.
func (a *app) exists(r *engine.Run) bool {
	rest, isLab := strings.CutPrefix(r.Address, "lab:")
	if !isLab {
		return true
	}
	dir, err := a.labDir()
	if err != nil {
		return true
	}
	s, err := lab.Read(context.Background(), dir)
	return err != nil || strings.HasPrefix(rest, s.ID+"/")
}
