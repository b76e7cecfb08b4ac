package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
	"github.com/hcrun/hcrun/inventory"
)

// holder is who carries runs out from this state folder, whose lock is held.
func holder(store *journal.Store) (engine.Holder, error) {
	mark, err := store.Mark()
	return engine.Holder{By: me(), Folder: store.Dir(), Store: mark}, err
}

// witnessed are the runs that guards are decided on: those in the journals here, and those that the nodes of
// the group have on record themselves. A second laptop, or a journal that is lost, opens no guard. The holds are
// of nodes that do not say what they have, or are other machines than before, and of the node's own clock. An error is
// a node that somebody else holds, or has two names. Where nothing is to be changed only the node itself is asked.
func (ro *rollout) witnessed(ctx context.Context, it intent) ([]*engine.Run, []engine.Hold, error) {
	past, err := ro.past(ro.store)
	if err != nil {
		return nil, nil, err
	}
	here, err := ro.dial(ctx, it.host)
	if err == nil {
		err = planned(it, machineOf(here))
	}
	if err != nil {
		return nil, nil, err
	}
	var holds []engine.Hold
	var machines []engine.MachineOf
	journals := past
	for _, h := range ro.group {
		itself := h.Name == it.host.Name
		if !itself && !engine.HasChanges(it.steps) {
			same, silent, err := ro.namesake(ctx, h, journals, machineOf(here))
			if err != nil {
				return nil, nil, err
			}
			machines, holds = append(machines, same...), append(holds, silent...)
			continue
		}
		l, err := ro.ledger(ctx, h)
		switch {
		case err != nil && (itself || ctx.Err() != nil):
			return nil, nil, err
		case err != nil:
			holds = append(holds, engine.Hold{Guard: engine.GuardPeers, Why: fmt.Sprintf("%s does not say who holds it and what was done to it: %v", h.Name, err)})
			continue
		}
		is, moved := ro.which(h, journals, l)
		machines, holds = append(machines, is), append(holds, moved...)
		if err := ro.foreign(ro.store, h, l); err != nil {
			return nil, nil, err
		}
		if err := whole(ro.store, l); err != nil {
			return nil, nil, err
		}
		past = engine.Recollect(past, h.Name, ro.address(h), l)
		late, err := ro.timed(ctx, h, itself)
		if err != nil {
			return nil, nil, err
		}
		holds = append(holds, late...)
	}
	return past, holds, ro.apart(machines)
}

// whole holds that the journals here still have what they had when the runs ended that a node remembers: a journal
// whose last records are cut off reads like one that was never longer.
func whole(store *journal.Store, l engine.Ledger) error {
	ids, err := store.IDs()
	if err != nil {
		return err
	}
	for _, o := range l.Outcomes {
		if o.Journal.Records == 0 || !slices.Contains(ids, o.Run) {
			continue // of another folder, or removed by gc
		}
		mark, err := store.Mark()
		if err != nil {
			return err
		}
		if o.Store != mark {
			continue // gone on with from a copy of the journal
		}
		if err := store.Had(o.Run, o.Journal); err != nil {
			return err
		}
	}
	return nil
}

// ledger asks a node what it has on record. A node that was silent once is not waited for again.
func (ro *rollout) ledger(ctx context.Context, h inventory.Host) (engine.Ledger, error) {
	if err := ro.silent[h.Name]; err != nil {
		return engine.Ledger{}, err
	}
	n, err := ro.dial(ctx, h)
	var l engine.Ledger
	if err == nil {
		l, err = n.Ledger(ctx)
	}
	if err != nil && ctx.Err() == nil {
		if ro.silent == nil {
			ro.silent = map[string]error{}
		}
		ro.silent[h.Name] = err
	}
	return l, err
}

// foreign is the refusal when a node is held by a run that the journals here do not have, or by an open one that
// knows the node by another name or address.
func (s *site) foreign(store *journal.Store, h inventory.Host, l engine.Ledger) error {
	c := l.Claim
	if c == nil || c.Ack {
		return nil
	}
	ids, err := store.IDs()
	if err != nil {
		return err
	}
	if slices.Contains(ids, c.Run) {
		r, err := readRun(store, c.Run)
		if err != nil || r == nil {
			return err
		}
		mark, err := store.Mark()
		switch {
		case err != nil:
			return err
		case !r.Dirty() && c.Store != mark:
			return carriedElsewhere(h, c)
		case !r.Dirty() || r.Node == h.Name && r.Address == s.address(h):
			return nil
		}
		p := engine.Problemf(engine.Held, "%s: %s is the machine that the unfinished run %s calls %s, at %s", engine.GuardOpen, h.Name, r.ID, r.Node, r.Address)
		p.Now, p.Next = "it may be changed and is not verified", "hcrun resume "+r.ID+"   (or: hcrun rollback "+r.ID+")"
		return p
	}
	p := &engine.Problem{Code: engine.Locked, What: (&engine.ClaimedError{Node: h.Name, By: *c}).Error(), Now: "nothing was changed by this command"}
	p.Next = "the same command when that has ended; when nobody can go on with it: hcrun abandon " + c.Run + " --reason TEXT" + s.inventoryFlag()
	if c.Folder == store.Dir() && c.By == me() {
		p.Code = engine.JournalMissing
		p.What += "; that is this state folder, and its journal is not there any more"
		p.Next = "put the journal back; when it is lost, look at " + h.Name + ", then: hcrun abandon " + c.Run + " --reason TEXT" + s.inventoryFlag()
	}
	return p
}

// carriedElsewhere is the refusal when a run that has ended here is being carried on from another state folder.
func carriedElsewhere(h inventory.Host, c *engine.Claim) error {
	return &engine.Problem{Code: engine.Locked, What: (&engine.ClaimedError{Node: h.Name, By: *c}).Error() + "; here that run has ended",
		Now: "nothing was changed by this command", Next: "the same command when it has ended there, too"}
}

// alone asks the other nodes of a recorded run's group, as far as they answer, whether somebody else holds one.
func (s *site) alone(store *journal.Store, r *engine.Run) func(context.Context) error {
	return func(ctx context.Context) error {
		group, _ := s.inv.Select(r.Group) // a group that is gone has nobody to ask
		for _, h := range group {
			if h.Name == r.Node {
				continue
			}
			n, err := s.dial(ctx, h)
			if err != nil {
				continue
			}
			l, err := n.Ledger(ctx)
			if err != nil {
				continue
			}
			if err := s.foreign(store, h, l); err != nil {
				return err
			}
		}
		return nil
	}
}
