package engine

import (
	"context"
	"errors"
	"fmt"
)

// How a check is asked: on which node, for how long, how often.

// retryPause is the time between two askings where a step says nothing else.
const retryPause = 5 * Second

// where is the node that a step's check looks at: the run's own, or the one it is delegated to.
func (e *Engine) where(ctx context.Context, n Node, s PlannedStep) (Node, error) {
	if s.DelegateTo == "" || s.DelegateTo == n.Name() {
		return n, nil
	}
	if e.Other == nil {
		return nil, &Unavailable{Why: s.DelegateTo + " cannot be asked: there is no way to other nodes"}
	}
	other, err := e.Other(ctx, s.DelegateTo)
	if err != nil && ctx.Err() == nil {
		err = &Unavailable{Why: fmt.Sprintf("%s cannot be asked: %v", s.DelegateTo, err)}
	}
	return other, err
}

// elsewhere makes of a lost connection to a delegate what it is: an answer that did not come. Only the
// run's own node can be lost to the run.
func elsewhere(ctx context.Context, n Node, s PlannedStep, err error) error {
	if s.DelegateTo == "" || s.DelegateTo == n.Name() || ctx.Err() != nil || !isLost(err) {
		return err
	}
	return &Unavailable{Why: fmt.Sprintf("%s: %v", s.DelegateTo, err)}
}

// markStep asks the check of a step for its mark.
func (e *Engine) markStep(ctx context.Context, n Node, s PlannedStep, c Checker, w Watch, planned []Change) (MarkOf, error) {
	at, err := e.where(ctx, n, s)
	if err != nil {
		return MarkOf{}, err
	}
	w.Node, w.Clock = watchOnly{at}, e.Clock
	m, err := markOf(ctx, w, c, planned)
	return m, elsewhere(ctx, n, s, err)
}

// insist asks the check of a step, and again after a pause as often as the step says, until it is proven.
// Every failure but the last is only said. A mark stays what it was: the first asking and the last prove the same.
func (p *passage) insist(v *voice, step int, m Mark) error {
	s := p.r.Steps[step]
	var seen []Evidence
	for again := 1; ; again++ {
		err := p.once(v, s, p.checks[step], m)
		failed, ok := errors.AsType[*Failed](err)
		if ok {
			seen = append(seen, failed.Evidence...)
		}
		switch {
		case err == nil, v.ctx.Err() != nil, isLost(err):
			return err
		case again <= s.Retry:
			pause := Duration(s.RetryPause.Or(retryPause))
			v.say(fmt.Sprintf("%v; asked again in %s (%d of %d)", err, pause, again, s.Retry))
			if err := p.Clock.Sleep(v.ctx, pause.D()); err != nil {
				return err
			}
			continue
		case ok: // with what was seen the first time, which is nearest to what happened
			return &Failed{Why: failed.Why, Hint: failed.Hint, Evidence: seen}
		}
		return err
	}
}

// once asks a check one time, no longer than its step allows.
func (p *passage) once(v *voice, s PlannedStep, c Checker, m Mark) error {
	ctx, cancel := v.ctx, context.CancelFunc(func() {})
	if s.Timeout > 0 {
		ctx, cancel = p.Clock.WithTimeout(v.ctx, s.Timeout.D())
	}
	defer cancel()
	at, err := p.where(ctx, p.n, s)
	if err == nil {
		w := p.watch(v)
		w.Node = watchOnly{at}
		err = guarded(func() error { return c.Check(ctx, w, m) })
	}
	if err != nil && v.ctx.Err() == nil && ctx.Err() != nil && !is[*Failed](err) && !is[*LostError](err) {
		return &Failed{Why: "not proven within " + s.Timeout.String() + ", which is as long as it may take"}
	}
	return elsewhere(v.ctx, p.n, s, err)
}
