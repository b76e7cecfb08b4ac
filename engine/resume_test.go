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

// interrupted leaves a run whose process died at the n-th append of a kind, after it was durable; at an
// intent, before the write.
func interrupted(w *world, kind engine.EventKind, n int) {
	count := 0
	w.journal.Fail = func(op string, e engine.Event) error {
		if count > n || count == n && e.Kind != kind {
			return errors.New("dead")
		}
		if e.Kind == kind {
			count++
		}
		return nil
	}
	w.node.OnPut = func(engine.Change) error {
		if kind == engine.EvIntent && count == n {
			return errors.New("dead")
		}
		return nil
	}
	_, _ = w.apply(context.Background())
	w.journal.Fail, w.node.OnPut = nil, nil
}

// TestResume is the table of what a run on record and a node together mean.
func TestResume(t *testing.T) {
	put := func(path, content string, mode uint32) func(*world) {
		return func(w *world) { must(w.node.Remove(path)); w.put(path, content, mode) }
	}
	policy := func(content string, mode uint32) func(*world) { return put("/etc/policy.yaml", content, mode) }
	tests := map[string]struct {
		kind    engine.EventKind
		n       int
		between func(*world)
		code    engine.Code
		state   engine.State
		says    string
	}{
		"planned, before":            {kind: engine.EvPlanned, n: 1, code: engine.Done, state: engine.Landed},
		"planned, after":             {kind: engine.EvPlanned, n: 1, between: policy("new policy", 0o600), code: engine.Stale, state: engine.Untouched},
		"planned, neither":           {kind: engine.EvPlanned, n: 1, between: policy("x", 0o600), code: engine.Stale, state: engine.Untouched},
		"intent, before":             {kind: engine.EvIntent, n: 1, code: engine.Done, state: engine.Landed},
		"intent, after":              {kind: engine.EvIntent, n: 1, between: policy("new policy", 0o600), code: engine.Done, state: engine.Landed},
		"intent, neither":            {kind: engine.EvIntent, n: 1, between: policy("x", 0o600), code: engine.Conflict, state: engine.Applying, says: "sha256:2d711642b726"},
		"settled, before again":      {kind: engine.EvSettled, n: 3, between: policy("old policy", 0o640), code: engine.Conflict, state: engine.Applying},
		"settled, neither":           {kind: engine.EvSettled, n: 3, between: policy("x", 0o600), code: engine.Conflict, state: engine.Applying},
		"settled, next is neither":   {kind: engine.EvSettled, n: 1, between: put(manifest, "x", 0o600), code: engine.Conflict, state: engine.Applying},
		"verifying, before again":    {kind: engine.EvChecking, n: 2, between: put(manifest, "old", 0o600), code: engine.Conflict, state: engine.Applying},
		"verifying, log rotated":     {kind: engine.EvChecking, n: 2, between: func(w *world) { must(w.node.Remove("/var/log/audit/audit.log")) }, code: engine.Done, state: engine.Landed},
		"unreachable":                {kind: engine.EvSettled, n: 1, between: lookFails(1, errLost), code: engine.Unknown, state: engine.Applying, says: "no other node may start"},
		"failed, not turned yet":     {kind: engine.EvFailed, n: 1, between: func(w *world) { w.oracle.Check = nil }, code: engine.RolledBack, state: engine.RolledBk},
		"turned":                     {kind: engine.EvTurned, n: 1, code: engine.RolledBack, state: engine.RolledBk},
		"turned, after is neither":   {kind: engine.EvTurned, n: 1, between: put(manifest, "x", 0o600), code: engine.Incomplete, state: engine.Unfinished, says: "; expected file 0600 0:0, 3 bytes sha256:"},
		"undone, edited since":       {kind: engine.EvChecked, n: 3, between: put(manifest, "x", 0o600), code: engine.Incomplete, state: engine.Unfinished},
		"rolling back, unreachable":  {kind: engine.EvTurned, n: 1, between: lookFails(1, errLost), code: engine.Incomplete, state: engine.Unfinished},
		"undone, pod still to prove": {kind: engine.EvSettled, n: 6, between: func(w *world) { w.oracle.Check = stuck("", "pod") }, code: engine.Incomplete, state: engine.Unfinished, says: "pod does not come"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(runbook()...)
			if test.kind == engine.EvFailed || test.kind == engine.EvTurned || strings.HasPrefix(name, "undone") {
				w.oracle.Check = failing("events")
			}
			interrupted(w, test.kind, test.n)
			apply(test.between, w)
			r, err := w.apply(t.Context())
			if got := engine.CodeOf(err); got != test.code || r.State != test.state {
				t.Errorf("code %d, state %q, want %d, %q: %v", got, r.State, test.code, test.state, told(err))
			}
			if !strings.Contains(told(err), test.says) {
				t.Errorf("it says\n%s\nwithout %q", told(err), test.says)
			}
			w.sound(t)
		})
	}
}

