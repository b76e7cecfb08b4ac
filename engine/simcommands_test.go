package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// apply is hcrun apply on one node.
func (s *simulation) apply(by *person, n *simNode, version int, open ...engine.GuardName) {
	if len(open) == 0 && s.IntN(4) == 0 {
		open = overridable()
	}
	what := fmt.Sprintf("apply version %d to %s", version, n.Name())
	if len(open) > 0 {
		what += " whatever the guards say"
	}
	_ = s.process(by, n, what, func(ctx context.Context, p *process) error {
		for _, r := range by.past() {
			if r.Node == n.Name() && r.Dirty() {
				return engine.Problemf(engine.Held, "%s is unfinished", r.ID)
			}
		}
		if err := n.lost("dial"); err != nil {
			return engine.Problemf(engine.Unreachable, "%w", err)
		}
		v, book := &view{n, p}, s.book(version)
		steps, err := engine.Plan(ctx, book, v.Look)
		if err != nil {
			return err
		}
		gates := must2(engine.PlanGates(book))
		var holds []engine.Hold
		if engine.HasChanges(steps) {
			if holds, err = p.decide(ctx, book, open); err != nil {
				s.met["held"]++
				return heldBy(err)
			}
		}
		rec := s.begin(by, n, steps)
		p.at(rec)
		e := p.engine()
		e.Alone = func(ctx context.Context) error {
			again, err := p.decide(ctx, book, open)
			s.runs[rec.run].unsure(again)
			if err != nil {
				s.met["withdrew"]++
			}
			return heldBy(err)
		}
		s.runs[rec.run].unsure(holds)
		r, err := e.Open(ctx, rec.run, engine.Opened{Playbook: book.Name, Node: n.Name(), Address: n.Name(), Group: "all", User: by.name, Inputs: book.Inputs, Gates: gates, Within: book.Within(), Off: book.Confirm.Off}, steps)
		if err != nil {
			return err
		}
		for _, h := range holds {
			s.met["override"]++
			if err := e.Override(r, engine.Override{Guard: string(h.Guard), Reason: "chance", User: by.name, Held: h.Why}); err != nil {
				return err
			}
		}
		return e.Apply(ctx, v, r)
	})
}

// unsure notes that a run was let go although a node was silent.
func (r *simRun) unsure(opened []engine.Hold) {
	r.unchecked = r.unchecked || slices.ContainsFunc(opened, func(h engine.Hold) bool { return h.Guard == engine.GuardPeers })
}

func heldBy(err error) error {
	if held, ok := errors.AsType[*engine.NotYetError](err); ok {
		return engine.Problemf(engine.Held, "%w", held)
	}
	return err
}

// begin makes the record of a run, and notes what it is about to do.
func (s *simulation) begin(by *person, n *simNode, steps []engine.PlannedStep) *record {
	rec := &record{run: fmt.Sprintf("run-%d", len(s.ids)+1), j: &enginetest.Journal{}}
	r := &simRun{id: rec.run, node: n, paths: map[string][2]string{}, prior: map[string]string{}}
	for _, c := range engine.Changes(steps) {
		if c.At == simLog {
			continue
		}
		images, ok := r.paths[c.At]
		if !ok {
			images[0] = c.Before.String()
			r.order = append(r.order, c.At)
		}
		images[1] = c.After.String()
		r.paths[c.At] = images
	}
	s.runs[r.id] = r
	s.ids = append(s.ids, r.id)
	by.records = append(by.records, rec)
	return rec
}

// takeUp has an operator go on with one of the runs in their state folder.
func (s *simulation) takeUp(by *person, what string, fits func(*engine.Run) bool) {
	var all []*engine.Run
	for _, r := range by.past() {
		if fits(r) {
			all = append(all, r)
		}
	}
	if len(all) > 0 {
		_ = s.takeUpOne(by, what, all[s.IntN(len(all))].ID)
	}
}

