package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

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

// TestTwoPatches holds that a check follows each inverse of the path that it stood behind, and only
// those that change something.
func TestTwoPatches(t *testing.T) {
	wait := check("pod")
	wait.OnRollback = true
	steps := []engine.Step{write("one", manifest, "new 1"), write("two", manifest, "new 2"), wait, check("events")}
	var seen []string
	see := func(_ string, undoing bool, planned []engine.Change) {
		if undoing {
			seen = append(seen, planned[0].After.Content.String())
		}
	}
	old, one := engine.Bytes([]byte("old")).String(), engine.Bytes([]byte("new 1")).String()

	w := newWorld(steps...)
	w.oracle.Check, w.oracle.Planned = failing("events"), see
	r, err := w.apply(t.Context())
	if r.State != engine.RolledBk || !slices.Equal(seen, []string{one, old}) {
		t.Errorf("%q, shown %v: %v", r.State, seen, err)
	}

	seen = nil
	w = newWorld(steps...)
	w.oracle.Planned = see
	interrupted(w, engine.EvIntent, 2)
	if r, err := w.rollback(t.Context()); err != nil || r.State != engine.RolledBk || !slices.Equal(seen, []string{old}) {
		t.Errorf("%q, shown %v: %v", r.State, seen, err)
	}
}

// TestRollbackOfDoubt rolls back a run whose last write was acknowledged to nobody.
func TestRollbackOfDoubt(t *testing.T) {
	for name, lose := range map[string]func(*world){
		"it happened":       func(w *world) { w.node.AfterPut = func(engine.Change) error { return errLost } },
		"it never happened": func(w *world) { w.node.OnPut = func(engine.Change) error { return errLost } },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			was := w.node.Digest()
			lose(w)
			if r, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Unknown || !r.InDoubt || !r.Dirty() {
				t.Fatalf("it is %q: %v", r.State, err)
			}
			w.node.AfterPut, w.node.OnPut = nil, nil
			if r, err := w.rollback(t.Context()); err != nil || r.State != engine.RolledBk || w.node.Digest() != was {
				t.Errorf("%q: %v\n%s", r.State, err, w.node.Digest())
			}
			w.sound(t)
		})
	}
}

// TestRollbackLeavesOthers holds that a file which the run never came to is none of its business.
func TestRollbackLeavesOthers(t *testing.T) {
	w := newWorld(runbook()...)
	edited("reachable", manifest)(w)
	if r, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Conflict || r.InDoubt {
		t.Fatalf("%q: %v", r.State, err)
	}
	r, err := w.rollback(t.Context())
	if got := string(must2(w.node.ReadFile(manifest))); err != nil || r.State != engine.RolledBk || got != "mine" {
		t.Errorf("%q, %q: %v", r.State, got, err)
	}
	if got := string(must2(w.node.ReadFile("/etc/policy.yaml"))); got != "old policy" {
		t.Errorf("the policy is %q", got)
	}
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
