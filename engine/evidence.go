package engine

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// testify keeps evidence: what the failed check found, and what every Witness among the run's checks
// can see now, all asked at once. It goes on when a witness cannot say anything; only a journal that
// cannot take the evidence is an error.
func (p *passage) testify(ctx context.Context, op Op, found []Evidence) error {
	for _, ev := range append(slices.Clone(found), p.witnesses(ctx)...) {
		name := ev.Name
		if name == "" || p.kept(op, name) {
			continue // the first is nearest to what happened
		}
		if len(ev.Data) > maxEvidence {
			ev.Data = ev.Data[len(ev.Data)-maxEvidence:] // the end of a log says more than its beginning
		}
		blob := Bytes([]byte(p.Veil.Text(string(ev.Data))))
		if err := p.Journal.Keep(context.WithoutCancel(ctx), blob); err != nil {
			return notDurable(p.r, p.r.ID, err)
		}
		e := p.op(op)
		e.Text, e.Blob = name, &blob
		if err := p.record(p.r, Event{Kind: EvEvidence, Op: e}); err != nil {
			return err
		}
	}
	return nil
}

// kept reports whether evidence of that name is kept for op already, perhaps by a process that died.
func (p *passage) kept(op Op, name string) bool {
	return slices.ContainsFunc(p.r.Kept, func(k OpEvent) bool {
		return k.Text == name && k.Step == op.Step && k.Down == p.r.falling()
	})
}

// witnesses asks every Witness, and gives back what they have said in the order of the steps.
func (p *passage) witnesses(ctx context.Context) []Evidence {
	ctx, cancel := context.WithTimeout(ctx, evidenceTime)
	defer cancel()
	said := make([][]Evidence, len(p.checks))
	var all sync.WaitGroup
	for i, c := range p.checks {
		if w, ok := c.(Witness); ok && !p.r.Marks[i].Skip {
			at, err := p.where(ctx, p.n, p.r.Steps[i])
			if err != nil {
				continue // nobody is there to see anything
			}
			watch := Watch{Node: watchOnly{at}, Clock: p.Clock, Say: func(string) {}, Undoing: p.r.falling()}
			all.Go(func() {
				_ = guarded(func() error { // a witness that panics has seen nothing
					said[i] = w.Evidence(ctx, watch)
					return nil
				})
			})
		}
	}
	all.Wait()
	return slices.Concat(said...)
}

// evidenceNames lists what is kept, for a sentence.
func (r *Run) evidenceNames() string {
	var names []string
	for _, k := range r.Kept {
		if !slices.Contains(names, k.Text) {
			names = append(names, k.Text)
		}
	}
	return strings.Join(names, ", ")
}
