package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// before is a node's tree without what its own services fill.
func treeBefore(w *world) string {
	lines := strings.Split(w.node.Digest(), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "/var/log/audit") }), "\n")
}

// TestSwitchFires has the switch fire at every point of a run, while its process lives on (it slept), and after it
// was killed there, and there and once more while what is left is taken up. Where it fires the node is as it was
// before the run, the run never reports success, and it ends with 24; where the run was confirmed it does not fire.
func TestSwitchFires(t *testing.T) {
	all := journeys(runbook)
	for _, j := range journeys(commanded)[:2] {
		j.name += ", with commands"
		all = append(all, j)
	}
	for _, j := range all {
		if j.name == "rollback of a landed run" || j.name == "takeover" || j.name == "acknowledged" {
			continue // they begin with a run that was carried; TestSwitchOfARollback has the first of them
		}
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			was := treeBefore(j.make())
			w := j.make()
			f := &enginetest.Fuse{}
			j.once(w, f)
			fires := map[string]int{}
			for i := 1; i <= f.Points(); i++ {
				for _, how := range []string{"slept", "killed", "killed twice"} {
					w := j.make()
					fired := false
					fire := func() { fired = w.node.Fire("run-1") || fired }
					wrote := func() bool { // a run that has written nothing is told to begin anew
						r, err := engine.Fold(w.journal.Durable())
						return err == nil && !r.FirstWrite.IsZero()
					}
					switch how {
					case "slept":
						w.light(&enginetest.Fuse{At: i, Do: fire})
						_ = j.travel(w)
					case "killed":
						j.once(w, &enginetest.Fuse{At: i})
						fire()
						fired = fired && wrote()
						j.once(w, &enginetest.Fuse{})
					case "killed twice":
						j.once(w, &enginetest.Fuse{At: i})
						fire()
						fired = fired && wrote()
						for k := 1 + i%3; j.once(w, &enginetest.Fuse{At: k}); k += 3 {
						}
					}
					at := fmt.Sprintf("%s at %d", how, i)
					if fired {
						fires[how]++
						undone(t, w, was, at)
					}
					w.sound(t)
				}
			}
			for _, how := range []string{"slept", "killed", "killed twice"} {
				if fires[how] < 10 {
					t.Errorf("%s: the switch fired at %d points only", how, fires[how])
				}
			}
			t.Logf("%d points, fired: %v", f.Points(), fires)
		})
	}
}

// undone fails the test unless the run is undone, and says so.
func undone(t *testing.T, w *world, was, at string) {
	t.Helper()
	r := must2(engine.Fold(w.journal.Durable()))
	if got := treeBefore(w); got != was {
		t.Fatalf("%s: the node is\n%s\nwant\n%s\n%s", at, got, was, w.history(t))
	}
	switch {
	case r.State == engine.Untouched && r.FirstWrite.IsZero():
	case r.State != engine.RolledBk || !r.Fired() || r.Clean:
		t.Fatalf("%s: the run is %s, fired %v", at, r.State, r.Fired())
	}
}

// TestSwitchCode has the switch fire behind the back of a run that would have landed.
func TestSwitchCode(t *testing.T) {
	ctx := context.Background()
	w := newWorld(runbook()...)
	w.node.React = nil
	w.oracle.Check = func(_ context.Context, name string, watch engine.Watch) error {
		if name == "events" && !watch.Undoing && !w.node.Fire("run-1") {
			t.Error("it did not fire")
		}
		return nil
	}
	r, err := w.apply(ctx)
	if engine.CodeOf(err) != engine.Fired || r.State != engine.RolledBk {
		t.Fatalf("%v, %s", err, r.State)
	}
	if !strings.Contains(err.Error(), "has undone it by itself") {
		t.Error(err)
	}
	if !slices.Contains(w.asked(), "pod down") {
		t.Errorf("the restored pod was not looked at: %v", w.asked())
	}
	w.sound(t)
}

// asked lists the checks that were proven, in order.
func (w *world) asked() []string {
	var all []string
	for _, e := range w.journal.Durable() {
		if e.Kind == engine.EvChecked {
			name := must2(engine.Fold(w.journal.Durable())).Steps[e.Op.Step].Name
			if e.Op.Down {
				name += " down"
			}
			all = append(all, name)
		}
	}
	return all
}

