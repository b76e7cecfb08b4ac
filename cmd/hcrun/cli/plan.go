package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/inventory"
)

// plan shows what would be done on every chosen node and what the guards say; it writes nothing.
func (ro *rollout) plan(ctx context.Context) error {
	if ro.flags.out != "" && len(ro.chosen) != 1 {
		return usage("a plan file is for one node: add --limit (the playbook is for %d)", len(ro.chosen))
	}
	pending := false
	for _, h := range ro.chosen {
		if err := ro.unfinished(h); err != nil {
			return err
		}
		it, err := ro.look(ctx, h)
		if err != nil {
			return ro.locate(err)
		}
		ro.app.showPlan(ctx, ro.site, it)
		if err := ro.preflight(ctx, it); err != nil {
			return ro.locate(err)
		}
		pending = pending || engine.HasChanges(it.steps)
		if _, err := ro.decide(ctx, it); err != nil {
			ro.app.note("would be held: %v", err)
		}
		if ro.flags.out != "" {
			if err := ro.writePlan(ctx, ro.flags.out, it); err != nil {
				return err
			}
			ro.app.note("plan written to %s; carry it out with: hcrun apply %s", ro.flags.out, ro.flags.out)
		}
	}
	if pending && ro.flags.detailed {
		return engine.Problemf(engine.Pending, "there is something to change")
	}
	return nil
}

// preflight asks every check once whether it will be able to answer.
func (ro *rollout) preflight(ctx context.Context, it intent) error {
	n, err := ro.dial(ctx, it.host)
	if err != nil {
		return err
	}
	e := &engine.Engine{Kinds: ro.app.kinds, Clock: ro.clock, Other: ro.other}
	last := ""
	_, err = e.Preflight(ctx, n, it.steps, func(s string) {
		if s = ui.Line(s); s != last {
			ro.app.note("%s", s)
		}
		last = s
	})
	return err
}

// showPlan prints the plan of one node.
func (a *app) showPlan(ctx context.Context, s *site, it intent) {
	if a.json {
		a.events = true
		(&ui.JSON{W: a.out}).Show(engine.Event{Kind: engine.EvPlanned, At: s.clock.Now(), Planned: it.steps})
		return
	}
	where := s.address(it.host)
	if s.lab == nil {
		where = it.host.User + "@" + where
	}
	fmt.Fprintf(a.out, "%s on %s (%s)\n\n", a.style.Bold(it.book.Name), a.style.Bold(it.host.Name), where)
	ui.Plan(ctx, a.out, a.style, it.steps)
	if engine.HasChanges(it.steps) {
		fmt.Fprintf(a.out, "\n%s\n", promise(it))
	}
	fmt.Fprintln(a.out)
}

// promise is what becomes of the node when nobody can reach it any more.
func promise(it intent) string {
	within, all := it.book.Within(), "all of this"
	if slices.ContainsFunc(engine.Changes(it.steps), func(c engine.Change) bool { return c.Cmd != nil && len(c.Cmd.Undo) == 0 }) {
		all = "this, but for what cannot be undone,"
	}
	switch {
	case within == 0:
		return "UNPROTECTED: nothing undoes this on a node that cannot be reached any more: " + ui.Line(it.book.Confirm.Off)
	case it.host.Switch == inventory.WeakSwitch:
		return fmt.Sprintf("Unless it is confirmed within %s, the node undoes %s by itself, but not after a reboot.", within, all)
	}
	return fmt.Sprintf("Unless it is confirmed within %s, the node undoes %s by itself, also after a reboot.", within, all)
}
