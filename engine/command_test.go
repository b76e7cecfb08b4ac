package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

const (
	reload  = "systemctl daemon-reload"
	enable  = "systemctl enable etcd-defrag.timer"
	disable = "systemctl disable etcd-defrag.timer"
)

// TestCommands is what runs, in which order, and what the run says of it.
func TestCommands(t *testing.T) {
	put := func(f func(c engine.Change) error) func(w *world) {
		return func(w *world) { w.node.OnPut = f }
	}
	fails := func(words string) func(w *world) {
		return put(func(c engine.Change) error {
			if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == words {
				return &engine.ExitError{Argv: c.Cmd.Run, Code: 3, Stderr: "no such unit"}
			}
			return nil
		})
	}
	for name, tt := range map[string]struct {
		with func(w *world)
		ran  []string // by the time the run stops
		code engine.Code
		says string // the error, and what is true
		left []string
	}{
		"all goes well": {func(*world) {}, []string{reload, enable, once}, engine.Done, "", nil},
		"already enabled": {func(w *world) { w.node.Say("enabled", isEnabled...) },
			[]string{reload, once}, engine.Done, "", nil},
		"enabled meanwhile by somebody": {func(w *world) {
			w.node.React = func(c engine.Change) {
				if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == reload {
					w.node.Say("enabled", isEnabled...)
				}
			}
		}, []string{reload, once}, engine.Done, "", nil},
		"in a state that nobody planned": {func(w *world) {
			w.node.React = func(c engine.Change) {
				if c.At == "/etc/policy.yaml" {
					w.node.Say("static", isEnabled...)
				}
			}
		}, []string{reload, enable, once}, engine.Done, "", nil},
		"a check fails": {func(w *world) { w.oracle.Check = failing("events") },
			[]string{reload, enable, once, "kubeadm upgrade undo", disable, reload}, engine.RolledBack, "master1 is as it was before run run-1, but for what cannot be undone, and was seen to be so; the next node is held\nleft: systemctl daemon-reload: it cannot be undone", []string{"! systemctl daemon-reload"}},
		"one fails": {fails(enable), []string{reload, reload}, engine.RolledBack,
			`["systemctl","enable","etcd-defrag.timer"] ended with status 3: no such unit`, []string{"! systemctl daemon-reload"}},
		"one that cannot be undone fails, and so does the undo of another": {fails(reload), nil, engine.Incomplete, "no such unit", []string{"! systemctl daemon-reload"}},
		"the probe says something else then": {func(w *world) {
			w.node.React = func(c engine.Change) {
				if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == enable {
					w.node.Say("masked", isEnabled...)
				}
			}
		}, []string{reload, enable, disable, reload}, engine.RolledBack, `systemctl is-enabled etcd-defrag.timer says "masked" then, not "enabled"`, []string{"! systemctl daemon-reload"}},
		"its undo fails": {func(w *world) { w.oracle.Check = failing("events"); fails(disable)(w) },
			[]string{reload, enable, once, "kubeadm upgrade undo"}, engine.Incomplete, `["systemctl","disable","etcd-defrag.timer"] ended with status 3`, nil},
		"its undo does not do it": {func(w *world) {
			w.oracle.Check = failing("events")
			w.node.React = func(c engine.Change) {
				if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == disable {
					w.node.Say("masked", isEnabled...)
				}
			}
		}, []string{reload, enable, once, "kubeadm upgrade undo", disable, reload}, engine.Incomplete, `$ systemctl is-enabled etcd-defrag.timer is "masked"`, []string{"! systemctl daemon-reload"}},
		"the node is lost at one that may run again": {put(func(c engine.Change) error {
			if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == reload {
				return errLost
			}
			return nil
		}), nil, engine.Unknown, "whether systemctl daemon-reload has run is in doubt, resume finds out", nil},
		"the node is lost at one that must not": {put(func(c engine.Change) error {
			if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == once {
				return errLost
			}
			return nil
		}), []string{reload, enable}, engine.Unknown, "nothing tells whether kubeadm upgrade apply has run", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(commanded()...)
			tt.with(w)
			r, err := w.apply(t.Context())
			text := ""
			if p, ok := errors.AsType[*engine.Problem](err); ok {
				text = p.What + "\n" + p.Now
			}
			if engine.CodeOf(err) != tt.code || !strings.Contains(text, tt.says) {
				t.Fatalf("it ends with %d: %s\nwant %d, %q", engine.CodeOf(err), text, tt.code, tt.says)
			}
			if got := w.node.Ran(); !slices.Equal(got, tt.ran) {
				t.Errorf("what ran is %q, want %q", got, tt.ran)
			}
			if !slices.Equal(r.LeftPaths, tt.left) {
				t.Errorf("left is %q, want %q", r.LeftPaths, tt.left)
			}
			w.sound(t)
		})
	}
}

