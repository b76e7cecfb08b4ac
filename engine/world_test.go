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

// world is a node, its journal, and what checks answer: all that outlives a process.
type world struct {
	node    *enginetest.Node
	journal *enginetest.Journal
	oracle  *enginetest.Oracle
	steps   []engine.Step
	gates   []engine.PlannedGate
	ticks   int
	shown   []engine.Event
	peers   func(context.Context) ([]engine.Node, map[string]error)
	other   func(context.Context, string) (engine.Node, error)
	pace    float64
}

const manifest = "/etc/manifest.yaml"

// newWorld is a node on which the steps of the runbook have something to do.
func newWorld(steps ...engine.Step) *world {
	w := &world{node: enginetest.NewNode("master1"), journal: &enginetest.Journal{}, oracle: &enginetest.Oracle{}, steps: steps}
	w.node.Journal = w.journal
	w.node.Say("disabled", isEnabled...)
	must(w.node.WriteFile(manifest, []byte("old"), 0o600))
	must(w.node.WriteFile("/etc/policy.yaml", []byte("old policy"), 0o640))
	w.oracle.Evidence = func(name string) []engine.Evidence {
		return []engine.Evidence{{Name: "log-of-" + name, Data: []byte("seen by " + name)}}
	}
	// The one who writes the log starts with the new manifest.
	w.node.React = func(c engine.Change) {
		if c.At == manifest && c.After.Content.Same(engine.Bytes([]byte("new"))) {
			if _, err := w.node.ReadFile("/var/log/audit/audit.log"); err == nil {
				must(w.node.WriteFile("/var/log/audit/audit.log", []byte("an event\n"), 0o600))
			}
		}
	}
	return w
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func write(name, path, content string) engine.Step {
	return engine.Step{Name: name, Task: &enginetest.Write{Path: path, Content: content, Mode: 0o600}}
}

func check(name string) engine.Step {
	return engine.Step{Name: name, Task: &enginetest.Check{Name: name}}
}

// runbook is shaped as the flagship is: files first, then the manifest, the wait for it, and its proof.
func runbook() []engine.Step {
	wait := check("pod")
	wait.OnRollback = true
	return []engine.Step{
		check("reachable"),
		write("policy", "/etc/policy.yaml", "new policy"),
		{Name: "dir", Task: &enginetest.Folder{Path: "/var/log/audit", Mode: 0o700}},
		{Name: "log", Task: &enginetest.Write{Path: "/var/log/audit/audit.log", Mode: 0o600, Log: true}},
		write("backup", "/root/manifest.pre-audit", "old"),
		write("manifest", manifest, "new"),
		wait,
		check("events"),
	}
}

// short is the smallest run that has everything in it.
func short() []engine.Step {
	wait := check("pod")
	wait.OnRollback = true
	return []engine.Step{write("policy", "/etc/policy.yaml", "new policy"), write("manifest", manifest, "new"), wait, check("events")}
}

// isEnabled asks for the unit of commanded, and once is its command of which nothing tells whether it ran and that must
// not run twice.
var isEnabled = []string{"systemctl", "is-enabled", "etcd-defrag.timer"}

const once = "kubeadm upgrade apply"

// commanded has commands among its steps, of every sort.
func commanded() []engine.Step {
	do := func(name string, d enginetest.Do) engine.Step { return engine.Step{Name: name, Task: &d} }
	argv := strings.Fields
	wait := check("pod")
	wait.OnRollback = true
	return []engine.Step{
		do("reload on the way down", enginetest.Do{Command: engine.Command{Undo: argv("systemctl daemon-reload")}, After: []string{"/etc/policy.yaml"}}),
		write("policy", "/etc/policy.yaml", "new policy"),
		do("reload", enginetest.Do{Command: engine.Command{Run: argv("systemctl daemon-reload"), Again: true}, After: []string{"/etc/policy.yaml"}}),
		do("enable", enginetest.Do{Command: engine.Command{Run: argv("systemctl enable etcd-defrag.timer"), Undo: argv("systemctl disable etcd-defrag.timer")}, Probe: isEnabled, Want: "enabled"}),
		do("once", enginetest.Do{Command: engine.Command{Run: argv(once), Undo: argv("kubeadm upgrade undo")}}),
		do("nothing to follow", enginetest.Do{Command: engine.Command{Run: argv("never")}, After: []string{"/etc/other"}}),
		write("manifest", manifest, "new"),
		wait,
		check("events"),
	}
}

func (w *world) engine() *engine.Engine {
	veil := &engine.Veil{}
	veil.Hide(engine.NewSecret("a secret that nobody tells"))
	return &engine.Engine{
		Veil:    veil,
		Holder:  engine.Holder{By: "somebody@here", Folder: "/state", Store: "here"},
		Journal: w.journal, Kinds: w.oracle.Kinds(), Peers: w.peers, Other: w.other,
		Clock: engine.Clock{Pace: w.pace, Time: func() time.Time {
			w.ticks++
			return time.Date(2026, 3, 2, 20, 0, w.ticks, 0, time.UTC)
		}},
		Show: func(e engine.Event) { w.shown = append(w.shown, e) },
	}
}

// open plans and opens a run. Nothing may be written meanwhile.
func (w *world) open(ctx context.Context) (*engine.Engine, *engine.Run, error) {
	e := w.engine()
	w.node.Writable = false
	defer func() { w.node.Writable = true }()
	steps, err := engine.Plan(ctx, &engine.Playbook{Name: "test", Steps: w.steps}, engine.See(w.node))
	if err != nil {
		return nil, nil, err
	}
	r, err := e.Open(ctx, "run-1", engine.Opened{Playbook: "test", Node: "master1", Address: "10.0.0.1:22", Machine: w.node.Machine(), Gates: w.gates, Within: 10 * engine.Minute}, steps)
	return e, r, err
}

// apply is what a process does that is told to apply, or, where a run is on record, to resume.
func (w *world) apply(ctx context.Context) (*engine.Run, error) {
	past := w.journal.Durable()
	if len(past) == 0 {
		e, r, err := w.open(ctx)
		if err != nil {
			return r, err
		}
		return r, e.Apply(ctx, w.node, r)
	}
	r, err := engine.Fold(past)
	if err != nil {
		return nil, err
	}
	if r.Open() {
		err = w.engine().Resume(ctx, w.node, r, "somebody")
		if engine.CodeOf(err) == engine.Operator { // who looks at the node, and decides
			must(w.engine().Decide(r, "somebody", slices.Contains(w.node.Ran(), once)))
			err = w.engine().Resume(ctx, w.node, r, "somebody")
		}
	}
	if !slices.ContainsFunc(past, func(e engine.Event) bool { return e.Kind == engine.EvPlanned }) {
		// Killed before its plan was on record: the run is over, and whoever wants it applies anew.
		w.journal = &enginetest.Journal{Fuse: w.journal.Fuse}
		w.node.Journal = w.journal
		return w.apply(ctx)
	}
	return r, err
}

// rollback is what a process does that is told to roll back.
func (w *world) rollback(ctx context.Context) (*engine.Run, error) {
	r, err := engine.Fold(w.journal.Durable())
	if err != nil {
		return nil, err
	}
	return r, w.engine().Rollback(ctx, w.node, r, "operator", "asked for")
}

// light puts one fuse to everything that can crash.
func (w *world) light(f *enginetest.Fuse) {
	w.node.Fuse = f
	w.journal.Crash(f)
}

// history is what has to be the same however often the run was interrupted: every outcome once, in the
// same order, and the run that they fold to.
func (w *world) history(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	intent := 0 // where the last one begins
	for _, e := range w.journal.Durable() {
		if e.Kind == engine.EvIntent {
			intent = b.Len()
		}
		if e.Kind == engine.EvDecided && e.Op.How == engine.Marked {
			e.Kind = engine.EvSettled
		} else if e.Kind == engine.EvDecided {
			all := b.String()[:intent]
			b.Reset()
			b.WriteString(all)
		}
		switch e.Kind {
		case engine.EvIntent, engine.EvSettled, engine.EvChecked, engine.EvFailed, engine.EvEvidence:
			fmt.Fprintf(&b, "%s %d.%d down=%v %s %s skip=%v keep=%v\n", e.Kind, e.Op.Step, e.Op.Change, e.Op.Down, e.Op.Path, e.Op.Text, e.Op.Skip, e.Op.Keep)
		case engine.EvTurned, engine.EvLanded, engine.EvRolledBack:
			fmt.Fprintf(&b, "%s %s changed=%v clean=%v left=%v by=%s\n", e.Kind, e.End.Why, e.End.Changed, e.End.Clean, e.End.Left, e.End.By)
		}
	}
	r, err := engine.Fold(w.journal.Durable())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%s next=%v doubt=%v changed=%v clean=%v left=%v failed=%d kept=%d marks=%d/%d open=%v\n",
		r.State, r.Next, r.InDoubt, r.Changed, r.Clean, r.LeftPaths, len(r.Failed), len(r.Kept), len(r.Marks), len(r.DownMarks), r.Open())
	return b.String()
}

// sound fails the test when the engine broke a rule that the fakes watch.
func (w *world) sound(t testing.TB) {
	t.Helper()
	for _, v := range w.node.Violations() {
		t.Error(v)
	}
}

func failing(names ...string) func(context.Context, string, engine.Watch) error {
	return func(_ context.Context, name string, w engine.Watch) error {
		if slices.Contains(names, name) && !w.Undoing {
			return &engine.Failed{Why: name + " is not there", Hint: "look", Evidence: []engine.Evidence{{Name: "own-" + name, Data: []byte("x")}}}
		}
		return nil
	}
}

var errLost = &engine.LostError{Node: "master1", Op: "anything", Err: errors.New("reset")}
