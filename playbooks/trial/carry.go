package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/fake"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// carrying is a test being carried out, and how it went.
type carrying struct {
	*Test
	kinds  []engine.Kind
	hide   func(...engine.Secret)
	script *script

	planned  bool
	steps    []engine.PlannedStep
	held     *engine.NotYetError
	err      error    // what refused it, or what apply ended with
	undone   []string // steps, in the order of the undoing
	eventful string   // why it landed eventfully
	broken   []string // rules that hold for every test, and did not
	bad      hcl.Diagnostics
}

// someDay is when a test is that says nothing of time.
var someDay = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

// pace divides the waits of checks that are asked for real.
const pace = 100

// carry does what apply does, up to where the playbook, the planner, a guard or a check refuses.
func (c *carrying) carry(ctx context.Context) {
	pb, err := c.playbook()
	if err != nil {
		c.err = err
		return
	}
	n, err := c.given.Node.build()
	if err != nil {
		c.err = err
		return
	}
	c.script = newScript(c.given, c.kinds)
	n.Writable = false
	c.steps, c.err = engine.Plan(ctx, pb, engine.See(n))
	if c.err == nil {
		c.planned = true
		c.unknown(pb)
	}
	if c.err == nil && c.bad == nil && !c.guarded(pb) {
		c.apply(ctx, pb, n)
	}
	for _, v := range n.Violations() {
		c.broken = append(c.broken, "a rule of the engine was broken: "+v)
	}
}

// playbookPath is the playbook's file as messages name it.
func (t *Test) playbookPath() string {
	return filepath.Join(filepath.Dir(t.file.Path), filepath.FromSlash(t.given.Playbook))
}

// playbook loads and evaluates the playbook for the node.
func (c *carrying) playbook() (*engine.Playbook, error) {
	g := c.given
	var values []playbooks.Value
	for _, name := range slices.Sorted(maps.Keys(g.values)) {
		values = append(values, g.values[name])
	}
	file, err := playbooks.Load(c.playbookPath(), playbooks.Options{Kinds: c.kinds, Values: values, Env: func(name string) (string, bool) {
		v, ok := g.Env[name]
		return v, ok
	}, Hide: c.hide, Secret: func(name string) string {
		if text, ok := g.Secrets[name]; ok {
			return text
		}
		return "secret " + name
	}})
	if wrong, ok := errors.AsType[*lang.Error](err); ok && wrong.Sources != nil {
		wrong.Sources[c.file.Path] = c.file.src // where the test gives a variable what it does not take
		for _, d := range wrong.Diags {
			if d.Extra == playbooks.ErrUndeclared && d.Subject.Filename == c.file.Path {
				c.bad = append(c.bad, d)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	pb, err := file.For(g.Node.known())
	if err == nil && len(pb.Schedule.Order) == 0 {
		pb.Schedule.Order = append([]string{g.Node.Name}, g.Peers...)
	}
	return pb, err
}

// unknown reports answers for checks and gates that the playbook does not have.
func (c *carrying) unknown(pb *engine.Playbook) {
	var checks, gates []string
	for _, s := range pb.Steps {
		if _, ok := s.Task.(engine.Checker); ok {
			checks = append(checks, s.Task.Kind()+"."+s.Name)
		}
	}
	for _, g := range pb.Gates {
		gates = append(gates, g.Task.Kind()+"."+g.Name)
	}
	miss := func(typ, name string, there []string) {
		if !slices.Contains(there, name) {
			c.bad = append(c.bad, lang.Diag(c.at(typ, name), fmt.Sprintf("%s has no %s %s", c.given.Playbook, typ, name), lang.DidYouMean(name, there)))
		}
	}
	for _, a := range c.given.Checks {
		miss("check", a.Step, checks)
	}
	for _, a := range c.given.Gates {
		miss("gate", a.Gate, gates)
	}
}

// guarded asks the guards as apply does, and reports whether one holds the node.
func (c *carrying) guarded(pb *engine.Playbook) bool {
	now := c.given.Now.t()
	if now.IsZero() || !engine.HasChanges(c.steps) {
		return false
	}
	past, err := record(c.given.Past, pb)
	if err != nil {
		c.err = err
		return true
	}
	held, ok := errors.AsType[*engine.NotYetError](engine.Guards(pb, c.given.Node.Name, now, past))
	c.held = held
	return ok
}

// clock begins at the test's now and goes on by a second whenever it is asked.
func (c *carrying) clock() engine.Clock {
	now := c.given.Now.t()
	if now.IsZero() {
		now = someDay
	}
	return engine.Clock{Pace: pace, Time: func() time.Time {
		now = now.Add(time.Second)
		return now
	}}
}

// peers are the other nodes that gates look at.
func (c *carrying) peers(pb *engine.Playbook) func(context.Context) ([]engine.Node, map[string]error) {
	names := c.given.Peers
	if names == nil {
		names = pb.Schedule.Order
	}
	return func(context.Context) ([]engine.Node, map[string]error) {
		var all []engine.Node
		for _, name := range names {
			if name != c.given.Node.Name {
				all = append(all, fake.NewNode(name))
			}
		}
		return all, nil
	}
}

// apply carries the plan out and holds what has to be true whatever the test expects.
func (c *carrying) apply(ctx context.Context, pb *engine.Playbook, n *fake.Node) {
	gates, err := engine.PlanGates(pb)
	if err == nil {
		err = errors.Join(c.script.cast(c.steps), c.script.castGates(gates))
	}
	if err != nil {
		c.err = err
		return
	}
	j := &fake.Journal{}
	n.Journal, n.Writable = j, true
	before := n.Digest()
	e := &engine.Engine{Journal: j, Kinds: c.script.roles(), Clock: c.clock(), Peers: c.peers(pb)}
	r, err := e.Open(ctx, "test", engine.Opened{Playbook: pb.Name, Node: n.Name(), Address: n.Name(), Group: pb.Hosts, User: "test", Inputs: pb.Inputs, Gates: gates}, c.steps)
	if err != nil {
		c.err = err
		return
	}
	c.err = e.Apply(ctx, n, r)
	c.undone = undone(j.Durable())
	switch {
	case c.err == nil:
		if !r.Clean && r.LastEnd != nil {
			c.eventful = r.LastEnd.Why
		}
		c.again(ctx, pb, n)
		c.back(ctx, e, n, r, before)
	case !r.Open() && n.Digest() != before:
		c.broken = append(c.broken, "the node is not as it was before\n"+between(before, n.Digest()))
	}
}

// again plans once more: there must be nothing left to do.
func (c *carrying) again(ctx context.Context, pb *engine.Playbook, n *fake.Node) {
	n.Writable = false
	defer func() { n.Writable = true }()
	steps, err := engine.Plan(ctx, pb, engine.See(n))
	if err != nil {
		c.broken = append(c.broken, "a second apply is refused: "+words(err))
	} else if engine.HasChanges(steps) {
		c.broken = append(c.broken, "a second apply would change something again\n"+diffOf(ctx, steps))
	}
}

// back rolls the landed run back; checks prove what they are asked then.
func (c *carrying) back(ctx context.Context, e *engine.Engine, n *fake.Node, r *engine.Run, before string) {
	c.script.yes = true
	if err := e.Rollback(ctx, n, r, "test", "to see whether it can"); err != nil {
		c.broken = append(c.broken, "it cannot be rolled back: "+words(err))
	} else if n.Digest() != before {
		c.broken = append(c.broken, "a rollback does not give the node back as it was\n"+between(before, n.Digest()))
	}
}
