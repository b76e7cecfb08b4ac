package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// putFails makes the n-th Put (from 1) answer with err, before its effect.
func putFails(n int, err error) func(*world) {
	return func(w *world) {
		count := 0
		w.node.OnPut = func(engine.Change) error {
			if count++; count == n {
				return err
			}
			return nil
		}
	}
}

// lookFails makes the n-th Look after planning answer with err.
func lookFails(n int, err error) func(*world) {
	return func(w *world) {
		count := 0
		w.node.OnLook = func([]string) error {
			if !w.node.Writable {
				return nil
			}
			if count++; count == n {
				return err
			}
			return nil
		}
	}
}

// edited has somebody else change a path while a check of that name is asked.
func edited(name, path string) func(*world) {
	return func(w *world) {
		w.oracle.Check = func(_ context.Context, check string, watch engine.Watch) error {
			if check == name && !watch.Undoing {
				must(w.node.WriteFile(path, []byte("mine"), 0o644))
				return nil
			}
			return nil
		}
	}
}

func marking(name string, err error) func(*world) {
	return func(w *world) {
		w.oracle.Mark = func(_ context.Context, check string, watch engine.Watch) error {
			if check == name && !watch.Undoing {
				return err
			}
			return nil
		}
	}
}

func checking(name string, err error) func(*world) {
	return func(w *world) {
		w.oracle.Check = func(_ context.Context, check string, watch engine.Watch) error {
			if check == name && !watch.Undoing {
				return err
			}
			return nil
		}
	}
}

func gate(on engine.GateOn) engine.PlannedGate {
	return engine.PlannedGate{Kind: "check", Name: "well", On: on, Check: []byte(`{"name":"well"}`)}
}

func peer(err error) func(*world) {
	return func(w *world) {
		w.gates = []engine.PlannedGate{gate(engine.Peers)}
		w.peers = func(context.Context) ([]engine.Node, map[string]error) {
			if err != nil {
				return nil, map[string]error{"master2": err}
			}
			return []engine.Node{enginetest.NewNode("master2")}, nil
		}
	}
}

