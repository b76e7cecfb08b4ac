package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// rolledBack is a world whose only run has failed its check and was rolled back, and that run.
func rolledBack(t *testing.T) (*world, *engine.Run) {
	w := newWorld(short()...)
	w.oracle.Check = failing("events")
	r, err := w.apply(t.Context())
	if engine.CodeOf(err) != engine.RolledBack {
		t.Fatal(err)
	}
	return w, r
}

// heldFor is what another operator, who has none of these journals, is held by.
func (w *world) heldFor(t *testing.T) []*engine.Run {
	t.Helper()
	return engine.Unacknowledged(engine.Recollect(nil, "master1", "", w.ledger()))
}

// TestAcknowledge: what was acknowledged in one place holds nobody in another, and says who has looked, when and
// what was found.
func TestAcknowledge(t *testing.T) {
	seen := engine.Ack{Reason: "a typo", User: "me@here"}
	for _, c := range []struct {
		name string
		// do is what is done once the run has ended.
		do   func(w *world, r *engine.Run) error
		code engine.Code
		ack  string // the reason that the node has, "" for none
		last engine.State
	}{
		{"not told", func(w *world, r *engine.Run) error { return w.engine().Ack(r, seen) }, 0, "", engine.RolledBk},
		{"told", func(w *world, r *engine.Run) error {
			must(w.engine().Ack(r, seen))
			return w.engine().Acknowledge(t.Context(), w.node, r.ID, r, engine.Ack{Reason: "another word"})
		}, 0, "a typo", engine.RolledBk},
		{"told twice", func(w *world, r *engine.Run) error {
			must(w.engine().Ack(r, seen))
			must(w.engine().Acknowledge(t.Context(), w.node, r.ID, r, seen))
			w.node.OnClaim = func(what string) error { return errors.New(what) }
			return w.engine().Acknowledge(t.Context(), w.node, r.ID, r, seen)
		}, 0, "a typo", engine.RolledBk},
		{"by whoever has no journal", func(w *world, r *engine.Run) error {
			return w.engine().Acknowledge(t.Context(), w.node, r.ID, nil, seen)
		}, 0, "a typo", engine.RolledBk},
		{"of a run that nobody knows", func(w *world, r *engine.Run) error {
			return w.engine().Acknowledge(t.Context(), w.node, "run-9", nil, seen)
		}, engine.Invalid, "", engine.RolledBk},
		{"not said here", func(w *world, r *engine.Run) error {
			w.foreign("run-1").Release(t.Context(), &engine.Outcome{Run: "run-1", Playbook: "p", State: engine.Landed, Clean: true, Changed: true, Began: r.Began, Ended: r.Ended})
			return w.engine().Acknowledge(t.Context(), w.node, r.ID, nil, seen)
		}, engine.Invalid, "", engine.Landed},
		{"a node at work", func(w *world, r *engine.Run) error {
			must(w.engine().Ack(r, seen))
			w.foreign("run-9")
			err := w.engine().Acknowledge(t.Context(), w.node, r.ID, r, seen)
			if held, ok := errors.AsType[*engine.ClaimedError](err); !ok || held.By.Run != "run-9" || w.ledger().Claim.Run != "run-9" {
				t.Errorf("%v; it is held by %+v", err, w.ledger().Claim)
			}
			return nil
		}, 0, "", engine.RolledBk},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := rolledBack(t)
			before := w.node.Digest()
			if err := c.do(w, r); engine.CodeOf(err) != c.code {
				t.Errorf("code %d: %v", engine.CodeOf(err), told(err))
			}
			l := w.ledger()
			o := l.Outcomes[len(l.Outcomes)-1]
			reason := ""
			if o.Ack != nil {
				reason = o.Ack.Reason
				if o.Ack.User != "me@here" || o.Ack.At.IsZero() || o.Ended.IsZero() || o.Why == "" {
					t.Errorf("on record is %+v with %+v", o, o.Ack)
				}
			}
			if reason != c.ack || o.State != c.last || w.node.Digest() != before {
				t.Errorf("on record is %s, acknowledged because %q", o.State, reason)
			}
			if held := w.heldFor(t); (len(held) == 0) != (c.ack != "" || c.last == engine.Landed) {
				t.Errorf("another operator is held by %d runs", len(held))
			}
		})
	}
}

