package engine_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// journey is something that a process can be killed in the middle of, and then be told again.
type journey struct {
	name string
	make func() *world
	// travel is what every process does: the first, and those that take up what it left.
	travel func(w *world) error
	want   engine.State
	single bool // its ways are those of others; one crash at every point is enough
}

func journeys(steps func() []engine.Step) []journey {
	ctx := context.Background()
	apply := func(w *world) error { _, err := w.apply(ctx); return err }
	self := []engine.PlannedGate{{Kind: "check", Name: "well", On: engine.All, Check: []byte(`{"name":"well"}`)}}
	return []journey{
		{"apply", func() *world { w := newWorld(steps()...); w.gates = self; return w }, apply, engine.Landed, false},
		{"automatic rollback", func() *world {
			w := newWorld(steps()...)
			w.oracle.Check = failing("events")
			return w
		}, apply, engine.RolledBk, false},
		{"eventful", func() *world {
			s := steps()
			s[len(s)-1].OnFailure = engine.Eventful
			w := newWorld(s...)
			w.oracle.Check = failing("events")
			return w
		}, apply, engine.Landed, true},
		{"gate turns it", func() *world {
			w := newWorld(steps()...)
			w.gates = self
			w.oracle.Check = func(_ context.Context, name string, _ engine.Watch) error {
				if b, _ := w.node.ReadFile(manifest); name == "well" && string(b) == "new" {
					return &engine.Failed{Why: "not well"}
				}
				return nil
			}
			return w
		}, apply, engine.RolledBk, true},
		{"node refuses", func() *world {
			w := newWorld(steps()...)
			w.node.OnPut = func(c engine.Change) error {
				if c.At == manifest && string(must2(w.node.ReadFile(manifest))) == "old" {
					return engine.Problemf(engine.Preflight, "disk full")
				}
				return nil
			}
			return w
		}, apply, engine.RolledBk, true},
		{"takeover", func() *world {
			w := newWorld(steps()...)
			w.light(&enginetest.Fuse{At: 60})
			enginetest.Survive(func() { _, _ = w.apply(ctx) })
			w.light(nil)
			held := must2(w.node.Ledger(ctx)).Claim
			must2(w.node.Claim(ctx, engine.Claim{Run: "another", Holder: engine.Holder{By: "somebody@there", Store: "there"}}, *held))
			return w
		}, func(w *world) error {
			r := must2(engine.Fold(w.journal.Durable()))
			if !r.Open() {
				return nil
			}
			if _, err := w.engine().TakeOver(ctx, w.node, r, "me@here", "they are gone"); err != nil {
				return err
			}
			return w.engine().Resume(ctx, w.node, r, "me@here")
		}, engine.Landed, true},
		{"acknowledged", func() *world {
			w := newWorld(steps()...)
			w.oracle.Check = failing("events")
			_, _ = w.apply(ctx)
			return w
		}, func(w *world) error {
			r := must2(engine.Fold(w.journal.Durable()))
			if r.Acked == nil {
				if err := w.engine().Ack(r, engine.Ack{Reason: "seen", User: "me@here"}); err != nil {
					return err
				}
			}
			return w.engine().Acknowledge(ctx, w.node, r.ID, r, engine.Ack{})
		}, engine.RolledBk, false},
		{"rollback of a landed run", func() *world {
			w := newWorld(steps()...)
			if _, err := w.apply(ctx); err != nil {
				panic(err)
			}
			return w
		}, func(w *world) error { _, err := w.rollback(ctx); return err }, engine.RolledBk, false},
	}
}

func must2[T any](v T, err error) T { must(err); return v }

// once travels once under a fuse; it reports whether the fuse blew.
func (j journey) once(w *world, f *enginetest.Fuse) bool {
	w.light(f)
	return enginetest.Survive(func() { _ = j.travel(w) })
}