// TestApplyEnds holds how a run ends, or where it stops, for everything that can be in its way.
func TestApplyEnds(t *testing.T) {
	conflict := &engine.ConflictError{At: "/etc/policy.yaml"}
	full := engine.Problemf(engine.Preflight, "disk full")
	swap := func(w *world) { must(w.node.WriteFile("/etc/policy.yaml", []byte("other"), 0o640)) }
	done := func(w *world) { must(w.node.WriteFile("/etc/policy.yaml", []byte("new policy"), 0o600)) }
	appear := func(w *world) { must(w.node.WriteFile("/root/manifest.pre-audit", []byte("mine"), 0o600)) } // of which no copy is made
	tests := map[string]struct {
		first, opened func(*world) // what is different before the plan, and between open and apply
		steps         []engine.Step
		code          engine.Code
		state         engine.State
		puts          int
		says          string // in what, now and next together
	}{
		"lands":                       {code: engine.Done, state: engine.Landed, puts: 5},
		"edited since the plan":       {opened: swap, code: engine.Stale, state: engine.Untouched, says: "no longer what the plan saw"},
		"appeared since the plan":     {opened: appear, code: engine.Stale, state: engine.Untouched, says: "no longer what the plan saw"},
		"done by hand since the plan": {opened: done, code: engine.Stale, state: engine.Untouched},
		"mark: unavailable":           {first: marking("events", &engine.Unavailable{Why: "loki is down"}), code: engine.CannotVerify, state: engine.Untouched, says: "loki is down"},
		"mark: preflight":             {first: marking("events", engine.Problemf(engine.Preflight, "no crictl")), code: engine.Preflight, state: engine.Untouched, says: "no crictl"},
		"mark: security":              {first: marking("events", engine.Problemf(engine.Security, "0644")), code: engine.Security, state: engine.Untouched},
		"mark: plain":                 {first: marking("events", errors.New("odd")), code: engine.Preflight, state: engine.Untouched},
		"mark: lost":                  {first: marking("events", errLost), code: engine.Unreachable, state: engine.Untouched},
		"mark: not needed":            {first: marking("events", engine.ErrNotNeeded), code: engine.Done, state: engine.Landed, puts: 5},
		"look before: lost":           {first: lookFails(1, errLost), code: engine.Unreachable, state: engine.Untouched},
		"check before any write":      {first: checking("reachable", &engine.Failed{Why: "no"}), code: engine.Preflight, state: engine.Untouched, says: "nothing was written"},
		"check before, unavailable":   {first: checking("reachable", &engine.Unavailable{Why: "no"}), code: engine.CannotVerify, state: engine.Untouched},
		"check before, lost":          {first: checking("reachable", errLost), code: engine.Unreachable, state: engine.Untouched},
		"check failed":                {first: checking("events", &engine.Failed{Why: "no events", Hint: "look"}), code: engine.RolledBack, state: engine.RolledBk, puts: 10, says: "no events (look)\nevidence kept: log-of-reachable"},
		"check unavailable":           {first: checking("events", &engine.Unavailable{Why: "gone"}), code: engine.RolledBack, state: engine.RolledBk, puts: 10, says: "hcrun ack run-1 --reason"},
		"check plain error":           {first: checking("events", errors.New("odd")), code: engine.RolledBack, state: engine.RolledBk, puts: 10},
		"check lost":                  {first: checking("events", fmt.Errorf("ask: %w", errLost)), code: engine.Unknown, state: engine.Applying, puts: 5, says: "hcrun resume run-1"},
		"put: conflict":               {first: putFails(2, conflict), code: engine.Conflict, state: engine.Applying, puts: 1, says: "not overwritten"},
		"put: lost":                   {first: putFails(2, errLost), code: engine.Unknown, state: engine.Applying, puts: 1, says: "in doubt"},
		"put: odd error":              {first: putFails(2, errors.New("odd")), code: engine.Unknown, state: engine.Applying, puts: 1},
		"put: busy":                   {first: putFails(2, engine.Problemf(engine.Busy, "locked")), code: engine.Busy, state: engine.Applying, puts: 1},
		"put: not empty":              {first: putFails(2, engine.ErrNotEmpty), code: engine.Conflict, state: engine.Applying, puts: 1},
		"put: refused, first":         {first: putFails(1, full), code: engine.Preflight, state: engine.Untouched, says: "nothing was written"},
		"put: refused, third":         {first: putFails(3, full), code: engine.RolledBack, state: engine.RolledBk, puts: 4, says: "disk full"},
		"put: refused by security":    {first: putFails(3, engine.Problemf(engine.Security, "link")), code: engine.RolledBack, state: engine.RolledBk, puts: 4},
		"look before a write: lost":   {first: lookFails(4, errLost), code: engine.Unknown, state: engine.Applying, puts: 1},
		"look after a write: lost":    {first: lookFails(3, errLost), code: engine.Unknown, state: engine.Applying, puts: 1},
		"edited before its write":     {first: edited("reachable", manifest), code: engine.Conflict, state: engine.Applying, puts: 4, says: "/etc/manifest.yaml is file 0644 0:0, 4 bytes sha256:"},
		"edited right after its write": {first: func(w *world) {
			w.node.React = func(c engine.Change) { must(w.node.WriteFile(c.At, []byte("mine"), 0o644)) }
		}, code: engine.Conflict, state: engine.Applying, puts: 1, says: "in doubt"},
		"edited before the rollback": {first: func(w *world) { edited("pod", manifest)(w); failAfter(w, "events") }, code: engine.Incomplete, state: engine.Unfinished, puts: 5, says: "/etc/manifest.yaml is file 0644 0:0, 4 bytes sha256:"},
		"edited after its undo": {first: func(w *world) {
			w.oracle.Check = func(_ context.Context, name string, watch engine.Watch) error {
				switch {
				case watch.Undoing:
					must(w.node.WriteFile(manifest, []byte("mine"), 0o600))
				case name == "events":
					return &engine.Failed{Why: "no"}
				}
				return nil
			}
		}, code: engine.Incomplete, state: engine.Unfinished, puts: 10, says: "/etc/manifest.yaml is file 0600 0:0, 4 bytes sha256:"},
		"rollback: put refused":       {first: func(w *world) { checking("events", &engine.Failed{Why: "no"})(w); putFails(6, full)(w) }, code: engine.Incomplete, state: engine.Unfinished, puts: 5, says: "disk full"},
		"rollback: put lost":          {first: func(w *world) { checking("events", &engine.Failed{Why: "no"})(w); putFails(6, errLost)(w) }, code: engine.Incomplete, state: engine.Unfinished, puts: 5, says: "hcrun resume run-1"},
		"rollback: pod does not come": {first: func(w *world) { w.oracle.Check = stuck("events", "pod") }, code: engine.Incomplete, state: engine.Unfinished, puts: 6, says: "could not prove that the node works again"},
		"rollback: no mark for pod":   {first: func(w *world) { w.oracle.Check = failing("events"); w.oracle.Mark = stuckMark("pod") }, code: engine.Incomplete, state: engine.Unfinished, puts: 6, says: "crictl is gone"},
		"blob lost":                   {opened: func(w *world) { w.node.Journal = nil; w.journal.Forget(engine.Bytes([]byte("new"))) }, code: engine.Corrupt, state: engine.Applying, puts: 4, says: "hcrun journal verify"},
		"blob lost, down":             {opened: func(w *world) { w.node.Journal = nil; w.journal.Forget(engine.Bytes([]byte("old policy"))) }, first: checking("events", &engine.Failed{Why: "no"}), code: engine.RolledBack, state: engine.RolledBk, puts: 10},
		"peer well":                   {first: peer(nil), code: engine.Done, state: engine.Landed, puts: 5},
		"peer cannot be reached":      {first: peer(errors.New("no route")), code: engine.Held, state: engine.Untouched, says: "no route"},
		"peer not well":               {first: func(w *world) { peer(nil)(w); checking("well", &engine.Failed{Why: "503"})(w) }, code: engine.Held, state: engine.Untouched, says: "gate check.well on master2: 503"},
		"peer not well after":         {first: func(w *world) { peer(nil)(w); wellUntil(w, "new") }, code: engine.RolledBack, state: engine.RolledBk, puts: 10, says: "503"},
		"self gate, lost":             {first: func(w *world) { w.gates = []engine.PlannedGate{gate(engine.Self)}; checking("well", errLost)(w) }, code: engine.Unreachable, state: engine.Untouched},
		"all in place":                {steps: []engine.Step{write("same", "/root/x", "x"), check("events")}, first: func(w *world) { must(w.node.WriteFile("/root/x", []byte("x"), 0o600)) }, code: engine.Done, state: engine.Landed},
		"all in place, but not proven": {steps: []engine.Step{write("same", "/root/x", "x"), check("events")}, first: func(w *world) {
			must(w.node.WriteFile("/root/x", []byte("x"), 0o600))
			w.oracle.Check = failing("events")
		}, code: engine.Preflight, state: engine.Untouched, says: "in place there, but it is not proven"},
		"nothing to do at all": {steps: []engine.Step{}, code: engine.Done, state: engine.Landed},
		"target is a link":     {steps: []engine.Step{write("l", "/root/l", "x")}, opened: func(w *world) { must(w.node.Symlink("/etc", "/root/l")) }, code: engine.Stale, state: engine.Untouched},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(runbook()...)
			if test.steps != nil {
				w.steps = test.steps
			}
			apply(test.first, w)
			e, r, err := w.open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			apply(test.opened, w)
			err = e.Apply(t.Context(), w.node, r)
			if got := engine.CodeOf(err); got != test.code {
				t.Errorf("code %d, want %d: %v", got, test.code, err)
			}
			folded := must2(engine.Fold(w.journal.Durable()))
			if r.State != test.state || folded.State != test.state {
				t.Errorf("the run is %q, on record %q, want %q", r.State, folded.State, test.state)
			}
			if got := w.node.Puts(); got != test.puts {
				t.Errorf("%d puts, want %d", got, test.puts)
			}
			if text := told(err); !strings.Contains(text, test.says) {
				t.Errorf("it says\n%s\nwithout %q", text, test.says)
			}
			w.sound(t)
		})
	}
}