// TestAcknowledgedElsewhere: the journal that knows nothing of it goes by the node's word; what became of the run
// after that is not acknowledged.
func TestAcknowledgedElsewhere(t *testing.T) {
	w, r := rolledBack(t)
	must(w.engine().Acknowledge(t.Context(), w.node, r.ID, nil, engine.Ack{Reason: "seen", User: "other@there"}))
	if held := engine.Unacknowledged(engine.Recollect([]*engine.Run{r}, "master1", "", w.ledger())); len(held) != 0 || r.Acked != nil {
		t.Errorf("held by %d runs, and the run as it was given has %+v", len(held), r.Acked)
	}
	l := w.ledger()
	o := l.Outcomes[len(l.Outcomes)-1]
	o.Ack, o.State, o.Ended = nil, engine.Abandoned, o.Ended.Add(time.Hour)
	l.Outcomes = append(l.Outcomes, o)
	if held := engine.Unacknowledged(engine.Recollect([]*engine.Run{r}, "master1", "", l)); len(held) != 1 {
		t.Errorf("held by %d runs although it was given up since", len(held))
	}
}

// TestAcknowledgeGivenUp: a run that was given up while its node was out of reach still holds it; its acknowledgement
// frees it, unless somebody else has the run.
func TestAcknowledgeGivenUp(t *testing.T) {
	for name, other := range map[string]bool{"ours": false, "somebody else's": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			w.node.AfterPut = func(engine.Change) error { return errLost }
			r, err := w.apply(t.Context())
			if engine.CodeOf(err) != engine.Unknown {
				t.Fatal(err)
			}
			must(w.engine().Abandon(t.Context(), nil, r, "me@here", "it burned down"))
			must(w.engine().Ack(r, engine.Ack{Reason: "rebuilt", User: "me@here"}))
			if other {
				w.foreign(r.ID)
			}
			err = w.engine().Acknowledge(t.Context(), w.node, r.ID, r, engine.Ack{})
			l := w.ledger()
			if _, held := errors.AsType[*engine.ClaimedError](err); held != other || (l.Claim != nil) != other || (len(l.Outcomes) == 1) == other {
				t.Fatalf("%v: on record is %+v", err, l)
			}
			for _, o := range l.Outcomes {
				if o.State != engine.Abandoned || o.Ack == nil || o.Ack.Reason != "rebuilt" || o.Why != "it burned down" || !o.Ended.Equal(r.Ended) {
					t.Errorf("on record is %+v with %+v", o, o.Ack)
				}
			}
		})
	}
}

// TestAcknowledgeCutOff: who dies, or loses the node, while an acknowledgement is noted is in nobody's way, and the
// same again notes it.
func TestAcknowledgeCutOff(t *testing.T) {
	w, r := rolledBack(t)
	must(w.engine().Ack(r, engine.Ack{Reason: "seen", User: "me@here"}))
	w.node.OnClaim = func(what string) error {
		if what == "release" {
			return errLost
		}
		return nil
	}
	if err := w.engine().Acknowledge(t.Context(), w.node, r.ID, r, engine.Ack{}); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	w.node.OnClaim = nil
	left := w.ledger().Claim
	if left == nil || !left.Ack {
		t.Fatalf("it is held by %+v", left)
	}
	next := newWorld(short()...)
	e, run, err := next.open(t.Context())
	must(err)
	e.Holder.Store = "there"
	must2(next.node.Claim(t.Context(), *left, engine.Claim{}))
	if err := e.Apply(t.Context(), next.node, run); err != nil || run.State != engine.Landed {
		t.Errorf("another run is %s: %v", run.State, told(err))
	}
	must(w.engine().Acknowledge(t.Context(), w.node, r.ID, r, engine.Ack{}))
	if l := w.ledger(); l.Claim != nil || len(w.heldFor(t)) != 0 {
		t.Errorf("on record is %+v", l)
	}
}

