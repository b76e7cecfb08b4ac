package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rollback carries the run down to its beginning, from wherever its cursor stands. nil means that the
// node is as it was before the run, and seen to be so; files and folders that others have filled are
// kept and listed in r.LeftPaths. by and why are recorded.
//
// A landed run is rolled back only when what it left still stands, all of it: else the error has code
// Incomplete, nothing is undone and the run stays landed. Whether it is the newest run of its node is
// the caller's to see to (see Run.Began and Run.Changed). Other errors have code Incomplete (the run
// stays open; resume goes on), Interrupted, Identity and Unreachable (nothing was undone), or NotDurable.
func (e *Engine) Rollback(ctx context.Context, n Claimable, r *Run, by, why string) error {
	switch {
	case r.State == Landed && !r.Changed, r.State == RolledBk, r.State == Untouched:
		return nil
	}
	if err := r.SameMachine(n); err != nil {
		return err
	}
	p, err := e.take(n, r)
	if err != nil {
		return err
	}
	return p.unlessFired(ctx, p.goBack(ctx, by, why))
}

// goBack turns the run, unless it goes down already, and goes there.
func (p *passage) goBack(ctx context.Context, by, why string) error {
	r := p.r
	if r.falling() {
		if err := p.hold(ctx); err != nil {
			return p.unheld(ctx, "claim the node", err)
		}
		if err := p.record(r, Event{Kind: EvResumed, End: &End{User: by}}); err != nil {
			return err
		}
		return p.down(ctx)
	}
	if r.State == Landed {
		if err := p.stands(ctx); err != nil {
			return err
		}
	}
	if err := p.hold(ctx); err != nil {
		if r.Open() || is[*firedError](err) {
			return p.unheld(ctx, "claim the node", err)
		}
		if held, ok := errors.AsType[*ClaimedError](err); ok {
			return locked(r, held)
		}
		return unreachable(r, "claim the node", err)
	}
	if p.Alone != nil && !r.Open() {
		if err := p.Alone(ctx); err != nil {
			if gone := p.release(ctx, nil); gone != nil {
				return errors.Join(err, gone)
			}
			return err
		}
	}
	if err := p.record(r, Event{Kind: EvTurned, End: &End{By: by, Why: why}}); err != nil {
		return err
	}
	return p.down(ctx)
}

// down is descend for whoever asked for it. Whoever asked for what the node had done by itself before is told.
func (p *passage) down(ctx context.Context) error {
	err := p.descend(ctx)
	if err == nil && p.r.Fired() {
		return fired(p.r)
	}
	return err
}

// stands looks whether what a landed run left is still there.
func (p *passage) stands(ctx context.Context) error {
	paths, may := p.r.standing()
	images, err := lookAll(ctx, p.n, paths)
	if err != nil {
		return unreachable(p.r, "look at what run "+p.r.ID+" left", err)
	}
	var drifted []string
	for i, at := range paths {
		left := may[at][0]
		if left.Kind != Answer && !left.Matches(images[i]) && !images[i].rotated(left) { // a command is undone whatever its probe says
			drifted = append(drifted, differs(at, []Image{left}, images[i]))
		}
	}
	if drifted == nil {
		return nil
	}
	return &Problem{
		Code: Incomplete,
		What: "somebody has changed what run " + p.r.ID + " left on " + p.r.Node + ": the rollback was not begun",
		Now:  "nothing was undone.\n" + strings.Join(drifted, "\n"),
		Next: "hcrun show " + p.r.ID + "; put the files back as the run left them, then hcrun rollback " + p.r.ID,
	}
}

// turn points the run down and goes there.
func (p *passage) turn(ctx context.Context, why End) error {
	why.Code = RolledBack
	if err := p.record(p.r, Event{Kind: EvTurned, End: &why}); err != nil {
		return err
	}
	return p.fall(ctx)
}

