package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
)

func (a *app) ackCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "ack RUN --reason TEXT",
		Short: "Say that an eventful run was looked at, so that the next node may start",
		Args:  exactly(1, 1, "one run"),
		RunE:  func(c *cobra.Command, args []string) error { return a.ack(c.Context(), args[0], reason) },
	}
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
	r, err := pick(store, []string{name}, "", nil)
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
	show, done := a.display(ui.Zone(r), events)
	defer done()
	e := &engine.Engine{Journal: j, Kinds: a.kinds, Clock: clock, Show: show}
	return e.Ack(r, engine.Ack{Reason: reason, User: me()})
}
