package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// TestJournalFails lets every single append and keep fail: code NotDurable, and no further write.
func TestJournalFails(t *testing.T) {
	for _, j := range journeys(runbook) {
		t.Run(j.name, func(t *testing.T) {
			calls := func(w *world, fail int) (n int, after bool) {
				was := -1
				w.journal.Fail = func(string, engine.Event) error {
					if n++; n == fail {
						was = w.node.Puts()
						return errors.New("no space")
					}
					return nil
				}
				err := j.travel(w)
				if fail > 0 && engine.CodeOf(err) != engine.NotDurable {
					t.Errorf("operation %d failed, and it says %v", fail, err)
				}
				return n, was >= 0 && w.node.Puts() != was
			}
			total, _ := calls(j.make(), 0)
			for i := 1; i <= total; i++ {
				w := j.make()
				n, wrote := calls(w, i)
				if wrote || n != i {
					t.Errorf("operation %d failed, and the run went on: %d operations, written: %v", i, n, wrote)
				}
				w.sound(t)
			}
		})
	}
}

// TestLiarIsCaught holds that the write-ahead checker of the fakes works: a journal that acknowledges
// before its record is durable is seen at the first write.
func TestLiarIsCaught(t *testing.T) {
	w := newWorld(runbook()...)
	w.journal.Lazy = true
	e, r, err := w.open(t.Context())
	must(err)
	_ = e.Apply(t.Context(), w.node, r)
	if len(w.node.Violations()) == 0 {
		t.Error("nobody noticed that the intent was not durable")
	}
}

// TestOrder holds the order of events of an undisturbed run, up and down.
func TestOrder(t *testing.T) {
	w := newWorld(short()...)
	w.oracle.Check = failing("events")
	_, _ = w.apply(t.Context())
	want := strings.Fields(`opened planned marked marked armed
		intent settled intent settled checking said checked
		checking said evidence evidence evidence failed turned
		armed marked intent settled checking said checked intent settled rolled-back`)
	var got []string
	for _, e := range w.shown {
		got = append(got, string(e.Kind))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the order was\n%v\nwant\n%v", got, want)
	}
	if looks := w.node.Looks(); looks != 1+1+2*2+1+2*2+1 {
		t.Errorf("%d looks: one to plan, one before the first write, two a change, one for the way down's mark, one at the end", looks)
	}
	if !bytes.Equal(must2(json.Marshal(w.shown)), must2(json.Marshal(w.journal.Durable()))) {
		t.Error("what was shown is not what is on record")
	}
}

// TestChecksCannotWrite holds that no way leads from what a check gets to something that writes.
func TestChecksCannotWrite(t *testing.T) {
	w := newWorld(runbook()...)
	asked := 0
	try := func(_ context.Context, _ string, watch engine.Watch) error {
		asked++
		if _, ok := any(watch).(engine.WritableNode); ok {
			t.Error("a Watch writes")
		}
		if _, ok := watch.Node.(engine.WritableNode); ok {
			t.Error("a Watch's node writes")
		}
		if _, ok := watch.Node.(engine.Claimable); ok {
			t.Error("a Watch's node can be claimed")
		}
		return nil
	}
	w.oracle.Mark, w.oracle.Check = try, try
	w.gates = []engine.PlannedGate{gate(engine.All)}
	if _, err := w.apply(t.Context()); err != nil || asked == 0 {
		t.Fatal(err)
	}
}

// TestPanickingCheck holds that a bug in one check cannot keep a node from being rolled back.
func TestPanickingCheck(t *testing.T) {
	w := newWorld(runbook()...)
	w.oracle.Check = func(_ context.Context, name string, watch engine.Watch) error {
		if name == "events" {
			panic("secret bytes")
		}
		return nil
	}
	w.oracle.Evidence = func(string) []engine.Evidence { panic("too") }
	r, err := w.apply(t.Context())
	if engine.CodeOf(err) != engine.RolledBack || r.State != engine.RolledBk || strings.Contains(told(err), "secret") {
		t.Errorf("%q: %v", r.State, told(err))
	}
}

