package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Apply carries the run up to its end, from wherever its cursor stands: given a folded run it goes on
// where that stopped, and a run that is on its way down goes on down. A check that fails rolls the
// node back. nil means landed. Else the error is a *Problem whose code says what is true now:
//
//   - nothing was written and the run has ended: Held (a gate), Stale, CannotVerify, Preflight,
//     Security, Unreachable. Preflight is also the answer when all was in place already, and a check
//     disproved it: there was nothing to roll back.
//   - the node is as it was before: RolledBack.
//   - the run is open and has to be resumed or rolled back: Interrupted, Conflict, Unknown, Busy,
//     Corrupt, Incomplete, NotDurable.
func (e *Engine) Apply(ctx context.Context, n WritableNode, r *Run) error {
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
	switch {
	case !r.planned:
		return p.untouched(&Problem{Code: Stale, What: "the run ended before its plan was on record", Next: "hcrun apply, again"})
	case r.falling():
		return p.fall(ctx)
	case r.disproven && !r.FirstWrite.IsZero():
		return p.turn(ctx, "hcrun", r.failure(r.Failed[len(r.Failed)-1]))
	}
	if err = p.begin(ctx); err == nil {
		err = p.climb(ctx)
	}
	if d, ok := errors.AsType[*disproof](err); ok {
		if r.FirstWrite.IsZero() {
			return p.untouched(unproven(r, d))
		}
		return p.turn(ctx, "hcrun", d.why)
	}
	return err
}

// Resume takes an open run up again: it records who did, and goes on in the direction in which the run
// was going. Its result is Apply's; a rollback that an operator had asked for ends with nil.
func (e *Engine) Resume(ctx context.Context, n WritableNode, r *Run, user string) error {
	if !r.Open() {
		return over(r)
	}
	if err := e.record(r, Event{Kind: EvResumed, End: &End{User: user}}); err != nil {
		return err
	}
	return e.Apply(ctx, n, r)
}

// passage is a run being carried, on its node, by this process.
type passage struct {
	*Engine
	n      WritableNode
	r      *Run
	checks []Checker // by step, nil where a step has none
}

// take rebuilds what the run needs beyond its record, before anything is done.
func (e *Engine) take(n WritableNode, r *Run) (*passage, error) {
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
	return p.compare(ctx)
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
	return p.record(p.r, Event{Kind: EvLanded, End: &end})
}

// write does one change on the way up.
func (p *passage) write(ctx context.Context, op Op) error {
	c := p.r.change(op)
	w := p.settle(ctx, op, c)
	switch {
	case w.recordErr != nil:
		return w.recordErr
	case w.err == nil && w.how != Left:
		return p.settled(op, c, w.how)
	case w.err == nil:
		return p.pause(notEmpty(p.r, c))
	case w.blob != nil:
		return p.pause(corrupt(p.r, c, w.blob))
	}
	if gone, ok := errors.AsType[*ConflictError](w.err); ok {
		return p.pause(conflict(p.r, c.At, []Image{c.Before, c.After}, gone.Got))
	}
	problem, ok := errors.AsType[*Problem](w.err)
	switch {
	case ok && (problem.Code == Preflight || problem.Code == Security):
		// The node could not do it, and nothing has changed by this change.
		failed := p.op(op)
		failed.Path, failed.Text = c.At, problem.What
		if err := p.record(p.r, Event{Kind: EvFailed, Op: failed}); err != nil {
			return err
		}
		return &disproof{why: p.r.failure(*failed), code: problem.Code}
	case ok && problem.Code == Busy:
		return p.pause(busy(p.r, problem))
	}
	return p.blind(context.WithoutCancel(ctx), "write "+c.At, w.err)
}

// written is what came of a settle.
type written struct {
	how       How
	err       error // settle's
	blob      error // the recorded content could not be read
	recordErr error // the intent could not be made durable: nothing was written
}

// settle settles one change, its intent durable before. A soft stop does not reach it: a write that
// has begun finishes, or meets its own deadline.
func (p *passage) settle(ctx context.Context, op Op, c Change) (w written) {
	src := &source{of: c.After.Content}
	if !c.After.Content.IsZero() {
		c.After.Content = src.content()
	}
	limit := writeTime + time.Duration(c.After.Content.Size()/slowestBytes)*time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	w.how, w.err = settle(ctx, p.n, c, func() error {
		if p.r.InDoubt {
			return nil // the intent of a process that died is on record
		}
		intent := p.op(op)
		intent.Path = c.At
		w.recordErr = p.record(p.r, Event{Kind: EvIntent, Op: intent})
		return w.recordErr
	})
	w.blob = src.cause()
	return w
}

// settled records that a change stands.
func (p *passage) settled(op Op, c Change, how How) error {
	e := p.op(op)
	e.Path, e.How = c.At, how
	return p.record(p.r, Event{Kind: EvSettled, Op: e})
}

// op is an event's word for an operation in the direction in which the run goes.
func (p *passage) op(op Op) *OpEvent {
	return &OpEvent{Step: op.Step, Change: op.Change, Down: p.r.falling()}
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
	if err := p.record(p.r, Event{Kind: EvRolledBack, End: &End{Code: why.Code, Why: why.What}}); err != nil {
		return err
	}
	return why
}

// interrupted is pause for a soft stop.
func (p *passage) interrupted(ctx context.Context) error {
	return p.pause(stopped(p.r, context.Cause(ctx)))
}

// blind stops because the node does not answer. After the first write that leaves the run open and,
// when a write was under way, in doubt.
func (p *passage) blind(ctx context.Context, doing string, err error) error {
	switch {
	case ctx.Err() != nil && !isLost(err):
		return p.interrupted(ctx)
	case p.r.FirstWrite.IsZero():
		return p.untouched(unreachable(p.r, doing, err))
	}
	return p.pause(unknown(p.r, doing, err))
}