func (w *world) put(path, content string, mode uint32) {
	must(w.node.WriteFile(path, []byte(content), 0))
	must(w.node.Chmod(path, engine.Mode(mode)))
}

// TestIncompleteGoesOn holds that a rollback that stopped is finished by resume once the cause is gone.
func TestIncompleteGoesOn(t *testing.T) {
	tests := map[string]func(w *world) (mend func()){
		"edited": func(w *world) func() {
			edited("pod", manifest)(w)
			failAfter(w, "events")
			return func() { w.put(manifest, "new", 0o600) }
		},
		"put back by hand": func(w *world) func() {
			edited("pod", manifest)(w)
			failAfter(w, "events")
			return func() { w.put(manifest, "old", 0o600) }
		},
		"lost": func(w *world) func() {
			w.oracle.Check = failing("events")
			putFails(7, errLost)(w)
			return func() {}
		},
		"pod": func(w *world) func() {
			w.oracle.Check = stuck("events", "pod")
			return func() { w.oracle.Check = nil }
		},
		"no mark": func(w *world) func() {
			w.oracle.Check, w.oracle.Mark = failing("events"), stuckMark("pod")
			return func() {}
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(runbook()...)
			was := w.node.Digest()
			mend := spoil(w)
			if _, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Incomplete {
				t.Fatalf("it did not stop: %v", err)
			}
			mend()
			r, err := w.apply(t.Context())
			if engine.CodeOf(err) != engine.RolledBack || r.State != engine.RolledBk {
				t.Fatalf("state %q: %v", r.State, err)
			}
			if got := w.withoutLogs(); got != was {
				t.Errorf("the node is\n%swant\n%s", got, was)
			}
			w.sound(t)
		})
	}
}