// TestSwitchOfARollback has the switch fire while a landed run is rolled back, with the copies that it kept.
func TestSwitchOfARollback(t *testing.T) {
	ctx := context.Background()
	for i := 1; ; i++ {
		w := newWorld(runbook()...)
		was := treeBefore(w)
		if _, err := w.apply(ctx); err != nil {
			t.Fatal(err)
		}
		if w.node.Fire("run-1") {
			t.Fatal("it fired after it was confirmed")
		}
		f := &enginetest.Fuse{At: i}
		w.light(f)
		crashed := enginetest.Survive(func() { _, _ = w.rollback(ctx) })
		fired := w.node.Fire("run-1")
		w.light(nil)
		r := must2(engine.Fold(w.journal.Durable()))
		if r.State == engine.RolledBk {
			if fired {
				t.Error("it fired after the end")
			}
			if !crashed {
				return
			}
			continue
		}
		r, err := w.rollback(ctx)
		if fired != (engine.CodeOf(err) == engine.Fired) || r.State != engine.RolledBk {
			t.Fatalf("point %d, fired %v: %v, %s", i, fired, err, r.State)
		}
		if got := treeBefore(w); got != was {
			t.Fatalf("point %d: %s", i, got)
		}
	}
}

// TestSwitchOfOnePathTwice has the switch undo a run that changed a path more than once: the node is past what is
// undone step by step.
func TestSwitchOfOnePathTwice(t *testing.T) {
	w := newWorld(write("draft", manifest, "draft"), write("manifest", manifest, "new"), check("events"))
	was := treeBefore(w)
	w.oracle.Check = func(context.Context, string, engine.Watch) error {
		w.node.Fire("run-1")
		return nil
	}
	if r, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Fired || r.State != engine.RolledBk {
		t.Errorf("%s: %v", r.State, err)
	}
	if got := treeBefore(w); got != was {
		t.Errorf("the node is\n%s\nwant\n%s", got, was)
	}
	w.sound(t)
}

// TestSwitchLeavesOthersChanges has somebody edit a file before the switch fires: it stays, is named, and the run
// waits for a person.
func TestSwitchLeavesOthersChanges(t *testing.T) {
	ctx := context.Background()
	w := newWorld(runbook()...)
	w.oracle.Check = func(_ context.Context, name string, watch engine.Watch) error {
		if name == "events" && !watch.Undoing {
			must(w.node.WriteFile("/etc/policy.yaml", []byte("somebody's"), 0o600))
			w.node.Fire("run-1")
		}
		return nil
	}
	r, err := w.apply(ctx)
	if engine.CodeOf(err) != engine.Incomplete || !r.Fired() {
		t.Fatal(err)
	}
	if b, _ := w.node.ReadFile("/etc/policy.yaml"); string(b) != "somebody's" {
		t.Errorf("it was overwritten: %s", b)
	}
	if b, _ := w.node.ReadFile(manifest); string(b) != "old" {
		t.Errorf("the manifest is %s", b)
	}
	must(w.node.WriteFile("/etc/policy.yaml", []byte("new policy"), 0o600))
	if r, err = w.apply(ctx); engine.CodeOf(err) != engine.Fired || r.State != engine.RolledBk {
		t.Fatal(err, r.State)
	}
	if !strings.Contains(err.Error(), "/etc/policy.yaml: somebody has changed it") {
		t.Error(err)
	}
}

// TestRollbackOfWhatHasFired has somebody roll a run back that its node has undone before, and that waited for a
// person: it is told that the node did it.
func TestRollbackOfWhatHasFired(t *testing.T) {
	w := newWorld(runbook()...)
	w.oracle.Check = func(_ context.Context, name string, watch engine.Watch) error {
		if name == "events" && !watch.Undoing {
			must(w.node.WriteFile("/etc/policy.yaml", []byte("somebody's"), 0o600))
			w.node.Fire("run-1")
		}
		return nil
	}
	if r, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Incomplete || !r.Fired() {
		t.Fatal(err)
	}
	must(w.node.WriteFile("/etc/policy.yaml", []byte("new policy"), 0o600))
	if r, err := w.rollback(t.Context()); engine.CodeOf(err) != engine.Fired || r.State != engine.RolledBk {
		t.Errorf("%s: %v", r.State, err)
	}
}

