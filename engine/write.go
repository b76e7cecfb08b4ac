package engine

import (
	"context"
	"errors"
	"strings"
	"time"
)

// write does one change on the way up.
func (p *passage) write(ctx context.Context, op Op) error {
	c, doubt := p.r.change(op), p.r.InDoubt
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
	problem, refused := errors.AsType[*Problem](w.err)
	held, lost := errors.AsType[*ClaimedError](w.err)
	if (lost || refused && problem.Code == Busy) && !doubt && p.r.undecided() {
		// The node has said that it did not run: nobody has to be asked.
		if err := p.decide("hcrun", Retried); err != nil {
			return err
		}
	}
	if lost {
		return p.fenced(ctx, held)
	}
	if gone, ok := errors.AsType[*ConflictError](w.err); ok {
		if err := p.byItself(ctx); err != nil {
			return err
		}
		return p.pause(conflict(p.r, c.At, []Image{c.Before, c.After}, gone.Got))
	}
	if why, ok := errors.AsType[*UndecidedError](w.err); ok {
		return p.pause(undecided(p.r, why))
	}
	if exit, ok := errors.AsType[*ExitError](w.err); ok {
		// How far it came is not known: the way down begins with it.
		failed := p.op(op)
		failed.Path, failed.Text, failed.Partly = c.At, exit.Error(), true
		if err := p.record(p.r, Event{Kind: EvFailed, Op: failed}); err != nil {
			return err
		}
		return &disproof{why: p.r.failure(*failed), code: Preflight}
	}
	switch {
	case refused && (problem.Code == Preflight || problem.Code == Security):
		// The node could not do it, and nothing has changed by this change.
		failed := p.op(op)
		failed.Path, failed.Text, failed.Partly = c.At, problem.What, c.Cmd != nil && doubt
		if err := p.record(p.r, Event{Kind: EvFailed, Op: failed}); err != nil {
			return err
		}
		return &disproof{why: p.r.failure(*failed), code: problem.Code}
	case refused && problem.Code == Busy:
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
	if c.Cmd != nil {
		switch limit += c.Cmd.Longest().D(); {
		case p.r.undecided():
			w.err = &UndecidedError{c.Name()}
			return w
		case c.Cmd.back && len(c.Cmd.Run) > 0 && (p.r.undoneElsewhere() || strings.HasPrefix(c.At, untold) && p.r.undidItself(c)):
			w.how = Already
			return w
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	w.how, w.err = settle(ctx, p.w, c, func() error {
		if p.r.InDoubt && !p.r.again {
			return nil // the intent of a process that died is on record
		}
		intent := p.op(op)
		intent.Path = c.At
		if c.Cmd != nil {
			intent.Text = c.Name()
		}
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
	if c.Cmd != nil {
		e.Text = c.Name()
	}
	return p.record(p.r, Event{Kind: EvSettled, Op: e})
}

// op is an event's word for an operation in the direction in which the run goes.
func (p *passage) op(op Op) *OpEvent {
	return &OpEvent{Step: op.Step, Change: op.Change, Down: p.r.falling()}
}
