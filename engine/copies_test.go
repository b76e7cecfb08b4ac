package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// TestCopyOnTheNode has the journal lose what was there before a run, in every way, at every place where a rollback can
// begin: the node's own copy is taken, when it is the same by its hash, and that is on record. Else all stays as it is.
func TestCopyOnTheNode(t *testing.T) {
	policy, old := engine.Bytes([]byte("old policy")), engine.Bytes([]byte("old"))
	forget := func(w *world) { w.journal.Forget(policy); w.journal.Forget(old) }
	failed := func(w *world, do func(*world)) { // a check fails, after something else has happened
		w.oracle.Check = func(_ context.Context, name string, watch engine.Watch) error {
			if name != "events" || watch.Undoing {
				return nil
			}
			do(w)
			return &engine.Failed{Why: "no"}
		}
	}
	check := func(do func(*world)) func(*world) error {
		return func(w *world) error {
			failed(w, do)
			_, err := w.apply(t.Context())
			return err
		}
	}
	landed := func(do func(*world)) func(*world) error {
		return func(w *world) error {
			must2(w.apply(t.Context()))
			do(w)
			_, err := w.rollback(t.Context())
			return err
		}
	}
	cut := func(do func(*world)) func(*world) error { // the rollback is cut, and taken up again
		return func(w *world) error {
			failed(w, func(*world) {})
			putFails(4, errLost)(w)
			_, err := w.apply(t.Context())
			if engine.CodeOf(err) != engine.Incomplete {
				t.Fatalf("it was not cut: %v", err)
			}
			do(w)
			_, err = w.apply(t.Context())
			return err
		}
	}
	spoiled := func(w *world) { forget(w); w.node.Spoil("run-1", "/etc/policy.yaml", "no policy!") } // as long as it was
	refused := func(err error) func(*world) {
		return func(w *world) { forget(w); w.node.OnCopy = func() error { return err } }
	}
	both := []string{manifest, "/etc/policy.yaml"}
	for name, test := range map[string]struct {
		how   func(*world) error
		code  engine.Code
		from  []string // what is said to be taken from the node, in that order
		stays bool     // the policy is as the run left it
		says  string
	}{
		"nothing is lost":              {check(func(*world) {}), engine.RolledBack, nil, false, ""},
		"lost, a check fails":          {check(forget), engine.RolledBack, both, false, ""},
		"lost, landed":                 {landed(forget), engine.Done, both, false, ""},
		"lost, cut":                    {cut(forget), engine.RolledBack, both[1:], false, ""},
		"one is lost":                  {landed(func(w *world) { w.journal.Forget(old) }), engine.Done, both[:1], false, ""},
		"altered":                      {landed(func(w *world) { w.journal.Spoil(policy, "old polic!") }), engine.Done, both[1:], false, ""},
		"cut off":                      {check(func(w *world) { w.journal.Spoil(policy, "old") }), engine.RolledBack, both[1:], false, ""},
		"the copy is another, landed":  {landed(spoiled), engine.Incomplete, both[:1], true, "hcrun journal verify run-1"},
		"the copy is another, check":   {check(spoiled), engine.Incomplete, both[:1], true, "hcrun journal verify run-1"},
		"the copy is another, cut":     {cut(spoiled), engine.Incomplete, nil, true, "hcrun journal verify run-1"},
		"no copy can be read":          {check(refused(engine.Problemf(engine.Preflight, "denied"))), engine.Incomplete, nil, true, "hcrun journal verify run-1"},
		"the node does not answer":     {check(refused(errLost)), engine.Incomplete, nil, true, "hcrun resume run-1"},
		"the copy is an error, landed": {landed(refused(errors.New("odd"))), engine.Incomplete, nil, true, "hcrun journal verify run-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			was := w.node.Digest()
			w.node.Journal = nil // which would see that the contents are not kept
			w.oracle.Planned = func(_ string, undoing bool, planned []engine.Change) {
				for _, c := range planned {
					for _, i := range []engine.Image{c.Before, c.After} {
						if _, err := i.Content.Read(t.Context(), 100); undoing && err != nil && len(test.from) == 2 {
							t.Errorf("a check cannot read %s: %v", c.At, err)
						}
					}
				}
			}
			err := test.how(w)
			if text := told(err); engine.CodeOf(err) != test.code || !strings.Contains(text, test.says) {
				t.Errorf("%s\nwant code %d, and %q", text, test.code, test.says)
			}
			var from []string
			for _, e := range w.journal.Durable() {
				if e.Kind == engine.EvSaid && e.Op.Path != "" {
					from = append(from, e.Op.Path)
					if !strings.Contains(e.Op.Text, "the copy on master1") || !e.Op.Down {
						t.Errorf("on record is %+v", e.Op)
					}
				}
			}
			if !slices.Equal(from, test.from) {
				t.Errorf("taken from the node: %q, want %q", from, test.from)
			}
			if got := string(must2(w.node.ReadFile("/etc/policy.yaml"))); test.stays && got != "new policy" {
				t.Errorf("the policy is %q", got)
			}
			if got := w.node.Digest(); !test.stays && got != was {
				t.Errorf("the node is\n%swant\n%s", got, was)
			}
		})
	}
}

// TestCopyAfterASilence: a node that did not answer when its copy was asked for is asked again by whoever goes on.
func TestCopyAfterASilence(t *testing.T) {
	w := newWorld(short()...)
	was := w.node.Digest()
	w.node.Journal = nil
	must2(w.apply(t.Context()))
	w.journal.Forget(engine.Bytes([]byte("old")))
	w.node.OnCopy = func() error { return errLost }
	if _, err := w.rollback(t.Context()); engine.CodeOf(err) != engine.Incomplete {
		t.Fatal(err)
	}
	w.node.OnCopy = nil
	if r, err := w.apply(t.Context()); err != nil || r.State != engine.RolledBk || w.node.Digest() != was {
		t.Errorf("%q: %v", r.State, err)
	}
}
