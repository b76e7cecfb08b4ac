package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
)

func (a *app) ackCmd() *cobra.Command {
	var reason string
	c := a.withInventory(&cobra.Command{
		Use:   "ack RUN --reason TEXT",
		Short: "Say that an eventful run was looked at, so that the next node may start",
		Long: `It is recorded with the run, and on its node, for other operators. A node that does not answer, or that
somebody is at work on, is told by the same command once more. A run whose journal is not here is looked for on the
nodes of the inventory, by its whole id.`,
		Args: exactly(1, 1, "one run"),
		RunE: func(c *cobra.Command, args []string) error { return a.ack(c.Context(), args[0], reason) },
	})
	c.Flags().StringVar(&reason, "reason", "", "what was found; recorded")
	return c
}

func (a *app) ack(ctx context.Context, name, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return usage("ack needs --reason TEXT: it is recorded with the run")
	}
	store, err := a.records()
	if err != nil {
		return err
	}
	word := engine.Ack{Reason: reason, User: me()}
	r, err := pick(store, []string{name}, "", nil)
	if engine.CodeOf(err) == engine.Invalid {
		return a.ackForeign(ctx, name, word, err)
	}
	if err != nil {
		return err
	}
	lock, err := store.Lock("ack " + r.ID)
	if err != nil {
		return err
	}
	defer lock.Close()
	j, events, err := store.Continue(r.ID)
	if err != nil {
		return err
	}
	defer j.Close()
	if r, err = engine.Fold(events); err != nil {
		return engine.Problemf(engine.Corrupt, "run %s: %w", name, err)
	}
	clock, err := a.clockOf(ctx, r)
	if err != nil {
		return err
	}
	who, err := holder(store)
	if err != nil {
		return err
	}
	show, done := a.display(ui.Zone(r), events)
	defer done()
	e := &engine.Engine{Journal: j, Holder: who, Kinds: a.kinds, Clock: clock, Show: show}
	here := e.Ack(r, word)
	if here != nil && engine.CodeOf(here) != engine.Invalid || r.Open() || r.FirstWrite.IsZero() {
		return here // a node has no line of what wrote nothing there
	}
	return a.ackedOn(r, here, a.tellNode(ctx, e, r, word))
}

// tellNode has the node of a run that is on record here know that somebody has looked at it.
func (a *app) tellNode(ctx context.Context, e *engine.Engine, r *engine.Run, word engine.Ack) error {
	s, h, err := a.siteOf(ctx, r)
	if err != nil {
		return err
	}
	defer s.close()
	n, err := s.dial(ctx, h)
	if err != nil {
		return err
	}
	return e.Acknowledge(ctx, n, r.ID, r, word)
}

// ackedOn is what came of an acknowledgement: here, where it may have been given before, and on the node.
func (a *app) ackedOn(r *engine.Run, here, there error) error {
	switch {
	case there == nil:
		a.note("%s has it on record, for every operator", r.Node)
		return nil
	case r.Acked == nil && engine.CodeOf(there) == engine.Invalid: // nothing to acknowledge, here or there
		return here
	case here == nil && engine.CodeOf(there) != engine.Interrupted:
		a.note("it is recorded here, but %s does not know of it, so other operators are still held: %v", r.Node, there)
		a.note("next: hcrun ack %s --reason TEXT, once more when that is over", r.ID)
		return nil
	}
	return ofNode(r.ID, "", there)
}

// ofNode is what kept a node from taking an acknowledgement.
func ofNode(run, inventory string, err error) error {
	held, ok := errors.AsType[*engine.ClaimedError](err)
	if !ok {
		return err
	}
	p := engine.Problemf(engine.Locked, "%w", held)
	p.Now, p.Next = "it was not disturbed, and does not know of the acknowledgement", "hcrun ack "+run+" --reason TEXT"+inventory+", once more when that run has ended"
	return p
}

// ackForeign acknowledges a run that only its node has on record.
func (a *app) ackForeign(ctx context.Context, name string, word engine.Ack, unknown error) error {
	if a.inventory == "" {
		p := engine.Problemf(engine.Invalid, "%w", unknown)
		p.Next = "hcrun history   (where only its node has the run on record: hcrun ack RUN --reason TEXT -i INVENTORY)"
		return p
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	s, err := a.site(ctx, "")
	if err != nil {
		return err
	}
	defer s.close()
	lock, err := store.Lock("ack " + name)
	if err != nil {
		return err
	}
	defer lock.Close()
	who, err := holder(store)
	if err != nil {
		return err
	}
	e := &engine.Engine{Holder: who, Kinds: a.kinds, Clock: s.clock}
	var silent error // of a node that may have it
	for _, h := range s.inv.Hosts {
		n, err := s.dial(ctx, h)
		if err != nil {
			a.note("%s cannot be asked: %v", h.Name, err)
			silent = err
			continue
		}
		l, err := n.Ledger(ctx)
		if err != nil {
			a.note("%s cannot be asked: %v", h.Name, err)
			silent = err
			continue
		}
		if !slices.ContainsFunc(l.Outcomes, func(o engine.Outcome) bool { return o.Run == name }) {
			continue
		}
		if err := e.Acknowledge(ctx, n, name, nil, word); err != nil {
			return ofNode(name, s.inventoryFlag(), err)
		}
		a.note("%s has it on record, for every operator", n.Name())
		return nil
	}
	if silent != nil {
		return silent
	}
	p := engine.Problemf(engine.Invalid, "%w\nno node of %s that answers has on record how run %s ended", unknown, s.inv.Path, name)
	p.Next = "hcrun status"
	return p
}