// fall goes down to the beginning. When a check had turned the run, arriving there is an error too.
func (p *passage) fall(ctx context.Context) error {
	if err := p.descend(ctx); err != nil {
		return err
	}
	switch {
	case p.r.Fired():
		return fired(p.r)
	case p.r.Turned != nil && p.r.Turned.By != "hcrun":
		return nil
	}
	return rolledBack(p.r)
}

// descend undoes the operations below the cursor in exact reverse order, each with the checks that
// belong to it, and looks at all of them at the end.
func (p *passage) descend(ctx context.Context) error {
	if err := p.extend(ctx); err != nil {
		return err
	}
	for {
		if ctx.Err() != nil {
			return p.interrupted(ctx)
		}
		if err := p.reprove(ctx); err != nil {
			return err
		}
		if p.r.atStart() {
			break
		}
		if err := p.undo(ctx, p.r.Next); err != nil {
			return err
		}
	}
	if err := p.restored(ctx); err != nil {
		return err
	}
	return p.finish(ctx, Event{Kind: EvRolledBack, End: &End{Changed: p.r.Changed, Left: p.r.LeftPaths}}, RolledBk)
}

// undo undoes one change.
func (p *passage) undo(ctx context.Context, op Op) error {
	c, err := p.whole(ctx, op, p.r.change(op).Inverse())
	if err != nil {
		return err
	}
	if err := p.remark(ctx, op, c); err != nil {
		return err
	}
	w := p.settle(ctx, op, c)
	switch {
	case w.recordErr != nil:
		return w.recordErr
	case w.err == nil:
		return p.settled(op, c, w.how)
	case w.blob != nil:
		return p.incomplete(corrupt(p.r, c, w.blob))
	}
	if held, ok := errors.AsType[*ClaimedError](w.err); ok {
		return p.fenced(ctx, held)
	}
	if gone, ok := errors.AsType[*ConflictError](w.err); ok {
		if err := p.byItself(ctx); err != nil {
			return err
		}
		if _, was := p.r.touched(); was[c.At].Matches(gone.Got) {
			return p.settled(op, c, Already) // put back past an earlier change of the same path, as a switch does
		}
		return p.incomplete(conflict(p.r, c.At, []Image{c.Before, c.After}, gone.Got))
	}
	if exit, ok := errors.AsType[*ExitError](w.err); ok {
		return p.incomplete(notUndone(p.r, c, exit))
	}
	return p.incomplete(unknown(p.r, "restore "+c.At, w.err))
}

// whole is c, which undoes op, with bytes that can be had. Where the journal does not have those that stood there before
// the run, the node may: its copy is taken when it is the same by hash and size, and that goes on record. Where it is not,
// c is as it was, and whoever needs its bytes says that they are gone.
func (p *passage) whole(ctx context.Context, op Op, c Change) (Change, error) {
	if c.After.Kind != File || c.After.AnyContent {
		return c, nil
	}
	ctx = context.WithoutCancel(ctx)
	lost := c.After.Content.check(ctx)
	i := slices.IndexFunc(Restores(p.r.Steps), func(r Restore) bool { return r.At == c.At && r.Before.Content.Same(c.After.Content) })
	if lost == nil || i < 0 {
		return c, nil
	}
	kept, err := p.n.Copy(ctx, p.r.ID, i)
	switch {
	case err != nil && isLost(err):
		return c, p.incomplete(unknown(p.r, "read what "+p.r.Node+" has kept of "+c.At, err))
	case err != nil || !kept.Same(c.After.Content):
		return c, nil
	}
	c.After.Content = kept
	e := p.op(op)
	e.Path, e.Text = c.At, fmt.Sprintf("the journal no longer has what was at %s (%v): it is taken from the copy on %s", c.At, lost, p.r.Node)
	return c, p.record(p.r, Event{Kind: EvSaid, Op: e})
}