// TestOpenRefuses holds that contents that cannot be read end a run before it is one.
func TestOpenRefuses(t *testing.T) {
	w := newWorld()
	content := func(err error) engine.Content {
		c := engine.Bytes([]byte("x"))
		return engine.NewContent(c.Hash(), c.Size(), func(context.Context) (io.ReadCloser, error) {
			return nil, err
		})
	}
	wrong := engine.NewContent(engine.Bytes([]byte("x")).Hash(), 1, nil)
	changed := engine.Bytes([]byte("y"))
	changed = engine.NewContent(wrong.Hash(), 1, changed.Open)
	for name, test := range map[string]struct {
		c    engine.Content
		code engine.Code
	}{
		"lost":       {content(errLost), engine.Unreachable},
		"problem":    {content(engine.Problemf(engine.Security, "no")), engine.Security},
		"not there":  {content(errors.New("gone")), engine.Preflight},
		"no opener":  {wrong, engine.Preflight},
		"other byte": {changed, engine.Stale},
	} {
		t.Run(name, func(t *testing.T) {
			step := engine.PlannedStep{Kind: "write", Name: "x", Changes: []engine.Change{{At: "/root/x", Before: engine.Image{Kind: engine.Absent}, After: engine.Image{Kind: engine.File, Mode: 0o600, Content: test.c}}}}
			_, err := w.engine().Open(t.Context(), "r", engine.Opened{Node: "master1"}, []engine.PlannedStep{step})
			if engine.CodeOf(err) != test.code || len(w.journal.Durable()) != 0 {
				t.Errorf("code %d, want %d: %v", engine.CodeOf(err), test.code, err)
			}
		})
	}
}

// TestAckAndOverride hold when they are taken.
func TestAckAndOverride(t *testing.T) {
	w := newWorld(runbook()...)
	e, r, err := w.open(t.Context())
	must(err)
	if err := e.Ack(r, engine.Ack{Reason: "seen", User: "me"}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("an open run was acknowledged: %v", err)
	}
	w.journal.Fail = func(string, engine.Event) error { return errors.New("no space") }
	if err := e.Override(r, engine.Override{Guard: "soak"}); engine.CodeOf(err) != engine.NotDurable || len(r.Overrides) > 0 {
		t.Errorf("an override that is not on record opened something: %v, %v", r.Overrides, err)
	}
	w.journal.Fail = nil
	must(e.Override(r, engine.Override{Guard: "window", Reason: "tonight", User: "me"}))
	must(e.Apply(t.Context(), w.node, r))
	if r.Clean || !strings.Contains(r.LastEnd.Why, "window") {
		t.Errorf("with a guard overridden it is clean: %+v", r.LastEnd)
	}
	if err := e.Override(r, engine.Override{Guard: "soak"}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a guard was overridden afterwards: %v", err)
	}
	if err := e.Ack(r, engine.Ack{}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("acknowledged without a reason: %v", err)
	}
	must(e.Ack(r, engine.Ack{Reason: "seen", User: "me"}))
	if r.Acked == nil || r.State != engine.Landed {
		t.Error("the acknowledgement is not on record")
	}
}

// TestOverriddenGate holds that an overridden gate neither holds nor turns a run, and makes it eventful.
func TestOverriddenGate(t *testing.T) {
	w := newWorld(runbook()...)
	peer(errors.New("no route"))(w)
	e, r, err := w.open(t.Context())
	must(err)
	must(e.Override(r, engine.Override{Guard: "gate", Reason: "master2 is being rebuilt", User: "me"}))
	if err := e.Apply(t.Context(), w.node, r); err != nil || r.State != engine.Landed || r.Clean {
		t.Errorf("%q, clean %v: %v", r.State, r.Clean, err)
	}
}

// TestEventfulGate holds that a gate that is only eventful keeps the change and is remembered.
func TestEventfulGate(t *testing.T) {
	w := newWorld(short()...)
	peer(nil)(w)
	w.gates[0].OnFailure = engine.Eventful
	wellUntil(w, "new")
	r, err := w.apply(t.Context())
	if err != nil || r.State != engine.Landed || r.Clean || !strings.Contains(r.LastEnd.Why, "gate check.well refused on master2") {
		t.Errorf("%q, clean %v: %v", r.State, r.Clean, err)
	}
}

func TestFakeNode(t *testing.T) {
	enginetest.TestNode(t, func(t *testing.T) (engine.Claimable, enginetest.Ground) {
		n := enginetest.NewNode("fake")
		return n, n
	})
}
