package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Apply carries the run up to its end, from wherever its cursor stands: given a folded run it goes on
// where that stopped, and a run that is on its way down goes on down. A check that fails rolls the
// node back. nil means landed. Else the error is a *Problem whose code says what is true now:
//
//   - nothing was written and the run has ended: Held (a gate), Stale, CannotVerify, Preflight,
//     Security, Identity, Unreachable. Preflight is also the answer when all was in place already, and a check
//     disproved it: there was nothing to roll back.
//   - the node is as it was before: RolledBack; Fired, when the node itself had undone the run.
//   - the run is open and has to be resumed or rolled back: Interrupted, Conflict, Unknown, Busy,
//     Locked, Corrupt, Incomplete, NotDurable, Identity.
func (e *Engine) Apply(ctx context.Context, n Claimable, r *Run) error {
	switch {
	case r.State == Landed:
		return nil
	case !r.Open():
		return over(r)
	}
	p, err := e.take(n, r)
	if err != nil {
		return err
	}
	if why, ok := errors.AsType[*Problem](r.SameMachine(n)); ok {
		if r.FirstWrite.IsZero() {
			return p.untouched(why)
		}
		return why
	}
	switch {
	case !r.planned:
		return p.untouched(&Problem{Code: Stale, What: "the run ended before its plan was on record", Next: "hcrun apply, again"})
	}
	return p.unlessFired(ctx, p.carry(ctx))
}

// carry goes on in the direction in which the run goes, from where its cursor stands.
func (p *passage) carry(ctx context.Context) error {
	if ctx.Err() != nil {
		return p.interrupted(ctx)
	}
	if err := p.hold(ctx); err != nil {
		return p.unheld(ctx, "claim the node", err)
	}
	switch r := p.r; {
	case r.falling():
		return p.fall(ctx)
	case r.disproven && !r.FirstWrite.IsZero():
		return p.turn(ctx, End{By: "hcrun", Why: r.failure(r.Failed[len(r.Failed)-1])})
	case !r.FirstWrite.IsZero():
		l, err := p.n.Ledger(ctx)
		if err != nil {
			return p.blind(ctx, "read the node's ledger", err)
		}
		if o := l.last(r.ID); o.State == RolledBk { // by whoever has a copy of the journal
			return p.turn(ctx, End{By: o.By, Why: o.Why, Elsewhere: true})
		}
	}
	err := p.begin(ctx)
	if err == nil {
		err = p.climb(ctx)
	}
	if d, ok := errors.AsType[*disproof](err); ok {
		if p.r.FirstWrite.IsZero() {
			return p.untouched(unproven(p.r, d))
		}
		return p.turn(ctx, End{By: "hcrun", Why: d.why})
	}
	return err
}

// Resume takes an open run up again: it records who did, and goes on in the direction in which the run
// was going. Its result is Apply's; a rollback that an operator had asked for ends with nil. Ask
// MayResume first.
func (e *Engine) Resume(ctx context.Context, n Claimable, r *Run, user string) error {
	if !r.Open() {
		return over(r)
	}
	if err := r.SameMachine(n); err != nil {
		return err
	}
	if err := e.record(r, Event{Kind: EvResumed, End: &End{User: user}}); err != nil {
		return err
	}
	return e.Apply(ctx, n, r)
}

// passage is a run being carried, on its node, by this process.
type passage struct {
	*Engine
	n      Claimable
	w      WritableNode // the same node, while it is claimed
	sw     SwitchState  // of the run, as far as the node was asked
	r      *Run
	checks []Checker // by step, nil where a step has none
}

// take rebuilds what the run needs beyond its record, before anything is done.
func (e *Engine) take(n Claimable, r *Run) (*passage, error) {
	p := &passage{Engine: e, n: n, r: r, checks: make([]Checker, len(r.Steps))}
	r.Steps = e.attach(r.Steps)
	for i, s := range r.Steps {
		if s.Check == nil {
			continue
		}
		var err error
		if p.checks[i], err = e.Checker(s.Kind, s.Check); err != nil {
			return nil, &Problem{Code: Invalid, What: fmt.Sprintf("%s: %v", s.ID(), err), Now: situation(r), Next: "the same command with the hcrun that began run " + r.ID, Err: err}
		}
	}
	return p, nil
}