// TestAcknowledgeOvertaken: what somebody else did between the look and the claim is not acknowledged unseen.
func TestAcknowledgeOvertaken(t *testing.T) {
	w, r := rolledBack(t)
	w.node.OnClaim = func(what string) error {
		w.node.OnClaim = nil
		return w.foreign("run-1").Release(context.Background(), &engine.Outcome{Run: "run-1", State: engine.Abandoned, Changed: true, Began: r.Began, Ended: r.Ended.Add(time.Hour)})
	}
	if err := w.engine().Acknowledge(t.Context(), w.node, r.ID, nil, engine.Ack{Reason: "seen"}); engine.CodeOf(err) != engine.Locked {
		t.Errorf("%v", err)
	}
	if held := w.heldFor(t); len(held) != 1 || held[0].State != engine.Abandoned {
		t.Errorf("held by %+v", held)
	}
}

// TestAcknowledgeAnotherMachine: an acknowledgement is not written where another machine answers to the node's name.
func TestAcknowledgeAnotherMachine(t *testing.T) {
	w := newWorld(short()...)
	w.node.SetMachine("0123456789abcdef")
	w.oracle.Check = failing("events")
	e, r, err := w.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Machine = "0123456789abcdef"
	if err := e.Apply(t.Context(), w.node, r); engine.CodeOf(err) != engine.RolledBack {
		t.Fatal(err)
	}
	before := len(w.ledger().Outcomes)
	w.node.SetMachine("fedcba9876543210")
	err = w.engine().Acknowledge(t.Context(), w.node, r.ID, r, engine.Ack{Reason: "seen", User: "me@here"})
	if engine.CodeOf(err) != engine.Identity || len(w.ledger().Outcomes) != before {
		t.Errorf("%v, and the ledger has %d lines, not %d", err, len(w.ledger().Outcomes), before)
	}
}

// TestAcknowledgeFreesNothing: an acknowledgement takes no node from a run that may be at work there, also not from one of
// this folder whose journal is gone or behind; only from one that was given up.
func TestAcknowledgeFreesNothing(t *testing.T) {
	for name, know := range map[string]bool{"journal lost": false, "journal behind": true} {
		t.Run(name, func(t *testing.T) {
			w, r := rolledBack(t)
			if !know {
				r = nil
			}
			held := must2(w.node.Claim(t.Context(), engine.Claim{Run: "run-1", Holder: engine.Holder{Store: "here"}}, engine.Claim{}))
			if _, err := held.Arm(t.Context(), time.Hour, nil); err != nil {
				t.Fatal(err)
			}
			err := w.engine().Acknowledge(t.Context(), w.node, "run-1", r, engine.Ack{Reason: "seen", User: "me@here"})
			if _, ok := errors.AsType[*engine.ClaimedError](err); !ok {
				t.Errorf("%v", err)
			}
			if c := w.ledger().Claim; c == nil || c.Ack || c.Run != "run-1" {
				t.Errorf("the claim is %+v", c)
			}
			if s := must2(w.node.Switch(t.Context(), "run-1")); s.State != engine.Armed {
				t.Errorf("the switch is %s", s.State)
			}
		})
	}
}

// TestOldNews: a run that was rolled back counts so, whatever the clocks say, and no acknowledgement makes it anything else.
func TestOldNews(t *testing.T) {
	w := newWorld(short()...)
	w.oracle.Check = failing("events")
	w.steps[len(w.steps)-1].OnFailure = engine.Eventful
	r, err := w.apply(t.Context())
	if err != nil || r.State != engine.Landed || r.Clean {
		t.Fatalf("%v, %s", err, r.State)
	}
	must(w.engine().Ack(r, engine.Ack{Reason: "seen", User: "me@here"}))
	n := must2(w.node.Claim(t.Context(), engine.Claim{Run: r.ID, Holder: engine.Holder{Store: "there"}}, engine.Claim{}))
	must(n.Release(t.Context(), &engine.Outcome{Run: r.ID, Playbook: r.Playbook, State: engine.RolledBk, Began: r.Began, Ended: r.Ended.Add(-time.Hour)}))
	if held := engine.Unacknowledged(engine.Recollect([]*engine.Run{r}, "master1", "", w.ledger())); len(held) != 1 || held[0].State != engine.RolledBk {
		t.Errorf("held by %v", held)
	}
	if err := w.engine().Acknowledge(t.Context(), w.node, r.ID, r, engine.Ack{Reason: "seen", User: "me@here"}); err != nil {
		t.Error(err)
	}
	if l := w.ledger(); l.Outcomes[len(l.Outcomes)-1].State != engine.RolledBk {
		t.Errorf("the node has it as %s", l.Outcomes[len(l.Outcomes)-1].State)
	}
}