func apply(f func(*world), w *world) {
	if f != nil {
		f(w)
	}
}

// told is all that a person gets to read.
func told(err error) string {
	var p *engine.Problem
	if !errors.As(err, &p) {
		return fmt.Sprint(err)
	}
	return p.What + "\n" + p.Now + "\n" + p.Next
}

// failAfter has a check fail that comes after what the oracle does already.
func failAfter(w *world, name string) {
	earlier := w.oracle.Check
	w.oracle.Check = func(ctx context.Context, check string, watch engine.Watch) error {
		if check == name && !watch.Undoing {
			return &engine.Failed{Why: "no"}
		}
		return earlier(ctx, check, watch)
	}
}

// stuck has one check fail on the way up, and one on the way down.
func stuck(up, down string) func(context.Context, string, engine.Watch) error {
	return func(_ context.Context, check string, w engine.Watch) error {
		if w.Undoing && check == down || !w.Undoing && check == up {
			return &engine.Failed{Why: check + " does not come"}
		}
		return nil
	}
}

// stuckMark has a check without an answer on the way down.
func stuckMark(down string) func(context.Context, string, engine.Watch) error {
	return func(_ context.Context, check string, w engine.Watch) error {
		if w.Undoing && check == down {
			return &engine.Unavailable{Why: "crictl is gone"}
		}
		return nil
	}
}

// wellUntil has the gate fail once the manifest is this.
func wellUntil(w *world, content string) {
	w.oracle.Check = func(_ context.Context, check string, _ engine.Watch) error {
		if b, _ := w.node.ReadFile(manifest); check == "well" && string(b) == content {
			return &engine.Failed{Why: "503"}
		}
		return nil
	}
}