// withoutLogs is the tree without what a rollback keeps.
func (w *world) withoutLogs() string {
	var lines []string
	for _, line := range strings.SplitAfter(w.node.Digest(), "\n") {
		if !strings.HasPrefix(line, "/var/log/audit") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestInterrupt stops softly in the middle of everything; resume then lands.
func TestInterrupt(t *testing.T) {
	tests := map[string]struct {
		stop func(w *world, cancel func())
		puts int // when it stopped
	}{
		"in a mark": {func(w *world, cancel func()) {
			w.oracle.Mark = func(ctx context.Context, _ string, _ engine.Watch) error { cancel(); return ctx.Err() }
		}, 0},
		"in a write": {func(w *world, cancel func()) { w.node.React = func(engine.Change) { cancel() } }, 1},
		"in a check": {func(w *world, cancel func()) {
			w.oracle.Check = func(ctx context.Context, name string, _ engine.Watch) error {
				if name == "pod" {
					cancel()
				}
				return ctx.Err()
			}
		}, 5},
		"in a check that fails for it": {func(w *world, cancel func()) {
			w.oracle.Check = func(_ context.Context, name string, _ engine.Watch) error {
				if name == "pod" {
					cancel()
					return &engine.Failed{Why: "no time"}
				}
				return nil
			}
		}, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(runbook()...)
			e, r, err := w.open(t.Context())
			must(err)
			ctx, cancel := context.WithCancelCause(t.Context())
			test.stop(w, func() { cancel(errors.New("Ctrl-C")) })
			err = e.Apply(ctx, w.node, r)
			if engine.CodeOf(err) != engine.Interrupted || !strings.Contains(told(err), "hcrun resume run-1") || !strings.Contains(told(err), "Ctrl-C") {
				t.Errorf("got %v", told(err))
			}
			if w.node.Puts() != test.puts || r.InDoubt || !r.Open() {
				t.Errorf("%d puts, want %d; in doubt %v, open %v", w.node.Puts(), test.puts, r.InDoubt, r.Open())
			}
			w.oracle.Mark, w.oracle.Check, w.node.React = nil, nil, nil
			if r, err := w.apply(t.Context()); err != nil || r.State != engine.Landed || !r.Clean {
				t.Errorf("resumed it is %q: %v", r.State, err)
			}
			w.sound(t)
		})
	}
}

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
	want := strings.Fields(`opened planned marked marked
		intent settled intent settled checking said checked
		checking said evidence evidence evidence failed turned
		marked intent settled checking said checked intent settled rolled-back`)
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

// TestDownMark holds what a check is shown on the way down, and that nothing is waited for where the
// change never happened.
func TestDownMark(t *testing.T) {
	var seen []string
	see := func(name string, undoing bool, planned []engine.Change) {
		if undoing {
			seen = append(seen, name+" "+planned[0].At+" "+string(planned[0].Action()))
		}
	}
	w := newWorld(runbook()...)
	w.oracle.Check, w.oracle.Planned = failing("events"), see
	_, _ = w.apply(t.Context())
	if want := []string{"pod /etc/manifest.yaml replace"}; !slices.Equal(seen, want) {
		t.Errorf("shown %v, want %v", seen, want)
	}

	seen = nil
	w = newWorld(runbook()...)
	w.oracle.Planned = see
	interrupted(w, engine.EvIntent, 5)
	if r, err := w.rollback(t.Context()); err != nil || r.State != engine.RolledBk || len(seen) != 0 {
		t.Errorf("%q, %v: the manifest never changed, and pod was shown %v", r.State, err, seen)
	}
	w.sound(t)
}

// TestRollbackOfLanded holds when a landed run may be rolled back.
func TestRollbackOfLanded(t *testing.T) {
	tests := map[string]struct {
		between func(*world)
		code    engine.Code
		state   engine.State
	}{
		"all stands":    {nil, engine.Done, engine.RolledBk},
		"one is edited": {func(w *world) { w.put("/etc/policy.yaml", "x", 0o600) }, engine.Incomplete, engine.Landed},
		"one is gone":   {func(w *world) { must(w.node.Remove(manifest)) }, engine.Incomplete, engine.Landed},
		"log rotated":   {func(w *world) { must(w.node.Remove("/var/log/audit/audit.log")) }, engine.Done, engine.RolledBk},
		"log chmodded":  {func(w *world) { must(w.node.Chmod("/var/log/audit/audit.log", 0o640)) }, engine.Done, engine.RolledBk},
		"unreachable":   {lookFails(1, errLost), engine.Unreachable, engine.Landed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(runbook()...)
			was := w.node.Digest()
			must2(w.apply(t.Context()))
			puts := w.node.Puts()
			apply(test.between, w)
			r, err := w.rollback(t.Context())
			if engine.CodeOf(err) != test.code || r.State != test.state {
				t.Errorf("%q: %v", r.State, told(err))
			}
			if r.State == engine.RolledBk && w.withoutLogs() != was {
				t.Errorf("the node is\n%swant\n%s", w.node.Digest(), was)
			}
			if r.State == engine.Landed && w.node.Puts() != puts {
				t.Error("it was refused, and something was written")
			}
			w.sound(t)
		})
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

// TestFoldRefuses holds that records that cannot follow on each other are not believed.
func TestFoldRefuses(t *testing.T) {
	w := newWorld(short()...)
	must2(w.apply(t.Context()))
	whole := w.journal.Durable()
	for i := range whole {
		switch whole[i].Kind {
		case engine.EvOpened, engine.EvPlanned, engine.EvSettled, engine.EvChecked:
			if _, err := engine.Fold(slices.Delete(slices.Clone(whole), i, i+1)); err == nil {
				t.Errorf("without record %d (%s) it still folds", i, whole[i].Kind)
			}
		}
	}
	for name, events := range map[string][]engine.Event{
		"none":    nil,
		"newer":   {whole[0], {Run: "run-1", Kind: "quantum"}},
		"nothing": {{Run: "run-1", Kind: engine.EvOpened}},
		"step":    {whole[0], whole[1], {Run: "run-1", Kind: engine.EvSaid, Op: &engine.OpEvent{Step: 99}}},
		"twice":   append(slices.Clone(whole), whole[len(whole)-1]),
	} {
		if r, err := engine.Fold(events); err == nil && name != "twice" {
			t.Errorf("%s: folded to %+v", name, r)
		}
	}
}

func TestFakeNode(t *testing.T) {
	enginetest.TestNode(t, func(*testing.T) (engine.WritableNode, enginetest.Ground) {
		n := enginetest.NewNode("fake")
		return n, n
	})
}