// TestUndecided: a command of which nothing tells whether it ran, and which must not run twice, waits for a person.
func TestUndecided(t *testing.T) {
	doubtful := func(t *testing.T, did bool) *world {
		w := newWorld(commanded()...)
		lose := func(c engine.Change) error {
			if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == once {
				return errLost
			}
			return nil
		}
		if did {
			w.node.AfterPut = lose
		} else {
			w.node.OnPut = lose
		}
		if _, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Unknown {
			t.Fatal(err)
		}
		w.node.OnPut, w.node.AfterPut = nil, nil
		return w
	}
	fold := func(w *world) *engine.Run { return must2(engine.Fold(w.journal.Durable())) }
	resume := func(w *world) error { return w.engine().Resume(context.Background(), w.node, fold(w), "somebody") }
	count := func(w *world) int {
		return len(slices.DeleteFunc(w.node.Ran(), func(s string) bool { return s != once }))
	}
	t.Run("resume asks, and changes nothing", func(t *testing.T) {
		w := doubtful(t, true)
		for range 2 {
			err := resume(w)
			p, ok := errors.AsType[*engine.Problem](err)
			if !ok || p.Code != engine.Operator || !strings.Contains(p.Next, "resume run-1 --mark-done") || !strings.Contains(p.Next, "--retry") || count(w) != 1 {
				t.Fatalf("%v, and it ran %d times", err, count(w))
			}
		}
	})
	t.Run("it ran", func(t *testing.T) {
		w := doubtful(t, true)
		must(w.engine().Decide(fold(w), "somebody", true))
		if err := resume(w); err != nil || count(w) != 1 || fold(w).State != engine.Landed {
			t.Errorf("%v, %s, and it ran %d times", err, fold(w).State, count(w))
		}
	})
	t.Run("it runs again", func(t *testing.T) {
		w := doubtful(t, false)
		must(w.engine().Decide(fold(w), "somebody", false))
		if err := resume(w); err != nil || count(w) != 1 || fold(w).State != engine.Landed {
			t.Errorf("%v, %s, and it ran %d times", err, fold(w).State, count(w))
		}
	})
	t.Run("rolled back, its undo runs", func(t *testing.T) {
		w := doubtful(t, true)
		if _, err := w.rollback(t.Context()); err != nil || !slices.Contains(w.node.Ran(), "kubeadm upgrade undo") {
			t.Errorf("%v, and what ran is %q", err, w.node.Ran())
		}
	})
	t.Run("nothing to decide", func(t *testing.T) {
		w := newWorld(commanded()...)
		w.node.OnPut = func(c engine.Change) error {
			if c.At == manifest {
				return errLost
			}
			return nil
		}
		_, _ = w.apply(t.Context())
		if err := w.engine().Decide(fold(w), "somebody", true); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%v", err)
		}
	})
}

// TestRetriedAndRolledBack: a command that was to run again, and may have run before, is undone by a rollback.
func TestRetriedAndRolledBack(t *testing.T) {
	for name, after := range map[string]func(w *world, r *engine.Run){
		"before it runs": func(w *world, r *engine.Run) {},
		"the node is busy": func(w *world, r *engine.Run) {
			w.node.OnPut = func(engine.Change) error { return engine.Problemf(engine.Busy, "somebody writes") }
			if err := w.engine().Resume(t.Context(), w.node, r, "somebody"); engine.CodeOf(err) != engine.Busy {
				t.Fatal(err)
			}
			w.node.OnPut = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(commanded()...)
			w.node.AfterPut = func(c engine.Change) error {
				if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == once {
					return errLost
				}
				return nil
			}
			_, _ = w.apply(t.Context())
			w.node.AfterPut = nil
			r := must2(engine.Fold(w.journal.Durable()))
			must(w.engine().Decide(r, "somebody", false))
			after(w, r)
			if r, err := w.rollback(t.Context()); err != nil || r.State != engine.RolledBk || !slices.Contains(w.node.Ran(), "kubeadm upgrade undo") {
				t.Errorf("%v, %s, and what ran is %q", err, r.State, w.node.Ran())
			}
		})
	}
}

