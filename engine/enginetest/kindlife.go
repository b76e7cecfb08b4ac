package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hcrun/hcrun/engine"
)

func changerRules() []rule {
	return []rule{
		{"gives back that it has to look later", looksLater},
		{"has nothing to do the second time", settles},
		{"is undone to the byte", undone},
		{"recovers from every crash", recovers},
	}
}

// life is a machine, the journal of one run on it, and the playbook of one step: what outlives processes.
type life struct {
	k       engine.Kind
	pb      *engine.Playbook
	node    *Node
	journal *Journal
}

func (s Sample) life(k engine.Kind) (*life, error) {
	t, err := s.ready()
	if err != nil {
		return nil, err
	}
	l := &life{k: k, node: NewNode("master1"), journal: &Journal{}, pb: &engine.Playbook{Name: "test", Steps: []engine.Step{{Name: "sample", Task: t}}}}
	l.node.Journal = l.journal
	if s.Ground != nil {
		err = s.Ground(l.node)
	}
	return l, err
}

func (l *life) engine() *engine.Engine {
	return &engine.Engine{Journal: l.journal, Kinds: []engine.Kind{l.k}, Holder: engine.Holder{By: "a test", Store: "test"}}
}

// plan plans while nothing may be written.
func (l *life) plan(ctx context.Context) ([]engine.PlannedStep, error) {
	l.node.Writable = false
	defer func() { l.node.Writable = true }()
	return engine.Plan(ctx, l.pb, engine.See(l.node))
}

// apply is what a process does that is told to apply or, where a run is on record, to resume.
func (l *life) apply(ctx context.Context) error {
	past := l.journal.Durable()
	if slices.ContainsFunc(past, func(e engine.Event) bool { return e.Kind == engine.EvPlanned }) {
		r, err := engine.Fold(past)
		if err == nil && r.Open() {
			err = l.engine().Resume(ctx, l.node, r, "somebody")
		}
		return err
	}
	if len(past) > 0 { // killed before its plan was on record: whoever wants it applies anew
		l.journal = &Journal{Fuse: l.journal.Fuse}
		l.node.Journal = l.journal
	}
	steps, err := l.plan(ctx)
	if err != nil {
		return err
	}
	if !engine.HasChanges(steps) {
		return errors.New("it has nothing to do on the sample's machine, so this proves nothing")
	}
	e := l.engine()
	r, err := e.Open(ctx, "run-1", engine.Opened{Playbook: "test", Node: "master1"}, steps)
	if err != nil {
		return err
	}
	return e.Apply(ctx, l.node, r)
}

func (l *life) rollback(ctx context.Context) error {
	r, err := engine.Fold(l.journal.Durable())
	if err != nil || r.State == engine.RolledBk {
		return err
	}
	return l.engine().Rollback(ctx, l.node, r, "somebody", "to see")
}

// looksLater asks for a plan while nothing can be seen yet.
func looksLater(ctx context.Context, _ engine.Kind, s Sample) error {
	t, err := s.ready()
	if err != nil {
		return err
	}
	asked := 0
	_, err = t.(engine.Changer).Plan(ctx, func(_ context.Context, paths ...string) ([]engine.Image, error) {
		asked += len(paths)
		return nil, engine.ErrLater
	})
	if !errors.Is(err, engine.ErrLater) || asked == 0 {
		return fmt.Errorf("it asked for %d paths and returned %v; a plan looks at what it decides on, and returns look's error", asked, err)
	}
	return nil
}

func settles(ctx context.Context, k engine.Kind, s Sample) error {
	l, err := s.life(k)
	if err != nil {
		return err
	}
	if err := l.apply(ctx); err != nil {
		return err
	}
	steps, err := l.plan(ctx)
	if err == nil && engine.HasChanges(steps) {
		c := engine.Changes(steps)[0]
		err = fmt.Errorf("a second plan would still %s %s, from %s to %s", c.Action(), c.At, c.Before, c.After)
	}
	return errors.Join(err, l.sound())
}

func undone(ctx context.Context, k engine.Kind, s Sample) error {
	l, err := s.life(k)
	if err != nil {
		return err
	}
	before := l.node.Digest()
	if err := errors.Join(l.apply(ctx), l.rollback(ctx), l.sound()); err != nil {
		return err
	}
	return same("after the rollback", l.node.Digest(), before)
}

// recovers kills the process at every point of apply and of rollback; the next one ends it.
func recovers(ctx context.Context, k engine.Kind, s Sample) error {
	calm, err := s.life(k)
	if err != nil {
		return err
	}
	before := calm.node.Digest()
	if err := calm.apply(ctx); err != nil {
		return err
	}
	after := calm.node.Digest()
	for _, way := range []struct {
		name        string
		first, then func(*life) error // what is done before, and what the process is killed in
		want        string
	}{
		{"apply", func(*life) error { return nil }, func(l *life) error { return l.apply(ctx) }, after},
		{"rollback", func(l *life) error { return l.apply(ctx) }, func(l *life) error { return l.rollback(ctx) }, before},
	} {
		for at := 1; ; at++ {
			l, err := s.life(k)
			if err == nil {
				err = way.first(l)
			}
			if err != nil {
				return err
			}
			l.light(&Fuse{At: at})
			crashed := Survive(func() { err = way.then(l) })
			if l.light(nil); crashed {
				err = way.then(l)
			}
			where := fmt.Sprintf("killed at point %d of %s", at, way.name)
			if err := errors.Join(err, l.sound(), same(where, l.node.Digest(), way.want)); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			if !crashed {
				break
			}
		}
	}
	return nil
}

// light puts one fuse to everything that can crash, having lost what was not durable.
func (l *life) light(f *Fuse) {
	l.node.Fuse = f
	l.journal.Crash(f)
}

// sound is what the machine has seen go wrong.
func (l *life) sound() error {
	if v := l.node.Violations(); len(v) > 0 {
		return fmt.Errorf("%q", v)
	}
	return nil
}

func same(when, got, want string) error {
	if got != want {
		return fmt.Errorf("%s the machine is\n%s\nwant\n%s", when, got, want)
	}
	return nil
}
