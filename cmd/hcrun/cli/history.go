package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
)

func (a *app) historyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "Every run, oldest first",
		Long: `Lists every run of this state folder. With --json it prints one array of objects: run, playbook, node, began,
ended, state, changed, clean, acked. "hcrun status --json" prints the same of the runs that need somebody.`,
		Args: exactly(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			store, err := a.records()
			if err != nil {
				return err
			}
			all, err := runs(store)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(summaries(all))
			}
			if len(all) == 0 {
				a.note("no runs yet")
				return nil
			}
			ui.Runs(a.out, all)
			return nil
		},
	}
}

func (a *app) showCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "One run: its plan, everything that happened, and the evidence",
		Args:  exactly(1, 1, "one run"),
		RunE:  func(c *cobra.Command, args []string) error { return a.show(c.Context(), args[0]) },
	}
}

func (a *app) show(ctx context.Context, name string) error {
	store, err := a.records()
	if err != nil {
		return err
	}
	r, err := pick(store, []string{name}, "", nil)
	if err != nil {
		return err
	}
	events, err := store.Read(r.ID)
	if err != nil {
		return err
	}
	a.unveiled(ctx, store, r)
	if a.json {
		for _, e := range events {
			(&ui.JSON{W: a.out}).Show(e)
		}
		return nil
	}
	zone := ui.Zone(r)
	fmt.Fprintf(a.out, "run %s: %s on %s (%s), by %s\nbegan %s, %s\n\n", r.ID, ui.Line(r.Playbook), r.Node, ui.Line(r.Address), ui.Line(r.User), ui.Moment(r.Began, zone), ui.RunState(r))
	ui.Plan(ctx, a.out, a.style, withBlobs(store, r.ID, r.Steps))
	fmt.Fprintln(a.out)
	text := &ui.Text{W: a.out, Style: a.style, Zone: zone}
	for _, e := range events {
		text.Show(e)
	}
	return a.showEvidence(ctx, store, r)
}

// showEvidence prints the end of everything that was kept.
func (a *app) showEvidence(ctx context.Context, store *journal.Store, r *engine.Run) error {
	for _, kept := range r.Kept {
		if kept.Blob == nil {
			continue
		}
		rc, err := store.Blob(ctx, r.ID, *kept.Blob)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(rc, 1<<20))
		if err := errors.Join(err, rc.Close()); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "\n%s of %s:\n%s", a.style.Bold(ui.Line(kept.Text)), r.Steps[kept.Step].ID(), ui.Clean(tail(string(b))))
	}
	return nil
}

// tail is the last lines of a log, in whole lines.
func tail(s string) string {
	const lines = 40
	at, n := len(s), 0
	for at > 0 && n <= lines {
		at--
		if s[at] == '\n' && at != len(s)-1 {
			n++
		}
	}
	if at > 0 {
		s = "...\n" + s[at+1:]
	}
	if s != "" && s[len(s)-1] != '\n' {
		s += "\n"
	}
	return s
}

// showUndo prints what a rollback would do.
func (a *app) showUndo(ctx context.Context, store *journal.Store, r *engine.Run, steps []engine.PlannedStep) {
	if a.json {
		a.events = true
		(&ui.JSON{W: a.out}).Show(engine.Event{Run: r.ID, Kind: engine.EvPlanned, At: r.Latest, Planned: steps})
		return
	}
	fmt.Fprintf(a.out, "rollback of run %s on %s, in this order:\n\n", a.style.Bold(r.ID), a.style.Bold(r.Node))
	ui.Plan(ctx, a.out, a.style, withBlobs(store, r.ID, steps))
}

// withBlobs gives the contents of recorded steps their bytes back.
func withBlobs(store *journal.Store, id string, steps []engine.PlannedStep) []engine.PlannedStep {
	open := func(c engine.Content) engine.Content {
		if c.IsZero() {
			return c
		}
		return engine.NewContent(c.Hash(), c.Size(), func(ctx context.Context) (io.ReadCloser, error) { return store.Blob(ctx, id, c) })
	}
	out := make([]engine.PlannedStep, len(steps))
	for i, s := range steps {
		out[i] = s
		out[i].Changes = nil
		for _, c := range s.Changes {
			c.Before.Content, c.After.Content = open(c.Before.Content), open(c.After.Content)
			out[i].Changes = append(out[i].Changes, c)
		}
	}
	return out
}