// TestBusyCommand: a command that the node has refused to run is in no doubt.
func TestBusyCommand(t *testing.T) {
	w := newWorld(commanded()...)
	w.node.OnPut = func(c engine.Change) error {
		if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == once {
			return engine.Problemf(engine.Busy, "somebody writes")
		}
		return nil
	}
	if _, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Busy {
		t.Fatal(err)
	}
	w.node.OnPut = nil
	if r, err := w.apply(t.Context()); err != nil || r.State != engine.Landed {
		t.Errorf("%v, %s", err, r.State)
	}
}

// TestUnseenCommand: a command that ran and whose state cannot be told then is no command that did not run.
func TestUnseenCommand(t *testing.T) {
	w := newWorld(commanded()[3:4]...)
	w.node.React = func(c engine.Change) {
		if c.Cmd != nil && engine.ShellWords(c.Cmd.Run) == enable {
			w.node.Say(strings.Repeat("x", 1001), isEnabled...)
		}
	}
	r, err := w.apply(t.Context())
	if engine.CodeOf(err) != engine.Unknown || !r.Dirty() {
		t.Fatalf("%v, %s", err, r.State)
	}
	w.node.React = nil
	w.node.Say("enabled", isEnabled...)
	if _, err := w.rollback(t.Context()); err != nil || !slices.Equal(w.node.Ran(), []string{enable, disable}) {
		t.Errorf("%v, and what ran is %q", err, w.node.Ran())
	}
}

// TestUndoneElsewhereCommands: what somebody else has rolled back, with a copy of the journal, is not undone again.
func TestUndoneElsewhereCommands(t *testing.T) {
	w := newWorld(commanded()...)
	w.node.OnPut = func(c engine.Change) error {
		if c.At == manifest {
			return errLost
		}
		return nil
	}
	_, _ = w.apply(t.Context())
	w.node.OnPut = nil
	there := &enginetest.Journal{}
	for _, e := range w.journal.Durable() {
		must(there.Append(e))
	}
	for _, text := range []string{"old", "new", "old policy", "new policy"} {
		must(there.Keep(t.Context(), engine.Bytes([]byte(text))))
	}
	e := w.engine()
	e.Journal, w.node.Journal = there, there
	must(e.Rollback(t.Context(), w.node, must2(engine.Fold(there.Durable())), "another", "asked for"))
	w.node.Journal = w.journal
	w.node.Say("enabled", isEnabled...) // by whatever came after it
	ran := w.node.Ran()
	_, err := w.apply(t.Context())
	if got := w.node.Ran(); !slices.Equal(got, ran) {
		t.Errorf("resume ran %q (%v)", got[len(ran):], err)
	}
}

// TestUndoWhatHasChangedSince: a service that is in another state than the run left it in is undone all the same.
func TestUndoWhatHasChangedSince(t *testing.T) {
	w := newWorld(commanded()...)
	if _, err := w.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.node.Say("masked", isEnabled...)
	if r, err := w.rollback(t.Context()); err != nil || r.State != engine.RolledBk {
		t.Errorf("%v, %s", err, r.State)
	}
}

// TestCommandSwitch: a node that undoes a run by itself runs what undoes its commands, and resume does not run it a
// second time.
func TestCommandSwitch(t *testing.T) {
	w := newWorld(commanded()...)
	w.node.OnPut = func(c engine.Change) error {
		if c.At == manifest {
			w.node.Fire("run-1")
			return errLost
		}
		return nil
	}
	if _, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Unknown {
		t.Fatal(err)
	}
	w.node.OnPut = nil
	undone := w.node.Ran()
	if want := []string{reload, enable, once, "kubeadm upgrade undo", disable, reload}; !slices.Equal(undone, want) {
		t.Fatalf("the node ran %q, want %q", undone, want)
	}
	if _, err := w.apply(t.Context()); engine.CodeOf(err) != engine.Fired {
		t.Errorf("%v", err)
	}
	if got := w.node.Ran(); !slices.Equal(got, undone) {
		t.Errorf("resume ran %q", got[len(undone):])
	}
}