func (s *simulation) takeUpOne(by *person, what, id string) error {
	n, rec := s.runs[id].node, by.record(id)
	return s.process(by, n, what+" "+id+" on "+n.Name(), func(ctx context.Context, p *process) error {
		p.at(rec)
		r, e, v := fold(rec), p.engine(), &view{n, p}
		gone := error(nil)
		if what != "ack" {
			gone = n.lost("dial")
		}
		e.Alone = func(ctx context.Context) error {
			for _, o := range s.nodes {
				if o == n {
					continue
				}
				l, err := (&view{o, p}).Ledger(ctx)
				if err != nil {
					s.runs[id].unchecked = true
					continue
				}
				if err := p.foreign(o, l); err != nil {
					s.met["withdrew"]++
					return err
				}
			}
			return nil
		}
		switch what {
		case "ack":
			s.met["acknowledged"]++
			word := engine.Ack{Reason: "chance", User: by.name}
			if err := e.Ack(r, word); err != nil {
				return err
			}
			if err := e.Acknowledge(ctx, v, id, r, word); err != nil {
				return err
			}
			s.met["acknowledged on the node"]++
			return nil
		case "abandon":
			if gone != nil {
				return e.Abandon(ctx, nil, r, by.name, "chance")
			}
			return e.Abandon(ctx, v, r, by.name, "chance")
		}
		if gone != nil {
			return engine.Problemf(engine.Unreachable, "%w", gone)
		}
		switch what {
		case "resume":
			if err := engine.MayResume(r); err != nil {
				return err
			}
			return e.Resume(ctx, v, r, by.name)
		case "takeover":
			from, err := e.TakeOver(ctx, v, r, by.name, "chance")
			if from != nil {
				s.met["takeover"]++
			}
			return err
		}
		if err := engine.MayUndo(r, by.past()); err != nil {
			return err
		}
		landed := r.State == engine.Landed
		err := e.Rollback(ctx, v, r, by.name, "chance")
		if landed && r.State == engine.RolledBk {
			s.met["rolled back what had landed"]++
		}
		return err
	})
}

// giveUp is hcrun abandon of a run that only the node knows of.
func (s *simulation) giveUp(by *person, n *simNode) {
	if c := must2(n.Node.Ledger(context.Background())).Claim; c == nil || by.record(c.Run) != nil {
		return
	}
	_ = s.process(by, n, "give up what holds "+n.Name(), func(ctx context.Context, p *process) error {
		v := &view{n, p}
		l, err := v.Ledger(ctx)
		if err != nil || l.Claim == nil || l.Claim.Ack || by.record(l.Claim.Run) != nil {
			return err
		}
		mine := *l.Claim
		mine.Holder = p.engine().Holder
		w, err := v.Claim(ctx, mine, *l.Claim)
		if err != nil {
			return err
		}
		s.met["given up elsewhere"]++
		return w.Release(ctx, &engine.Outcome{Run: mine.Run, Playbook: mine.Playbook, Node: mine.Node, State: engine.Abandoned, Changed: true, Began: mine.Since, Ended: p.now().UTC(), By: by.name, Why: "chance"})
	})
}

// give copies a journal of an open run to the other operator.
func (s *simulation) give(by *person) {
	for _, from := range s.people {
		for _, rec := range from.records {
			r := fold(rec)
			if from == by || by.record(rec.run) != nil || r == nil || !r.Dirty() {
				continue
			}
			by.records = append(by.records, &record{rec.run, copied(rec.j, r)})
			s.runs[rec.run].copied = true
			s.met["copied journal"]++
			s.say("%s gets a copy of the journal of %s", by.name, rec.run)
			return
		}
	}
}

func copied(j *enginetest.Journal, r *engine.Run) *enginetest.Journal {
	c := &enginetest.Journal{}
	for _, change := range engine.Changes(r.Steps) {
		for _, img := range []engine.Image{change.Before, change.After} {
			if j.Has(img.Content) {
				of := img.Content
				must(c.Keep(context.Background(), engine.NewContent(of.Hash(), of.Size(), func(ctx context.Context) (io.ReadCloser, error) { return j.Open(ctx, of) })))
			}
		}
	}
	for _, e := range j.Durable() {
		must(c.Append(e))
	}
	return c
}

func readAll(r io.Reader) ([]byte, error) { return io.ReadAll(r) }

func modeOf(i engine.Image) fs.FileMode { return fs.FileMode(i.Mode) }
