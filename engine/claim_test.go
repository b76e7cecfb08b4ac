package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// ledger is what the world's node has on record.
func (w *world) ledger() engine.Ledger { return must2(w.node.Ledger(context.Background())) }

// foreign claims the node from elsewhere, over whatever holds it.
func (w *world) foreign(run string) engine.WritableNode {
	var over engine.Claim
	if l := w.ledger(); l.Claim != nil {
		over = *l.Claim
	}
	return must2(w.node.Claim(context.Background(), engine.Claim{Run: run, Holder: engine.Holder{By: "other@there", Folder: "/there", Store: "there"}}, over))
}

// TestClaimed holds that a run has its node before it writes, and that the outcome is on record there before the
// journal says so and before the node is given up.
func TestClaimed(t *testing.T) {
	for name, fail := range map[string][]string{"landed": nil, "rolled back": {"events"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			w.oracle.Check = failing(fail...)
			w.node.OnPut = func(engine.Change) error {
				if c := w.ledger().Claim; c == nil || c.Run != "run-1" || c.Store != "here" {
					t.Errorf("a write while the node is held by %+v", c)
				}
				return nil
			}
			w.node.OnClaim = func(what string) error {
				r := must2(engine.Fold(w.journal.Durable()))
				if what == "claim" && !r.FirstWrite.IsZero() || what == "release" && !r.Open() {
					t.Errorf("%s of a run that is %s", what, r.State)
				}
				return nil
			}
			r, _ := w.apply(t.Context())
			l := w.ledger()
			if string(r.State) != name || l.Claim != nil || len(l.Outcomes) != 1 || l.Outcomes[0].State != r.State || l.Outcomes[0].Run != r.ID || !l.Outcomes[0].Changed {
				t.Errorf("%s, on record is %+v", r.State, l)
			}
			w.sound(t)
		})
	}
}

// TestNothingToClaim: what changes nothing holds nobody up.
func TestNothingToClaim(t *testing.T) {
	w := newWorld(check("events"))
	w.node.OnClaim = func(what string) error { return errors.New(what) }
	if r, err := w.apply(t.Context()); err != nil || r.State != engine.Landed {
		t.Errorf("%v", err)
	}
}

// TestHeldElsewhere: a node that somebody else holds is not touched, and the refusal says who.
func TestHeldElsewhere(t *testing.T) {
	w := newWorld(short()...)
	w.foreign("run-9")
	r, err := w.apply(t.Context())
	if engine.CodeOf(err) != engine.Locked || r.State != engine.Untouched || w.node.Puts() != 0 || !strings.Contains(told(err), "run run-9") || !strings.Contains(told(err), "other@there") {
		t.Errorf("%s after %d writes: %v", r.State, w.node.Puts(), told(err))
	}
	if c := w.ledger().Claim; c == nil || c.Run != "run-9" {
		t.Errorf("it is held by %+v", c)
	}
}

// TestOthersBegan: what others did between the guards and the claim ends the run, and gives the node back.
func TestOthersBegan(t *testing.T) {
	w := newWorld(short()...)
	e, r, err := w.open(t.Context())
	must(err)
	asked := 0
	e.Alone = func(context.Context) error {
		if asked++; w.ledger().Claim == nil {
			t.Error("asked before the node was claimed")
		}
		return engine.Problemf(engine.Held, "master2 was begun")
	}
	if err := e.Apply(t.Context(), w.node, r); engine.CodeOf(err) != engine.Held || asked != 1 || w.node.Puts() != 0 || r.State != engine.Untouched {
		t.Errorf("%s: %v", r.State, err)
	}
	if l := w.ledger(); l.Claim != nil || len(l.Outcomes) != 0 {
		t.Errorf("on record is %+v", l)
	}
}

// TestFenced takes the node away before each write and before the end, on the way up and down: nothing is written
// after it, the run stays open, and after a takeover it goes on to the same end.
func TestFenced(t *testing.T) {
	for _, fail := range []string{"", "events"} {
		for at := 1; ; at++ {
			w := newWorld(short()...)
			w.oracle.Check = failing(fail)
			n, puts := 0, 0
			take := func() error {
				if n++; n == at {
					w.node.OnClaim = nil
					w.foreign("run-9")
					puts = w.node.Puts()
				}
				return nil
			}
			w.node.OnPut = func(engine.Change) error { return take() }
			w.node.OnClaim = func(what string) error {
				if what == "release" {
					return take()
				}
				return nil
			}
			r, err := w.apply(t.Context())
			if n < at {
				if at < 4 {
					t.Errorf("only %d moments", at-1)
				}
				break
			}
			if engine.CodeOf(err) != engine.Locked || !r.Open() || w.node.Puts() != puts {
				t.Fatalf("taken at %d: %s, %d writes after it: %v", at, r.State, w.node.Puts()-puts, told(err))
			}
			if _, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Locked || w.node.Puts() != puts {
				t.Fatalf("taken at %d, resumed: %v", at, told(err))
			}
			r = must2(engine.Fold(w.journal.Durable()))
			from, err := w.engine().TakeOver(t.Context(), w.node, r, "somebody", "the other one is gone")
			if err != nil || from == nil || from.Run != "run-9" {
				t.Fatalf("taken over from %+v: %v", from, err)
			}
			r, err = w.apply(t.Context())
			if want := map[string]engine.Code{"": engine.Done, "events": engine.RolledBack}[fail]; engine.CodeOf(err) != want || r.Open() {
				t.Fatalf("taken at %d, and taken back: %s, %v", at, r.State, told(err))
			}
			w.sound(t)
		}
	}
}