// TestCommandSwitchLeft: what the node could not undo when its switch fired is undone by who takes the run up, and what
// cannot be undone at all is left, and said.
func TestCommandSwitchLeft(t *testing.T) {
	w := newWorld(commanded()...)
	w.node.OnUndo = func(r engine.Restore) string {
		if engine.ShellWords(r.Cmd.Run) == "kubeadm upgrade undo" {
			return "it ended with status 1"
		}
		return ""
	}
	w.node.OnPut = func(c engine.Change) error {
		if c.At == manifest {
			w.node.Fire("run-1")
			return errLost
		}
		return nil
	}
	_, _ = w.apply(t.Context())
	w.node.OnPut = nil
	before := len(w.node.Ran())
	r, err := w.apply(t.Context())
	if engine.CodeOf(err) != engine.Fired || !slices.Equal(w.node.Ran()[before:], []string{"kubeadm upgrade undo"}) {
		t.Errorf("%v, and resume ran %q", err, w.node.Ran()[before:])
	}
	if want := []string{"! systemctl daemon-reload"}; !slices.Equal(r.LeftPaths, want) {
		t.Errorf("left is %q, want %q", r.LeftPaths, want)
	}
}

// TestSecretProbe: no probe reads what is secret.
func TestSecretProbe(t *testing.T) {
	do := &enginetest.Do{Probe: []string{"head", "-n", "1", "/etc/kubernetes/pki/sa.key"}, Want: "x", Command: engine.Command{Run: []string{"x"}}}
	for _, s := range []engine.Step{{Name: "x", Task: do}, {Name: "x", Sensitive: true, Task: &enginetest.Do{Probe: isEnabled, Want: "x", Command: engine.Command{Run: []string{"x"}}}}} {
		w := newWorld(s)
		w.node.Say("a secret", do.Probe...)
		if _, _, err := w.open(t.Context()); engine.CodeOf(err) != engine.Security {
			t.Errorf("%v", err)
		}
	}
}

// TestCommandStale: a state that is not what the plan saw, before the first write, refuses the run.
func TestCommandStale(t *testing.T) {
	w := newWorld(commanded()...)
	e, r, err := w.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.node.Say("static", isEnabled...)
	if err := e.Apply(t.Context(), w.node, r); engine.CodeOf(err) != engine.Stale || len(w.node.Ran()) != 0 {
		t.Errorf("%v, and what ran is %q", err, w.node.Ran())
	}
}

// TestNothingFollows: what follows a path that the run does not change is no change.
func TestNothingFollows(t *testing.T) {
	w := newWorld(commanded()[:3]...)
	must(w.node.WriteFile("/etc/policy.yaml", []byte("new policy"), 0o600))
	steps, err := engine.Plan(t.Context(), &engine.Playbook{Name: "test", Steps: w.steps}, engine.See(w.node))
	if err != nil || engine.HasChanges(steps) {
		t.Errorf("%v, %v", steps, err)
	}
}

// TestProbes: a plan asks only what can only read, and takes any argv apart as it was put together.
func TestProbes(t *testing.T) {
	for _, argv := range [][]string{{"systemctl", "is-active", "a.service"}, {"a"}, {"a b", "", `c"d`, "é\n", `\`}, {"$x", "'"}} {
		if got, ok := engine.ProbeOf(engine.Probe(argv...)); !ok || !slices.Equal(got, argv) {
			t.Errorf("%q comes back as %q", argv, got)
		}
	}
	for _, at := range []string{"/etc", "! x", `$ '`, `$ 'a''`} {
		if got, ok := engine.ProbeOf(at); ok {
			t.Errorf("%q is a probe: %q", at, got)
		}
	}
	w := newWorld(engine.Step{Name: "x", Task: &enginetest.Do{Probe: []string{"systemctl", "stop", "kubelet"}, Command: engine.Command{Run: []string{"x"}}}})
	if _, _, err := w.open(t.Context()); err == nil || !strings.Contains(err.Error(), "systemctl") {
		t.Errorf("%v", err)
	}
	w = newWorld(engine.Step{Name: "x", Task: &enginetest.Do{Probe: isEnabled, Command: engine.Command{Run: []string{"x"}}}})
	w.node.Say(strings.Repeat("x", 1001), isEnabled...)
	if _, _, err := w.open(t.Context()); engine.CodeOf(err) != engine.Preflight {
		t.Errorf("%v", err)
	}
	w = newWorld(engine.Step{Name: "x", Task: &enginetest.Do{Probe: []string{"systemctl", "is-active", "gone"}, Want: "active", Command: engine.Command{Run: []string{"x"}}}})
	steps, err := engine.Plan(t.Context(), &engine.Playbook{Name: "test", Steps: w.steps}, engine.See(w.node))
	if err != nil || steps[0].Changes[0].Before.Says != "status 127" {
		t.Errorf("%v, %v", steps, err)
	}
}