// disproof is why a run cannot land: what follows depends on whether it has written.
type disproof struct {
	why, hint string
	code      Code // the run's, where nothing was written
}

func (d *disproof) Error() string { return d.why }

// begin does what comes before the next operation. As long as nothing was written that is everything
// that may refuse the run; later it is only a look whether the node is as the run left it.
func (p *passage) begin(ctx context.Context) error {
	if p.r.FirstWrite.IsZero() {
		if err := p.alone(ctx); err != nil {
			return err
		}
		if err := p.mark(ctx); err != nil {
			return err
		}
		if err := p.gates(ctx, before); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return p.interrupted(ctx)
	}
	if err := p.compare(ctx); err != nil {
		return err
	}
	return p.ready(ctx)
}

// compare looks, in one round trip, whether every path is as the run must have left it.
func (p *passage) compare(ctx context.Context) error {
	paths, may := p.r.standing()
	images, err := lookAll(ctx, p.n, paths)
	if err != nil {
		return p.blind(ctx, "look at the files of the plan", err)
	}
	for i, at := range paths {
		fresh := p.r.FirstWrite.IsZero()
		if slices.ContainsFunc(may[at], func(img Image) bool { return img.Matches(images[i]) || !fresh && images[i].rotated(img) }) {
			continue
		}
		if fresh {
			return p.untouched(stale(p.r, at, may[at][0], images[i]))
		}
		return p.pause(conflict(p.r, at, may[at], images[i]))
	}
	return nil
}

// climb does the operations above the cursor, asks the gates, and lands.
func (p *passage) climb(ctx context.Context) error {
	for !p.r.atEnd() {
		if ctx.Err() != nil {
			return p.interrupted(ctx)
		}
		do := p.write
		if p.r.isCheck(p.r.Next) {
			do = p.prove
		}
		if err := do(ctx, p.r.Next); err != nil {
			return err
		}
	}
	if err := p.gates(ctx, after); err != nil {
		return err
	}
	end := End{Changed: p.r.Changed, Clean: true}
	if why := p.r.unusual(); why != "" {
		end.Clean, end.Why = false, why
	}
	return p.finish(ctx, Event{Kind: EvLanded, End: &end}, Landed)
}

// pause records that the run stopped in the middle, and why; it returns the reason.
func (p *passage) pause(why *Problem) error {
	if err := p.record(p.r, Event{Kind: EvPaused, End: &End{Code: why.Code, Why: why.What}}); err != nil {
		return err
	}
	return why
}

// untouched ends a run that has written nothing.
func (p *passage) untouched(why *Problem) error {
	if why.Now == "" {
		why.Now = "nothing was written to " + p.r.Node
	}
	if err := p.release(context.Background(), nil); err != nil {
		why.Now += fmt.Sprintf("; its claim could not be given up (%v): the next hcrun from here does that", err)
	}
	if err := p.record(p.r, Event{Kind: EvRolledBack, End: &End{Code: why.Code, Why: why.What}}); err != nil {
		return err
	}
	return why
}

// interrupted is pause for a soft stop. A run that has written nothing ends with it: whether it may begin
// is asked anew by the next apply.
func (p *passage) interrupted(ctx context.Context) error {
	why := stopped(p.r, context.Cause(ctx))
	if p.r.FirstWrite.IsZero() {
		why.Next = "hcrun apply, again"
		return p.untouched(why)
	}
	return p.pause(why)
}

// blind stops because the node does not answer. After the first write that leaves the run open and,
// when a write was under way, in doubt.
func (p *passage) blind(ctx context.Context, doing string, err error) error {
	stopped := ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, context.Canceled))
	switch {
	case stopped, ctx.Err() != nil && !isLost(err): // what was asked when the stop came looks lost to whoever asked
		return p.interrupted(ctx)
	case p.r.FirstWrite.IsZero():
		return p.untouched(unreachable(p.r, doing, err))
	}
	return p.pause(unknown(p.r, doing, err))
}
