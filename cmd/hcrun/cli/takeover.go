package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
	"github.com/hcrun/hcrun/inventory"
)

func (a *app) takeoverCmd() *cobra.Command {
	var reason string
	c := a.withInventory(&cobra.Command{
		Use:   "takeover RUN --reason TEXT",
		Short: "Take a node back that somebody else holds while a run of yours is open on it",
		Long:  "Whoever holds the node can write nothing more there from now on, even a process that only slept. Nothing else is done: resume the run, or roll it back, after it.",
		Args:  exactly(1, 1, "one run"),
		RunE:  func(c *cobra.Command, args []string) error { return a.takeover(c.Context(), args[0], reason) },
	})
	c.Flags().StringVar(&reason, "reason", "", "why whoever holds it cannot go on; recorded")
	return c
}

func (a *app) abandonCmd() *cobra.Command {
	var reason string
	c := a.withInventory(&cobra.Command{
		Use:   "abandon RUN --reason TEXT",
		Short: "Give a run up that nobody can finish: its node is dead, or its journal is lost",
		Long: `The node is not held by the run any more, and its ledger says that the run was given up: other nodes are
held until somebody acknowledges that. Nothing else is changed, on the node or off it; what is true there is for
you to see. A run whose journal is not here is looked for on the nodes of the inventory.`,
		Args: exactly(1, 1, "one run"),
		RunE: func(c *cobra.Command, args []string) error { return a.abandon(c.Context(), args[0], reason) },
	})
	c.Flags().StringVar(&reason, "reason", "", "what is known about the node; recorded")
	return c
}

func (a *app) takeover(ctx context.Context, name, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return usage("takeover needs --reason TEXT: it is recorded with the run")
	}
	store, err := a.records()
	if err != nil {
		return err
	}
	r, err := pick(store, []string{name}, "", nil)
	if err != nil {
		return err
	}
	var from *engine.Claim
	err = a.withOpen(ctx, store, r, "takeover "+r.ID, func(t taken) error {
		if t.gone != nil {
			return t.gone
		}
		var err error
		from, err = t.TakeOver(ctx, t.node, t.run, me(), reason)
		return err
	})
	switch {
	case err != nil:
		return err
	case from == nil:
		a.note("nobody else holds %s", r.Node)
	default:
		a.note("%s is held by this state folder again; run %s, by %s, can write nothing more there", r.Node, from.Run, from.By)
	}
	a.note("next: hcrun resume %s   (or: hcrun rollback %s)", r.ID, r.ID)
	return nil
}

func (a *app) abandon(ctx context.Context, name, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return usage("abandon needs --reason TEXT: it is recorded with the run")
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	r, unknown := pick(store, []string{name}, "", nil)
	if unknown != nil {
		return a.abandonForeign(ctx, store, name, reason, unknown)
	}
	err = a.withOpen(ctx, store, r, "abandon "+r.ID, func(t taken) error {
		switch {
		case t.gone != nil && ctx.Err() != nil:
			return t.gone
		case t.gone != nil:
			a.note("%s cannot be asked (%v): it stays held by the run until it is reached", r.Node, t.gone)
		}
		return t.Abandon(ctx, t.node, t.run, me(), reason)
	})
	if err == nil {
		a.note("other nodes are held until `hcrun ack %s --reason TEXT`", r.ID)
	}
	return err
}

// withOpen takes an open run up, whether its node can be reached or not.
func (a *app) withOpen(ctx context.Context, store *journal.Store, r *engine.Run, what string, do func(taken) error) error {
	if !r.Dirty() {
		return &engine.Problem{Code: engine.Invalid, What: "run " + r.ID + " holds no node: it is " + string(r.State), Next: "hcrun show " + r.ID}
	}
	return a.underLock(ctx, store, r, what, func(*site, *engine.Run) error { return nil }, do)
}

// abandonForeign gives up a run that only its node knows of.
func (a *app) abandonForeign(ctx context.Context, store *journal.Store, name, reason string, unknown error) error {
	s, err := a.site(ctx, "")
	if err != nil {
		return errors.Join(unknown, err)
	}
	defer s.close()
	lock, err := store.Lock("abandon " + name)
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, h := range s.inv.Hosts {
		n, err := s.dial(ctx, h)
		if err != nil {
			a.note("%s cannot be asked: %v", h.Name, err)
			continue
		}
		l, err := n.Ledger(ctx)
		if err != nil {
			return err
		}
		if l.Claim != nil && l.Claim.Run == name && !l.Claim.Ack {
			return a.giveUp(ctx, store, s, h, *l.Claim, reason)
		}
	}
	p := engine.Problemf(engine.Invalid, "no journal here, and no node of %s that answers, knows of run %s", s.inv.Path, name)
	p.Next = "hcrun status"
	return p
}

// giveUp replaces a foreign claim and gives that up at once, on record.
func (a *app) giveUp(ctx context.Context, store *journal.Store, s *site, h inventory.Host, c engine.Claim, reason string) error {
	who, err := holder(store)
	if err != nil {
		return err
	}
	n, err := s.dial(ctx, h)
	if err != nil {
		return err
	}
	mine := c
	mine.Holder = who
	w, err := n.Claim(ctx, mine, c)
	if err != nil {
		return err
	}
	o := &engine.Outcome{Run: c.Run, Playbook: c.Playbook, Node: c.Node, Machine: n.Machine(), State: engine.Abandoned, Changed: true, Began: c.Since, Ended: s.clock.Now().UTC().Round(0), By: me(), Why: reason}
	if err := w.Release(ctx, o); err != nil {
		return err
	}
	a.note("%s is not held any more; its ledger says that run %s, by %s, was given up", h.Name, c.Run, c.By)
	a.note("other nodes are held by it: once you have seen what is true on %s, hcrun ack %s --reason TEXT -i %s", h.Name, c.Run, s.inv.Path)
	return nil
}