// remark takes fresh marks of the checks that are to run after c, which undoes op. When a mark cannot
// be taken the change is undone all the same: a broken manifest matters more than its proof.
func (p *passage) remark(ctx context.Context, op Op, c Change) error {
	steps := slices.DeleteFunc(p.r.provenBy(op), func(i int) bool {
		_, marked := p.r.DownMarks[i]
		return marked
	})
	if len(steps) == 0 || p.r.InDoubt {
		return nil
	}
	got, err := lookAt(context.WithoutCancel(ctx), p.n, c.At)
	if err != nil {
		return p.incomplete(unknown(p.r, "restore "+c.At, err))
	}
	if c.Before.Matches(got) && !c.Before.AnyContent {
		c.Before.Content = got.Content // the same bytes, and those of the journal may be gone
	}
	for _, i := range steps {
		check := Op{i, len(p.r.Steps[i].Changes)}
		e := p.op(check)
		if c.After.Matches(got) && got.Kind != Unknowable && !p.r.Fired() {
			e.Skip = true // the change never happened: there is nothing to wait for
		} else {
			v := p.voice(ctx, check)
			m, err := p.markStep(v.ctx, p.n, p.r.Steps[i], p.checks[i], p.watch(v), []Change{c})
			if said := v.close(); said != nil {
				return said
			}
			if err != nil && ctx.Err() != nil {
				return p.interrupted(ctx)
			}
			e.Mark, e.Skip = m.Mark, m.Skip
			if err != nil {
				e.Text = plainly(err).Error()
			}
		}
		if err := p.record(p.r, Event{Kind: EvMarked, Op: e}); err != nil {
			return err
		}
	}
	return nil
}

// reprove runs the checks that belong to what was undone last.
func (p *passage) reprove(ctx context.Context) error {
	for _, i := range p.r.pending() {
		op, m := Op{i, len(p.r.Steps[i].Changes)}, p.r.DownMarks[i]
		var err, fatal error
		if m.Why != "" {
			err = &Unavailable{Why: m.Why}
		} else if err, fatal = p.check(ctx, op, m.Mark); fatal != nil {
			return fatal
		}
		switch {
		case err == nil:
			if err := p.record(p.r, Event{Kind: EvChecked, Op: p.op(op)}); err != nil {
				return err
			}
			continue
		case ctx.Err() != nil:
			return p.interrupted(ctx)
		case isLost(err):
			return p.incomplete(unknown(p.r, p.r.Steps[i].ID()+" after the rollback of its change", err))
		}
		d, found := disproved(err)
		if err := p.testify(ctx, op, found); err != nil {
			return err
		}
		e := p.op(op)
		e.Text, e.Hint = d.why, d.hint
		if err := p.record(p.r, Event{Kind: EvFailed, Op: e}); err != nil {
			return err
		}
		return p.incomplete(notReproven(p.r, i, withHint(d.why, d.hint)))
	}
	return nil
}

// restored looks, in one round trip, whether every path that the run touched is as it was.
func (p *passage) restored(ctx context.Context) error {
	paths, was := p.r.touched()
	paths = slices.DeleteFunc(paths, func(at string) bool { return slices.Contains(p.r.LeftPaths, at) })
	images, err := lookAll(context.WithoutCancel(ctx), p.n, paths)
	if err != nil {
		return p.incomplete(unknown(p.r, "look at what was restored", err))
	}
	for i, at := range paths {
		if !was[at].Matches(images[i]) {
			return p.incomplete(conflict(p.r, at, []Image{was[at]}, images[i]))
		}
	}
	return nil
}

// incomplete records that the rollback could not finish, and why; it returns the reason.
func (p *passage) incomplete(why *Problem) error {
	why.Code = Incomplete
	why.What = "the rollback of run " + p.r.ID + " on " + p.r.Node + " is not finished: " + why.What
	if err := p.record(p.r, Event{Kind: EvIncomplete, End: &End{Code: Incomplete, Why: why.What}}); err != nil {
		return err
	}
	return why
}
