package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// watchOnly hides everything of a node but what can be watched: what a check gets cannot be asserted
// to something that writes.
type watchOnly struct{ Node }

// Preflight asks every check of the plan for its mark, which is how it becomes known before the first
// write what could not be verified after it. It only watches. The error is a *StepError around what
// the check said.
func (e *Engine) Preflight(ctx context.Context, n Node, steps []PlannedStep, say func(string)) (map[int]MarkOf, error) {
	marks := map[int]MarkOf{}
	for i, s := range steps {
		if s.Check == nil {
			continue
		}
		c, err := e.Checker(s.Kind, s.Check)
		if err == nil {
			marks[i], err = e.markStep(ctx, n, s, c, Watch{Say: say}, Changes(steps))
		}
		if err != nil {
			return nil, &StepError{Index: i, Kind: s.Kind, Name: s.Name, Err: err}
		}
	}
	return marks, nil
}

// markOf asks one check for its mark.
func markOf(ctx context.Context, w Watch, c Checker, planned []Change) (m MarkOf, err error) {
	err = guarded(func() (err error) {
		m.Mark, err = c.Mark(ctx, w, planned)
		return err
	})
	if errors.Is(err, ErrNotNeeded) {
		return MarkOf{Skip: true}, nil
	}
	if err == nil && len(m.Mark) > 0 && !json.Valid(m.Mark) {
		err = errors.New("its mark is not JSON")
	}
	return m, err
}

// guarded turns a panic of a task into an error, so that a bug in one check cannot keep a node from
// being rolled back. The panic's value is not printed: it may hold what was read from the node.
func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it panicked (%T): this is a bug in the task", v)
		}
	}()
	return f()
}

// mark takes and records the marks of all checks.
func (p *passage) mark(ctx context.Context) error {
	for i, c := range p.checks {
		if c == nil {
			continue
		}
		if ctx.Err() != nil {
			return p.interrupted(ctx)
		}
		op := Op{i, len(p.r.Steps[i].Changes)}
		v := p.voice(ctx, op)
		m, err := p.markStep(v.ctx, p.n, p.r.Steps[i], c, p.watch(v), Changes(p.r.Steps))
		if said := v.close(); said != nil {
			return said
		}
		if err != nil {
			return p.unmarked(ctx, i, err)
		}
		e := p.op(op)
		e.Mark, e.Skip = m.Mark, m.Skip
		if err := p.record(p.r, Event{Kind: EvMarked, Op: e}); err != nil {
			return err
		}
	}
	return nil
}

// unmarked ends a run whose check could not be prepared; nothing was written.
func (p *passage) unmarked(ctx context.Context, step int, err error) error {
	id := p.r.Steps[step].ID()
	if isLost(err) || ctx.Err() != nil {
		return p.blind(ctx, id, err)
	}
	end := &Problem{Code: Preflight, What: id + ": " + err.Error(), Next: "hcrun apply, again, once that is put right", Err: err}
	if u, ok := errors.AsType[*Unavailable](err); ok {
		end.Code, end.What = CannotVerify, id+" cannot answer, asked before the first write: "+withHint(u.Why, u.Hint)
	} else if q, ok := errors.AsType[*Problem](err); ok {
		end.Code = q.Code
		if q.Next != "" {
			end.Next = q.Next
		}
	}
	return p.untouched(end)
}

// prove runs the check at op on the way up.
func (p *passage) prove(ctx context.Context, op Op) error {
	s := p.r.Steps[op.Step]
	if p.r.Marks[op.Step].Skip {
		e := p.op(op)
		e.Skip = true
		return p.record(p.r, Event{Kind: EvChecked, Op: e})
	}
	err, fatal := p.check(ctx, op, p.r.Marks[op.Step].Mark)
	switch {
	case fatal != nil:
		return fatal
	case err == nil:
		return p.record(p.r, Event{Kind: EvChecked, Op: p.op(op)})
	case ctx.Err() != nil || isLost(err):
		return p.blind(ctx, s.ID(), err)
	}
	d, found := disproved(err)
	// Evidence first: what a crashed container leaves is gone within seconds, and a failure that is on
	// record is acted on by whoever takes the run up.
	if err := p.testify(ctx, op, found); err != nil {
		return err
	}
	e := p.op(op)
	e.Text, e.Hint, e.Keep = d.why, d.hint, s.OnFailure == Eventful
	if err := p.record(p.r, Event{Kind: EvFailed, Op: e}); err != nil || e.Keep {
		return err
	}
	return &disproof{why: p.r.failure(*e), code: d.code}
}

// check asks one check. fatal is the journal's error: what the check said could not be recorded.
func (p *passage) check(ctx context.Context, op Op, m Mark) (err, fatal error) {
	if fatal = p.record(p.r, Event{Kind: EvChecking, Op: p.op(op)}); fatal != nil {
		return nil, fatal
	}
	v := p.voice(ctx, op)
	err = p.insist(v, op.Step, m)
	return err, v.close()
}

// disproved is what a check's error says.
func disproved(err error) (*disproof, []Evidence) {
	if f, ok := errors.AsType[*Failed](err); ok {
		return &disproof{why: f.Why, hint: f.Hint, code: Preflight}, f.Evidence
	}
	if u, ok := errors.AsType[*Unavailable](err); ok {
		return &disproof{why: u.Why, hint: u.Hint, code: CannotVerify}, nil
	}
	return &disproof{why: err.Error(), code: max(CodeOf(err), Preflight)}, nil
}

// isLost reports whether err says that the node could not be reached, rather than what is on it.
func isLost(err error) bool {
	if _, ok := errors.AsType[*LostError](err); ok {
		return true
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code == Unreachable || p.Code == Unknown
	}
	switch {
	case is[*Failed](err), is[*Unavailable](err), is[*ExitError](err):
		return false
	case errors.Is(err, context.DeadlineExceeded): // a deadline of the check's own
		return false
	}
	return is[net.Error](err) || slices.ContainsFunc([]error{net.ErrClosed, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe}, func(e error) bool { return errors.Is(err, e) })
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// failure is a recorded failure in one sentence.
func (r *Run) failure(f OpEvent) string {
	if f.Path != "" {
		return "write " + f.Path + ": " + f.Text
	}
	return r.Steps[f.Step].ID() + ": " + withHint(f.Text, f.Hint)
}

func withHint(why, hint string) string {
	if hint == "" {
		return why
	}
	return why + " (" + hint + ")"
}

// watch is what a check gets.
func (p *passage) watch(v *voice) Watch {
	return Watch{Node: watchOnly{p.n}, Clock: p.Clock, Say: v.say, Undoing: p.r.falling()}
}

// voice records what a check says while it waits. When that cannot be recorded it ends the check.
type voice struct {
	ctx  context.Context
	stop context.CancelFunc
	tell func(string) error

	mu     sync.Mutex
	last   string
	closed bool
	err    error
}

func (p *passage) voice(ctx context.Context, op Op) *voice {
	v := &voice{tell: func(line string) error {
		e := p.op(op)
		e.Text = line
		return p.record(p.r, Event{Kind: EvSaid, Op: e})
	}}
	v.ctx, v.stop = context.WithCancel(ctx)
	return v
}

func (v *voice) say(line string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.err != nil || line == v.last || line == "" {
		return
	}
	v.last = line
	if v.err = v.tell(line); v.err != nil {
		v.stop()
	}
}

// close ends the voice, so that nothing a check left running speaks later, and returns why what was
// said could not be recorded.
func (v *voice) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	v.stop()
	return v.err
}