// TestUndoneElsewhere: a run that was rolled back with a copy of its journal does not go up again from here, where
// nobody knows of that and no guard is asked.
func TestUndoneElsewhere(t *testing.T) {
	w := newWorld(short()...)
	was := treeBefore(w)
	w.light(&enginetest.Fuse{At: 45})
	if !enginetest.Survive(func() { _, _ = w.apply(t.Context()) }) {
		t.Fatal("it was not killed")
	}
	w.light(nil)
	here := w.journal
	w.journal = copied(here, must2(engine.Fold(here.Durable())))
	w.node.Journal = w.journal
	if r, err := w.rollback(t.Context()); err != nil || r.State != engine.RolledBk {
		t.Fatalf("%s: %v", r.State, err)
	}
	w.journal, w.node.Journal = here, here
	puts := w.node.Puts()
	r, err := w.apply(t.Context())
	if r.State != engine.RolledBk || w.node.Puts() != puts || err != nil {
		t.Errorf("%s after %d writes: %v", r.State, w.node.Puts()-puts, told(err))
	}
	if got := treeBefore(w); got != was {
		t.Errorf("the node is\n%s\nwant\n%s", got, was)
	}
	w.sound(t)
}

// TestReleaseLost: a run whose outcome did not reach the node's ledger is not at its end.
func TestReleaseLost(t *testing.T) {
	w := newWorld(short()...)
	w.node.OnClaim = func(what string) error {
		if what == "release" {
			return errLost
		}
		return nil
	}
	r, err := w.apply(t.Context())
	if engine.CodeOf(err) != engine.Unknown || !r.Open() {
		t.Fatalf("%s: %v", r.State, told(err))
	}
	w.node.OnClaim = nil
	if r, err = w.apply(t.Context()); err != nil || r.State != engine.Landed || len(w.ledger().Outcomes) != 1 {
		t.Errorf("%s: %v", r.State, told(err))
	}
}

// TestAbandon gives up an open run, with its node and without it.
func TestAbandon(t *testing.T) {
	broken := func() (*world, *engine.Run) {
		w := newWorld(short()...)
		w.node.AfterPut = func(engine.Change) error { return errLost }
		r, err := w.apply(t.Context())
		if engine.CodeOf(err) != engine.Unknown {
			t.Fatal(err)
		}
		w.node.AfterPut = nil
		return w, r
	}
	w, r := broken()
	must(w.engine().Abandon(t.Context(), w.node, r, "somebody", "it is put right by hand"))
	if l := w.ledger(); r.State != engine.Abandoned || r.Open() || l.Claim != nil || len(l.Outcomes) != 1 || l.Outcomes[0].State != engine.Abandoned || l.Outcomes[0].By != "somebody" {
		t.Errorf("%s, on record is %+v", r.State, w.ledger())
	}
	if waits := engine.Unacknowledged([]*engine.Run{r}); len(waits) != 1 {
		t.Error("nobody has to look at it")
	}
	if err := w.engine().Abandon(t.Context(), w.node, r, "somebody", "again"); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("given up twice: %v", err)
	}

	w, r = broken()
	must(w.engine().Abandon(t.Context(), nil, r, "somebody", "it burned down"))
	if c := w.ledger().Claim; r.State != engine.Abandoned || c == nil {
		t.Errorf("%s, and the node that nobody reached is held by %+v", r.State, c)
	}

	w, r = broken()
	w.foreign("run-9")
	must(w.engine().Abandon(t.Context(), w.node, r, "somebody", "run-9 has put it right"))
	if c := w.ledger().Claim; r.State != engine.Abandoned || c == nil || c.Run != "run-9" {
		t.Errorf("%s, held by %+v", r.State, c)
	}

	w, r = broken()
	w.foreign("run-1")
	if err := w.engine().Abandon(t.Context(), w.node, r, "somebody", "x"); engine.CodeOf(err) != engine.Locked || !r.Open() {
		t.Errorf("given up while somebody else carries it on: %v", err)
	}
}

