package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
	"github.com/hcrun/hcrun/engine/sshnode"
	"github.com/hcrun/hcrun/inventory"
	"github.com/hcrun/hcrun/playbooks"
)

func (a *app) resumeCmd() *cobra.Command {
	var back, done, retry bool
	c := a.withInventory(&cobra.Command{
		Use:   "resume [RUN]",
		Short: "Finish an interrupted run: find out what is true on the node and go on",
		Long:  "RUN is a run's id, the beginning or end of it, or a node's name for its newest run. Goes on with the recorded plan and contents, never with the files on disk now, and names those that have changed. Without RUN it takes the newest unfinished one.",
		Args:  exactly(0, 1, "at most one run"),
		RunE: func(c *cobra.Command, args []string) error {
			if back && (done || retry) || done && retry {
				return usage("--rollback, --mark-done and --retry are three ways to go on; name one")
			}
			return a.resume(c.Context(), args, resuming{back, done, retry})
		},
	})
	c.Flags().BoolVar(&done, "mark-done", false, "a command of which nothing tells whether it ran (exit 25) has run: go on behind it")
	c.Flags().BoolVar(&retry, "retry", false, "run such a command again")
	c.Flags().BoolVar(&back, "rollback", false, "roll it back instead of finishing it")
	return c
}

func (a *app) rollbackCmd() *cobra.Command {
	var plan, yes bool
	c := a.withInventory(&cobra.Command{
		Use:   "rollback [RUN]",
		Short: "Undo a run exactly, in reverse order, and prove that the old state works",
		Long:  "RUN is a run's id, the beginning or end of it, or a node's name for its newest run. Without RUN it takes the newest run that changed something and is not rolled back.",
		Args:  exactly(0, 1, "at most one run"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.rollback(c.Context(), args, plan, yes)
		},
	})
	c.Flags().BoolVar(&plan, "plan", false, "show what would be undone; write nothing")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// resuming is what an operator says about an open run, at most one of it.
type resuming struct {
	back        bool // undo it
	done, retry bool // a command in doubt has run; is run again
}

func (a *app) resume(ctx context.Context, args []string, how resuming) error {
	store, err := a.records()
	if err != nil {
		return err
	}
	r, err := pick(store, args, "to resume", func(r *engine.Run) bool { return r.Dirty() && a.exists(r) })
	if err != nil {
		return err
	}
	may := func(r *engine.Run, _ []*engine.Run) error { return engine.MayResume(r) }
	return a.takeUp(ctx, store, r, "resume "+r.ID, may, func(e *engine.Engine, n engine.Claimable, r *engine.Run) error {
		switch {
		case how.back:
			return e.Rollback(ctx, n, r, me(), "asked for with resume --rollback")
		case how.done || how.retry:
			if err := e.Decide(r, me(), how.done); err != nil {
				return err
			}
		}
		a.sayChanged(r)
		return e.Resume(ctx, n, r, me())
	})
}

// sayChanged says which files of a run's playbook are others by now: resume goes by the record and not by them.
func (a *app) sayChanged(r *engine.Run) {
	o := playbooks.Options{Kinds: a.kinds, Env: a.env, Hide: a.veil.Hide}
	if changed := playbooks.Changed(r.Source, o, r.Inputs); len(changed) > 0 {
		a.note("changed since the run began: %s; the run goes on with what was planned then", strings.Join(changed, ", "))
	}
}

func (a *app) rollback(ctx context.Context, args []string, plan, yes bool) error {
	store, err := a.records()
	if err != nil {
		return err
	}
	r, err := pick(store, args, "to roll back", func(r *engine.Run) bool { return !r.FirstWrite.IsZero() && r.State != engine.RolledBk && a.exists(r) })
	if err != nil {
		return err
	}
	all, err := runs(store)
	if err != nil {
		return err
	}
	// Other inventories' runs say nothing here; under the lock the site's own are asked again.
	all = slices.DeleteFunc(all, func(o *engine.Run) bool { return o.Inventory != r.Inventory || !a.exists(o) })
	if err := engine.MayUndo(r, all); err != nil {
		return err
	}
	if plan {
		return a.takeUpPlan(ctx, r)
	}
	if err := a.confirm(ctx, fmt.Sprintf("undo run %s of %s on %s?", r.ID, r.Playbook, r.Node), yes); err != nil {
		return err
	}
	return a.takeUp(ctx, store, r, "rollback "+r.ID, engine.MayUndo, func(e *engine.Engine, n engine.Claimable, r *engine.Run) error {
		return e.Rollback(ctx, n, r, me(), "asked for")
	})
}

// takeUpPlan shows what a rollback would undo, newest first, and the checks that it would ask.
func (a *app) takeUpPlan(ctx context.Context, r *engine.Run) error {
	steps := undone(r.Steps)
	store, err := a.records()
	if err != nil {
		return err
	}
	a.unveiled(ctx, store, r)
	a.showUndo(ctx, store, r, steps)
	return nil
}

// undone are the steps that a rollback goes through. A check that is not asked after it is none, and neither is what
// was left out of the run because its "when" was false.
func undone(steps []engine.PlannedStep) []engine.PlannedStep {
	var back []engine.PlannedStep
	for _, s := range slices.Backward(steps) {
		if s.Skip || s.Check != nil && !s.OnRollback {
			continue
		}
		changes := []engine.Change{}
		for _, c := range slices.Backward(s.Changes) {
			changes = append(changes, c.Inverse())
		}
		s.Changes = changes
		back = append(back, s)
	}
	return back
}

// takeUp continues a recorded run on its node, if it may, as that is under the lock.
func (a *app) takeUp(ctx context.Context, store *journal.Store, r *engine.Run, what string, may func(*engine.Run, []*engine.Run) error, do func(*engine.Engine, engine.Claimable, *engine.Run) error) error {
	mayNow := func(s *site, r *engine.Run) error {
		a.unveiled(ctx, store, r)
		past, err := s.past(store)
		if err != nil {
			return err
		}
		return may(r, past)
	}
	return a.underLock(ctx, store, r, what, mayNow, func(t taken) error {
		if t.gone != nil {
			return outOfReach(t.gone, t.run)
		}
		t.site.noteClock(ctx, t.node)
		if err := do(t.Engine, t.node, t.run); err != nil {
			return err
		}
		if t.run.State == engine.RolledBk {
			a.rolledBack(t.run)
			return nil
		}
		a.landed(t.run)
		return nil
	})
}

// taken is a recorded run that is taken up, with all that it takes.
type taken struct {
	*engine.Engine
	site *site
	run  *engine.Run      // as it is under the lock
	node engine.Claimable // nil where it cannot be reached
	gone error            // why it cannot
}

// underLock takes a recorded run up while nobody else works from this state folder. may is asked before its node is
// connected to.
func (a *app) underLock(ctx context.Context, store *journal.Store, r *engine.Run, what string, may func(*site, *engine.Run) error, do func(taken) error) error {
	s, h, err := a.siteOf(ctx, r)
	if err != nil {
		return err
	}
	defer s.close()
	lock, err := store.Lock(what)
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
		return engine.Problemf(engine.Corrupt, "run %s: %w", what, err)
	}
	if err := may(s, r); err != nil {
		return err
	}
	t := taken{site: s, run: r}
	n, err := s.dial(ctx, h)
	if err == nil {
		err = r.SameMachine(n) // what answers instead is not to be touched, whatever is to be done
	}
	if t.gone = err; err == nil {
		t.node = n
	}
	if t.node != nil {
		if l, err := t.node.Ledger(ctx); err == nil { // else whoever goes on finds out
			if err := whole(store, l); err != nil {
				return err
			}
		}
	}
	who, err := holder(store)
	if err != nil {
		return err
	}
	show, done := a.display(ui.Zone(r), events)
	defer done()
	t.Engine = &engine.Engine{Journal: j, Holder: who, Alone: s.alone(store, r), Kinds: a.kinds, Clock: s.clock, Show: show, Peers: s.peersOf(r), Other: s.other, Veil: a.veil}
	return do(t)
}

