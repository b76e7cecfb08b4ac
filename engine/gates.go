package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// When gates are asked.
const (
	before = "before" // the first write
	after  = "after"  // the last check
)

// gates asks every gate about every node it looks at and records each answer. Before the first write a
// refusal ends the run; after the last check it disproves it, unless the gate is eventful or was
// overridden. A node that cannot be asked counts as a refusal.
func (p *passage) gates(ctx context.Context, when string) error {
	if len(p.r.Opened.Gates) == 0 {
		return nil
	}
	nodes, gone, err := p.peers(ctx)
	if err != nil {
		return err
	}
	var refused, fatal []string
	for _, g := range p.r.Opened.Gates {
		check, err := p.Checker(g.Kind, g.Check)
		if err != nil {
			return &Problem{Code: Invalid, What: fmt.Sprintf("gate %s: %v", g.ID(), err), Now: situation(p.r), Err: err}
		}
		for _, n := range p.seenBy(g, nodes, gone) {
			if ctx.Err() != nil {
				return p.interrupted(ctx)
			}
			err := p.ask(ctx, check, n)
			if ctx.Err() != nil && err != nil {
				return p.interrupted(ctx)
			}
			if n.self && isLost(err) {
				return p.blind(ctx, "gate "+g.ID(), err)
			}
			answer := GateEvent{Gate: g.ID(), Node: n.name, When: when, OK: err == nil}
			if err != nil {
				answer.Why = err.Error()
				refused = append(refused, fmt.Sprintf("gate %s on %s: %v", g.ID(), n.name, err))
				if g.OnFailure != Eventful {
					fatal = append(fatal, refused[len(refused)-1])
				}
			}
			if err := p.record(p.r, Event{Kind: EvGate, Gate: &answer}); err != nil {
				return err
			}
		}
	}
	switch {
	case p.r.overridden(GuardGate):
		return nil
	case when == before && len(refused) > 0:
		return p.untouched(heldByGate(p.r, refused))
	case when == after && len(fatal) > 0:
		return p.refuted(ctx, fatal)
	}
	return nil
}

// refuted keeps evidence of gates that refuse what the run has done.
func (p *passage) refuted(ctx context.Context, why []string) error {
	if last := len(p.r.Steps) - 1; last >= 0 && !p.r.FirstWrite.IsZero() {
		if err := p.testify(ctx, Op{last, len(p.r.Steps[last].Changes)}, nil); err != nil {
			return err
		}
	}
	return &disproof{why: strings.Join(why, "\n"), code: Held}
}

// neighbour is a node that a gate looks at, or why it cannot.
type neighbour struct {
	Node
	name string
	self bool
	err  error
}

// peers connects to the other nodes, when any gate looks at them.
func (p *passage) peers(ctx context.Context) ([]Node, map[string]error, error) {
	needed := slices.ContainsFunc(p.r.Opened.Gates, func(g PlannedGate) bool { return g.On != Self })
	if !needed || p.Peers == nil {
		return nil, nil, nil
	}
	if ctx.Err() != nil {
		return nil, nil, p.interrupted(ctx)
	}
	nodes, gone := p.Peers(ctx)
	if ctx.Err() != nil {
		return nil, nil, p.interrupted(ctx)
	}
	return nodes, gone, nil
}

// seenBy lists what a gate looks at, in an order that does not depend on chance.
func (p *passage) seenBy(g PlannedGate, nodes []Node, gone map[string]error) []neighbour {
	var all []neighbour
	if g.On != Peers {
		all = append(all, neighbour{Node: p.n, name: p.n.Name(), self: true})
	}
	if g.On == Self {
		return all
	}
	for _, n := range nodes {
		all = append(all, neighbour{Node: n, name: n.Name()})
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		all = append(all, neighbour{name: name, err: fmt.Errorf("cannot be asked: %w", gone[name])})
	}
	return all
}

// ask puts a gate's check to one node. Whatever is not a clear yes is an error.
func (p *passage) ask(ctx context.Context, c Checker, n neighbour) error {
	if n.err != nil {
		return n.err
	}
	w := Watch{Node: watchOnly{n.Node}, Clock: p.Clock, Say: func(string) {}}
	m, err := markOf(ctx, w, c, nil)
	switch {
	case err != nil:
		return plainly(err)
	case m.Skip:
		return nil
	}
	return plainly(guarded(func() error { return c.Check(ctx, w, m.Mark) }))
}

// plainly adds the hint that some errors carry to their text.
func plainly(err error) error {
	hint := ""
	if f, ok := errors.AsType[*Failed](err); ok {
		hint = f.Hint
	} else if u, ok := errors.AsType[*Unavailable](err); ok {
		hint = u.Hint
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// ID is the gate as operators name it: kind.name.
func (g PlannedGate) ID() string { return g.Kind + "." + g.Name }

// overridden reports whether a guard was opened by name.
func (r *Run) overridden(guard GuardName) bool {
	return slices.ContainsFunc(r.Overrides, func(o Override) bool { return o.Guard == string(guard) })
}

// unusual says what was out of the ordinary in a run that goes up, "" when nothing was.
func (r *Run) unusual() string {
	for _, f := range r.Failed {
		return r.Steps[f.Step].ID() + " was not proven: " + f.Text
	}
	for _, a := range r.Answers {
		if a.When == after && !a.OK {
			return "gate " + a.Gate + " refused on " + a.Node + ": " + a.Why
		}
	}
	for _, o := range r.Overrides {
		return "guard " + o.Guard + " was overridden by " + o.User + ": " + o.Reason
	}
	return ""
}