// TestEveryCrash kills the process at every point, and the one that takes up its run at every point
// too. Whatever happened, the last one leaves the node and the history as if nobody had been killed.
func TestEveryCrash(t *testing.T) {
	sites := &hits{all: map[string]bool{}}
	t.Run("single", func(t *testing.T) {
		for _, j := range journeys(runbook) {
			t.Run(j.name, func(t *testing.T) {
				t.Parallel()
				tree, history, points := j.undisturbed(t, sites)
				for i := 1; i <= points; i++ {
					w := j.make()
					first, last := &enginetest.Fuse{At: i, Trace: true}, &enginetest.Fuse{Trace: true}
					if !j.once(w, first) {
						t.Fatalf("point %d of %d was not reached", i, points)
					}
					j.once(w, last)
					sites.add(first, last)
					j.same(t, w, tree, history, fmt.Sprint(i))
				}
			})
		}
	})
	t.Run("commands", func(t *testing.T) {
		for _, j := range journeys(commanded) {
			t.Run(j.name, func(t *testing.T) {
				t.Parallel()
				tree, history, points := j.undisturbed(t, sites)
				for i := 1; i <= points; i++ {
					w := j.make()
					j.once(w, &enginetest.Fuse{At: i})
					j.once(w, &enginetest.Fuse{})
					j.same(t, w, tree, history, fmt.Sprint(i))
				}
			})
		}
	})
	t.Run("double", func(t *testing.T) {
		if testing.Short() {
			t.Skip("every pair of points takes seconds")
		}
		for _, j := range journeys(short) {
			if j.single {
				continue
			}
			t.Run(j.name, func(t *testing.T) {
				t.Parallel()
				tree, history, points := j.undisturbed(t, sites)
				for i := 1; i <= points; i++ {
					for k := 1 + i%stride; ; k += stride {
						w := j.make()
						first, second, last := &enginetest.Fuse{At: i}, &enginetest.Fuse{At: k}, &enginetest.Fuse{}
						j.once(w, first)
						again := j.once(w, second)
						if again {
							j.once(w, last)
						}
						j.same(t, w, tree, history, fmt.Sprint(i, " and ", k))
						if !again {
							break
						}
					}
				}
			})
		}
	})
	for call := range callSites(t) {
		if !sites.all[call] {
			t.Errorf("%s is no crash point that was hit", call)
		}
	}
}

func (j journey) undisturbed(t *testing.T, sites *hits) (tree, history string, points int) {
	t.Helper()
	w := j.make()
	f := &enginetest.Fuse{Trace: true}
	j.once(w, f)
	sites.add(f)
	w.sound(t)
	if r := must2(engine.Fold(w.journal.Durable())); r.State != j.want {
		t.Fatalf("undisturbed it ends %q, want %q", r.State, j.want)
	}
	return w.remains(), w.history(t), f.Points()
}

func (j journey) same(t *testing.T, w *world, tree, history, at string) {
	t.Helper()
	w.sound(t)
	if got := w.remains(); got != tree {
		t.Fatalf("killed at %s, the node is\n%s\nwant\n%s", at, got, tree)
	}
	if got := w.history(t); got != history {
		t.Fatalf("killed at %s, the history is\n%s\nwant\n%s", at, got, history)
	}
}

// remains is what stays on the node: its tree, who holds it, and whose run was acknowledged.
func (w *world) remains() string {
	l := w.ledger()
	text := w.node.Digest()
	if l.Claim != nil {
		text += "held by " + l.Claim.Run + "\n"
	}
	for _, o := range l.Outcomes {
		if o.Ack != nil {
			text += o.Run + " was acknowledged: " + o.Ack.Reason + "\n"
		}
	}
	return text
}

// hits are the call sites that fuses have seen.
type hits struct {
	sync.Mutex
	all map[string]bool
}

func (h *hits) add(fuses ...*enginetest.Fuse) {
	h.Lock()
	defer h.Unlock()
	for _, f := range fuses {
		maps.Copy(h.all, f.Sites())
	}
}

// callSites lists every call in package engine of the journal and of what changes or looks at a node, from its
// syntax tree.
func callSites(t *testing.T) map[string]bool {
	t.Helper()
	sites := map[string]bool{}
	fset := token.NewFileSet()
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range names {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
					switch sel.Sel.Name {
					case "Append", "Keep", "Put", "Look", "Claim", "Release", "Arm":
						sites[fmt.Sprintf("%s:%d", entry.Name(), fset.Position(sel.Sel.Pos()).Line)] = true
					}
				}
			}
			return true
		})
	}
	if len(sites) < 4 {
		t.Fatalf("only %d call sites found: the walk is broken", len(sites))
	}
	return sites
}
