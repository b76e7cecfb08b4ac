package engine_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
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

// TestInterrupt stops softly in the middle of everything; resume then lands.
func TestInterrupt(t *testing.T) {
	tests := map[string]struct {
		stop func(w *world, cancel func())
		puts int // when it stopped
	}{
		"in a write": {func(w *world, cancel func()) { w.node.React = func(engine.Change) { cancel() } }, 1},
		"in a check": {func(w *world, cancel func()) {
			w.oracle.Check = func(ctx context.Context, name string, _ engine.Watch) error {
				if name == "pod" {
					cancel()
				}
				return ctx.Err()
			}
		}, 5},
		"in a request of a check": { // which looks as if the connection was lost
			func(w *world, cancel func()) {
				w.oracle.Check = func(ctx context.Context, name string, _ engine.Watch) error {
					if name != "pod" {
						return nil
					}
					cancel()
					<-ctx.Done()
					return &url.Error{Op: "Get", URL: "https://127.0.0.1:6443/readyz", Err: &net.OpError{Op: "dial", Err: context.Cause(ctx)}}
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

// TestInterruptBeforeTheFirstWrite: the run ends, because whether it may begin has to be asked anew.
func TestInterruptBeforeTheFirstWrite(t *testing.T) {
	w := newWorld(runbook()...)
	e, r, err := w.open(t.Context())
	must(err)
	ctx, cancel := context.WithCancelCause(t.Context())
	w.oracle.Mark = func(ctx context.Context, _ string, _ engine.Watch) error {
		cancel(errors.New("Ctrl-C"))
		return ctx.Err()
	}
	err = e.Apply(ctx, w.node, r)
	if engine.CodeOf(err) != engine.Interrupted || !strings.Contains(told(err), "hcrun apply") || strings.Contains(told(err), "resume") {
		t.Errorf("got %v", told(err))
	}
	if w.node.Puts() != 0 || r.State != engine.Untouched {
		t.Errorf("%d puts, state %q", w.node.Puts(), r.State)
	}
}

// TestUnplanned ends a run whose process died before its plan was on record.
func TestUnplanned(t *testing.T) {
	for name, end := range map[string]func(w *world, e *engine.Engine, r *engine.Run) error{
		"apply": func(w *world, e *engine.Engine, r *engine.Run) error { return e.Apply(t.Context(), w.node, r) },
		"rollback": func(w *world, e *engine.Engine, r *engine.Run) error {
			return e.Rollback(t.Context(), w.node, r, "me", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			interrupted(w, engine.EvOpened, 1)
			r := must2(engine.Fold(w.journal.Durable()))
			err := end(w, w.engine(), r)
			if code := engine.CodeOf(err); code != engine.Stale && code != engine.Done || r.State != engine.Untouched {
				t.Errorf("%q: %v", r.State, err)
			}
		})
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