func (a *app) rolledBack(r *engine.Run) {
	a.note("%s; other nodes are held until `hcrun ack %s --reason TEXT`", r.AsBefore(), r.ID)
	for _, at := range r.Left() {
		a.note("  left: %s", at)
	}
}

// siteOf is the site of a recorded run, from its own inventory unless -i says otherwise. The host has
// to be where the run was.
func (a *app) siteOf(ctx context.Context, r *engine.Run) (*site, inventory.Host, error) {
	if a.inventory == "" {
		a.inventory = r.Inventory
	}
	s, err := a.site(ctx, r.Source)
	if err != nil {
		return nil, inventory.Host{}, err
	}
	h, ok := s.inv.Host(r.Node)
	if !ok {
		return nil, h, usage("run %s is on %s, which %s does not have; name another inventory with -i", r.ID, r.Node, s.inv.Path)
	}
	if here := s.address(h); here != r.Address {
		p := engine.Problemf(engine.Identity, "run %s went to %s at %s; in %s it is at %s now", r.ID, r.Node, r.Address, s.inv.Path, here)
		p.Now, p.Next = "nothing was changed by this command", "hcrun show "+r.ID
		return nil, h, p
	}
	return s, h, nil
}

// outOfReach says what is not known while a node with an unfinished run cannot be reached.
func outOfReach(err error, r *engine.Run) error {
	if engine.CodeOf(err) != engine.Unreachable || !r.Dirty() {
		return err
	}
	p := engine.Problemf(engine.Unknown, "%w", err)
	p.Now = fmt.Sprintf("%s may be changed and is not verified (run %s, %s); no other node may start", r.Node, r.ID, r.State)
	p.Next = "hcrun resume " + r.ID + "   (when the node answers again)"
	return p
}

var _ engine.Claimable = (*sshnode.Node)(nil)