// TestArm has what can go wrong when the switch is armed: nothing is written without one.
func TestArm(t *testing.T) {
	ctx := context.Background()
	for name, test := range map[string]struct {
		err   error
		code  engine.Code
		state engine.State
	}{
		"lost":    {errLost, engine.Unreachable, engine.Untouched},
		"cannot":  {engine.Problemf(engine.Preflight, "no systemd"), engine.Preflight, engine.Untouched},
		"claimed": {&engine.ClaimedError{Node: "master1", By: engine.Claim{Run: "run-2"}}, engine.Locked, engine.Untouched},
		"garbage": {errors.New("x"), engine.Unreachable, engine.Untouched},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(runbook()...)
			w.node.OnClaim = func(what string) error {
				if what == "arm" {
					return test.err
				}
				return nil
			}
			r, err := w.apply(ctx)
			if engine.CodeOf(err) != test.code || r.State != test.state || w.node.Puts() != 0 {
				t.Errorf("%v (%d), %s, %d puts", err, engine.CodeOf(err), r.State, w.node.Puts())
			}
		})
	}
}

// TestArmedBeforeEveryWrite looks at the order on record: no write without an armed switch, and none after it.
func TestArmedBeforeEveryWrite(t *testing.T) {
	w := newWorld(runbook()...)
	if _, err := w.apply(context.Background()); err != nil {
		t.Fatal(err)
	}
	armed := false
	for _, e := range w.journal.Durable() {
		switch e.Kind {
		case engine.EvArmed:
			armed = true
			if e.Armed.Until.Sub(e.At) < 9*time.Minute {
				t.Errorf("armed until %s at %s", e.Armed.Until, e.At)
			}
		case engine.EvIntent:
			if !armed {
				t.Fatal("a write before the switch was armed")
			}
		}
	}
	if !armed {
		t.Fatal("it was never armed")
	}
}

// TestPutOffOnTheWayDown: the node waits anew while a run is rolled back, so that it does not do the same beside it.
func TestPutOffOnTheWayDown(t *testing.T) {
	w := newWorld(runbook()...)
	if _, err := w.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	turned, armed := false, false
	for _, e := range w.journal.Durable() {
		switch {
		case e.Kind == engine.EvTurned:
			turned = true
		case e.Kind == engine.EvArmed:
			armed = turned
		case e.Kind == engine.EvIntent && turned && !armed:
			t.Fatal("a change was undone before the switch was put off")
		}
	}
	if !armed {
		t.Fatal("it was never put off")
	}
}

// TestRestores has several changes of one path, and the order.
func TestRestores(t *testing.T) {
	img := func(s string) engine.Image {
		return engine.Image{Kind: engine.File, Mode: 0o600, Content: engine.Bytes([]byte(s))}
	}
	steps := []engine.PlannedStep{
		{Changes: []engine.Change{{At: "/a", Before: img("1"), After: img("2")}, {At: "/b", Before: img("x"), After: img("y")}}},
		{Changes: []engine.Change{{At: "/a", Before: img("2"), After: img("1")}}},
		{Changes: []engine.Change{{At: "/a", Before: img("1"), After: img("3")}}},
	}
	var got []string
	for _, r := range engine.Restores(steps) {
		got = append(got, fmt.Sprint(r.At, " ", len(r.After), " ", r.Before.Content.Same(engine.Bytes([]byte("1")))))
	}
	if want := []string{"/b 1 false", "/a 2 true"}; !slices.Equal(got, want) {
		t.Error(got)
	}
}

// TestWithin is how long a playbook's switch waits.
func TestWithin(t *testing.T) {
	for _, test := range []struct {
		confirm engine.Confirm
		needs   engine.Duration
		within  engine.Duration
		wrong   string
	}{
		{engine.Confirm{}, 0, 10 * engine.Minute, ""},
		{engine.Confirm{}, 20 * engine.Minute, 20 * engine.Minute, ""},
		{engine.Confirm{Within: 30 * engine.Minute}, 20 * engine.Minute, 30 * engine.Minute, ""},
		{engine.Confirm{Within: 10 * engine.Minute}, 20 * engine.Minute, 10 * engine.Minute, "a run may take up to 20m"},
		{engine.Confirm{Within: engine.Second}, 0, engine.Second, "not between"},
		{engine.Confirm{Off: "a drill"}, 20 * engine.Minute, 0, ""},
		{engine.Confirm{Off: "a drill", Within: engine.Hour}, 0, 0, "leave within out"},
	} {
		pb := &engine.Playbook{Name: "p", Confirm: test.confirm, Schedule: engine.Schedule{Needs: test.needs}}
		if got := pb.Within(); got != test.within {
			t.Errorf("%+v: %s, want %s", test.confirm, got, test.within)
		}
		err := pb.Prepare(nil)
		if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%+v: %v", test.confirm, err)
		}
	}
}