// TestRecollect: guards see what only the nodes know.
func TestRecollect(t *testing.T) {
	at := func(h int) time.Time { return time.Date(2026, 3, 2, h, 0, 0, 0, time.UTC) }
	outcome := func(run string, s engine.State, began, ended int) engine.Outcome {
		return engine.Outcome{Run: run, Playbook: "p", Node: "elsewhere", State: s, Clean: s == engine.Landed, Changed: true, Began: at(began), Ended: at(ended), By: "hcrun", Inputs: map[string]string{"a": "1"}}
	}
	known := func(s engine.State, ended int) *engine.Run {
		r := &engine.Run{ID: "run-2", Opened: engine.Opened{Playbook: "p", Node: "master1"}, Began: at(2), FirstWrite: at(2), State: s, Clean: true, Changed: true}
		if ended > 0 {
			r.Ended = at(ended)
		}
		return r
	}
	states := func(runs []*engine.Run) string {
		var all []string
		for _, r := range runs {
			all = append(all, r.ID+" "+string(r.State)+" on "+r.Node)
		}
		return strings.Join(all, ", ")
	}
	for _, c := range []struct {
		past []*engine.Run
		l    []engine.Outcome
		want string
	}{
		{nil, []engine.Outcome{outcome("run-1", engine.Landed, 1, 1)}, "run-1 landed on master1"},
		{[]*engine.Run{known(engine.Landed, 3)}, []engine.Outcome{outcome("run-1", engine.Landed, 1, 1), outcome("run-3", engine.RolledBk, 4, 5)}, "run-1 landed on master1, run-2 landed on master1, run-3 rolled back on master1"},
		{[]*engine.Run{known(engine.Landed, 3)}, []engine.Outcome{outcome("run-2", engine.Landed, 2, 3)}, "run-2 landed on master1"},
		{[]*engine.Run{known(engine.Landed, 3)}, []engine.Outcome{outcome("run-2", engine.Landed, 2, 3), outcome("run-2", engine.RolledBk, 2, 9)}, "run-2 rolled back on master1"},
		{[]*engine.Run{known(engine.RolledBk, 9)}, []engine.Outcome{outcome("run-2", engine.Landed, 2, 3)}, "run-2 rolled back on master1"},
		{[]*engine.Run{known(engine.Applying, 0)}, []engine.Outcome{outcome("run-2", engine.Landed, 2, 3)}, "run-2 applying on master1"},
	} {
		if got := states(engine.Recollect(c.past, "master1", "10.0.0.1:22", engine.Ledger{Outcomes: c.l})); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	pb := &engine.Playbook{Name: "p", Inputs: map[string]string{"a": "1"}, Schedule: engine.Schedule{Order: []string{"master1", "master2"}, Soak: 24 * engine.Hour}}
	past := engine.Recollect(nil, "master1", "", engine.Ledger{Outcomes: []engine.Outcome{outcome("run-1", engine.Landed, 1, 1)}})
	held, ok := errors.AsType[*engine.NotYetError](engine.Guards(pb, "master2", at(2), past))
	if !ok || len(held.Holds) != 1 || held.Holds[0].Guard != engine.GuardSoak {
		t.Errorf("an hour after it: %v", held)
	}
	if err := engine.Guards(pb, "master2", at(1).Add(25*time.Hour), past); err != nil {
		t.Errorf("a day after it: %v", err)
	}
	pb.Schedule.Soak = 0
	past = engine.Recollect([]*engine.Run{known(engine.Landed, 3)}, "master2", "", engine.Ledger{Outcomes: []engine.Outcome{outcome("run-3", engine.Landed, 3, 6)}})
	if held, ok := errors.AsType[*engine.NotYetError](engine.Guards(pb, "master1", at(5), past)); !ok || held.Holds[0].Guard != engine.GuardClock || !strings.Contains(held.Holds[0].Why, "run-3") || !held.Until.Equal(at(6)) {
		t.Errorf("an hour before a run that only a node knows of has ended: %v", held)
	}
	if err := engine.Guards(pb, "master1", at(6), past); err != nil {
		t.Errorf("when it has ended: %v", err)
	}
	past = engine.Recollect(nil, "master1", "", engine.Ledger{Outcomes: []engine.Outcome{outcome("run-1", engine.RolledBk, 1, 1)}})
	if held, ok := errors.AsType[*engine.NotYetError](engine.Guards(pb, "master1", at(1).Add(25*time.Hour), past)); !ok || held.Holds[0].Guard != engine.GuardClean {
		t.Errorf("after it rolled back by itself: %v", held)
	}
}
