package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// What a simulated history happens to, and the rules that it is held to at every moment.

// simulation is one history: a few nodes, two operators, and chance.
type simulation struct {
	*rand.Rand
	verbose bool // the trace has every event of every run
	now     time.Time
	nodes   []*simNode
	people  []*person
	oracle  *enginetest.Oracle
	runs    map[string]*simRun
	ids     []string // of the runs, in the order in which they began
	version int      // of the playbook
	soak    engine.Duration
	depth   int // how many processes are paused
	edits   int
	trace   []string
	wrong   []string
	met     map[string]int
}

// simRun is what the rules need to know of a run.
type simRun struct {
	id        string
	node      *simNode
	order     []string             // its paths
	paths     map[string][2]string // what is there before and after it
	prior     map[string]string    // who had written a path before it
	dirty     bool                 // it has written, and what came of it is not in the node's ledger
	fired     bool                 // its switch has
	abandoned bool
	unchecked bool // it was let go although a node did not say who holds it
	copied    bool // two operators have its journal
	ended     engine.State
}

// person is an operator with a state folder, which is locked while they are at work.
type person struct {
	name    string
	skew    time.Duration // of their machine's clock
	busy    bool
	records []*record
}

// record is a journal in a state folder.
type record struct {
	run string
	j   *enginetest.Journal
}

// simNode is a node with its troubles, and what is known of it from all that was seen to happen.
type simNode struct {
	*enginetest.Node
	s       *simulation
	silent  int // so many askings get no answer
	mute    int // the acknowledgement of that effect from now on is lost
	failing int // so many checks fail
	refuse  int // so many writes are refused

	writer   *process          // who is about to put
	now      map[string]string // what is at each path
	last     map[string]string // which run, or "somebody", wrote it
	want     map[string]string // what has to be there once nothing is open
	theirs   map[string]bool   // path and image of what somebody has made
	filled   bool              // somebody's lines are in the log
	outcomes int
	switches map[string]engine.SwitchState
}

const (
	simPolicy = "/etc/policy.yaml"
	simExtra  = "/etc/extra.yaml"
	simLog    = "/var/log/simulated.log"
	somebody  = "somebody"
)

func simPaths() []string { return []string{manifest, simPolicy, simExtra} }

func newSimulation(seed uint64, verbose bool) *simulation {
	s := &simulation{Rand: rand.New(rand.NewPCG(seed, 0)), verbose: verbose, version: 1, met: map[string]int{}, runs: map[string]*simRun{},
		now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), oracle: &enginetest.Oracle{}}
	if s.IntN(4) == 0 {
		s.soak = 2 * engine.Hour
	}
	for _, name := range []string{"ann", "bob"} {
		s.people = append(s.people, &person{name: name})
	}
	for _, name := range []string{"n1", "n2", "n3"} {
		n := &simNode{Node: enginetest.NewNode(name), s: s, now: map[string]string{}, last: map[string]string{}, want: map[string]string{}, theirs: map[string]bool{}, switches: map[string]engine.SwitchState{}}
		must(n.WriteFile(manifest, []byte("manifest 0"), 0o600))
		must(n.WriteFile(simPolicy, []byte("policy 0"), 0o600))
		for _, at := range simPaths() {
			n.now[at] = n.image(at)
			n.want[at] = n.now[at]
		}
		n.OnLook = func([]string) error { return n.lost("look") }
		n.OnClaim = n.lost
		n.OnPut = func(c engine.Change) error {
			if n.refuse > 0 {
				n.refuse--
				s.met["refused write"]++
				return engine.Problemf([]engine.Code{engine.Preflight, engine.Busy}[n.refuse%2], "%s cannot be written", c.At)
			}
			return n.lost("put")
		}
		n.React = n.wrote
		n.AfterPut = func(engine.Change) error { return n.acked("put") }
		s.nodes = append(s.nodes, n)
	}
	s.oracle.Mark = func(_ context.Context, name string, w engine.Watch) error {
		return s.named(w.Name()).lost("mark of " + name)
	}
	s.oracle.Check = func(_ context.Context, name string, w engine.Watch) error {
		n := s.named(w.Name())
		if n.failing > 0 {
			n.failing--
			s.met["failed check"]++
			return &engine.Failed{Why: name + " is not there"}
		}
		return n.lost("check of " + name)
	}
	s.oracle.Evidence = func(name string) []engine.Evidence {
		return []engine.Evidence{{Name: "log-of-" + name, Data: []byte("x")}}
	}
	return s
}

func (s *simulation) named(name string) *simNode {
	for _, n := range s.nodes {
		if n.Name() == name {
			return n
		}
	}
	panic(name)
}

func (s *simulation) say(format string, args ...any) {
	s.trace = append(s.trace, strings.Repeat("    ", s.depth)+fmt.Sprintf(format, args...))
}

// breaks notes that a rule was broken.
func (s *simulation) breaks(rule, format string, args ...any) {
	s.wrong = append(s.wrong, rule+": "+fmt.Sprintf(format, args...))
	s.say("!!! %s", s.wrong[len(s.wrong)-1])
}

// image is what is at a path, whatever else is going on.
func (n *simNode) image(at string) string {
	fuse, on := n.Fuse, n.OnLook
	n.Fuse, n.OnLook = nil, nil
	defer func() { n.Fuse, n.OnLook = fuse, on }()
	return must2(n.Look(context.Background(), at))[0].String()
}

// lost is the answer of a node that gives none, and of its requests nothing has happened.
func (n *simNode) lost(what string) error {
	if n.silent == 0 {
		return nil
	}
	n.silent--
	n.s.met["no answer"]++
	return &engine.LostError{Node: n.Name(), Op: what, Err: errors.New("no answer")}
}

// acked is the answer to what has happened.
func (n *simNode) acked(what string) error {
	if n.mute == 0 {
		return nil
	}
	if n.mute--; n.mute > 0 {
		return nil
	}
	n.silent = n.s.IntN(4)
	n.s.met["lost acknowledgement of "+what]++
	return &engine.LostError{Node: n.Name(), Op: what, Err: errors.New("the acknowledgement is lost")}
}

// view is a node as one process gets it.
type view struct {
	*simNode
	p *process
}

var _ engine.Claimable = (*view)(nil)

func (v *view) Claim(ctx context.Context, c, over engine.Claim) (engine.WritableNode, error) {
	w, err := v.Node.Claim(ctx, c, over)
	v.observe()
	if err == nil {
		err = v.acked("claim")
	}
	if err != nil {
		return nil, err
	}
	return &writing{w, v}, nil
}

func (v *view) Ledger(ctx context.Context) (engine.Ledger, error) {
	if v.p.asks++; v.p.asks == v.p.pauseAt {
		v.s.pause(v.p)
	}
	if err := v.lost("ledger"); err != nil {
		return engine.Ledger{}, err
	}
	return v.Node.Ledger(ctx)
}

func (v *view) Switch(ctx context.Context, run string) (engine.Switch, error) {
	if err := v.lost("switch"); err != nil {
		return engine.Switch{}, err
	}
	return v.Node.Switch(ctx, run)
}

// writing is a node that a process has claimed.
type writing struct {
	engine.WritableNode
	v *view
}

func (w *writing) Put(ctx context.Context, c engine.Change) error {
	w.v.writer, w.v.Journal = w.v.p, w.v.p.j
	return w.WritableNode.Put(ctx, c)
}

func (w *writing) Release(ctx context.Context, o *engine.Outcome) error {
	err := w.WritableNode.Release(ctx, o)
	w.v.observe()
	if err == nil {
		err = w.v.acked("release")
	}
	return err
}

func (w *writing) Arm(ctx context.Context, within time.Duration, all []engine.Restore) (bool, error) {
	weak, err := w.WritableNode.Arm(ctx, within, all)
	w.v.observe()
	if err == nil {
		err = w.v.acked("arm")
	}
	return weak, err
}

// wrote is told of every write.
func (n *simNode) wrote(c engine.Change) {
	n.observe()
	s, p := n.s, n.writer
	r := s.runs[p.run]
	if s.verbose {
		s.say("  . %s writes %s to %s for %s: %s", p.by.name, c.At, n.Name(), p.run, c.After)
	}
	if held := must2(n.Node.Ledger(context.Background())).Claim; held == nil || held.Run != p.run || held.Store != p.by.name || held.Token == "fired" {
		s.breaks("1 claim", "%s writes %s to %s for %s, which is held by %+v", p.by.name, c.At, n.Name(), p.run, held)
	}
	if was := n.now[c.At]; n.theirs[c.At+was] && was != c.Before.String() && was != c.After.String() {
		s.breaks("4 somebody's", "run %s overwrites %s on %s, which somebody made %s", p.run, c.At, n.Name(), was)
	}
	if c.At != simLog {
		n.now[c.At] = n.image(c.At)
	}
	if n.last[c.At] != p.run {
		r.prior[c.At], n.last[c.At] = n.last[c.At], p.run
	}
	r.dirty = true
	dirty := map[string]bool{}
	var names []string
	for _, id := range s.ids {
		if r := s.runs[id]; r.dirty && !r.fired && !r.abandoned && !r.unchecked && !dirty[r.node.Name()] {
			dirty[r.node.Name()] = true
			names = append(names, id+" on "+r.node.Name())
		}
	}
	if len(names) > 1 {
		s.breaks("2 one node", "changed and not verified: %v", names)
	}
}

// observe notes what has come of runs on the node since it was looked at last.
func (n *simNode) observe() {
	ctx := context.Background()
	l := must2(n.Node.Ledger(ctx))
	over := map[string]engine.State{}
	for ; n.outcomes < len(l.Outcomes); n.outcomes++ {
		o := l.Outcomes[n.outcomes]
		over[o.Run] = o.State
		if o.Ack == nil || n.s.runs[o.Run].ended != o.State {
			n.ended(o)
		}
	}
	for _, id := range n.s.ids {
		if n.s.runs[id].node != n {
			continue
		}
		was, is := n.switches[id], must2(n.Node.Switch(ctx, id)).State
		n.switches[id] = is
		ok := was == is
		switch is {
		case engine.NoSwitch:
			ok = true
		case engine.Armed:
			ok = was != engine.HasFired
		case engine.Confirmed:
			elsewhere := l.Claim != nil && l.Claim.Run != id
			ok = ok || was == engine.Armed && (elsewhere || over[id] == engine.Landed || over[id] == engine.Abandoned)
		case engine.HasFired:
			ok = ok || was == engine.Armed
		}
		if !ok {
			n.s.breaks("3 switch", "that of %s on %s was %q and is %q", id, n.Name(), was, is)
		}
	}
}

// ended notes an outcome.
func (n *simNode) ended(o engine.Outcome) {
	r := n.s.runs[o.Run]
	n.s.met[string(o.State)]++
	if n.s.verbose {
		n.s.say("  . in the ledger of %s: %s %s", n.Name(), o.Run, o.State)
	}
	before := r.ended
	r.dirty, r.ended = false, o.State
	if o.State == engine.Landed && r.fired {
		n.s.breaks("3 switch", "%s has landed on %s, which had undone it", o.Run, n.Name())
	}
	r.abandoned = r.abandoned || o.State == engine.Abandoned
	for _, at := range r.order {
		if r.copied && before == engine.Landed { // a copy that knows less than the node does is rolled back as far as it goes
			n.want[at], n.last[at] = n.now[at], ""
		}
		if n.last[at] != r.id {
			continue
		}
		switch o.State {
		case engine.Landed:
			n.want[at] = r.paths[at][1]
		case engine.RolledBk:
			n.want[at], n.last[at] = r.paths[at][0], r.prior[at]
		default:
			n.want[at] = n.now[at]
		}
	}
}

// fire has the time of a run's switch pass.
func (n *simNode) fire(id string) {
	n.observe()
	r := n.s.runs[id]
	if !n.Fire(id) {
		return
	}
	n.s.met["fired"]++
	n.s.say("the switch of %s on %s fires", id, n.Name())
	r.fired = true
	for _, at := range r.order {
		was := n.now[at]
		n.now[at] = n.image(at)
		if n.theirs[at+was] && n.now[at] != was && n.now[at] != r.paths[at][0] {
			n.s.breaks("4 somebody's", "the switch of %s overwrites %s on %s, which somebody made %s", id, at, n.Name(), was)
		}
		if n.last[at] == id {
			n.want[at], n.last[at] = r.paths[at][0], r.prior[at]
		} else if _, wrote := r.prior[at]; wrote && n.now[at] == r.paths[at][0] {
			n.want[at] = n.now[at] // another operator's run left the same there, which only a journal elsewhere knows
		} else if n.theirs[at+was] && n.now[at] != was {
			n.s.breaks("4 somebody's", "the switch of %s overwrites %s on %s, which somebody made %s", id, at, n.Name(), was)
		}
	}
	n.observe()
}

// edit is somebody at a keyboard of the node.
func (n *simNode) edit(at, how string, do func() error) {
	n.observe()
	must(do())
	n.s.say("somebody %s %s on %s", how, at, n.Name())
	n.s.met["edit"]++
	n.now[at], n.last[at] = n.image(at), somebody
	n.want[at] = n.now[at]
	if n.now[at] != string(engine.Absent) {
		n.theirs[at+n.now[at]] = true
	}
}

// right has somebody put back what was there before a run.
func (n *simNode) right(r *simRun, past *engine.Run) {
	for _, c := range engine.Changes(past.Steps) {
		was, ok := r.paths[c.At]
		if !ok || n.now[c.At] == was[0] {
			continue
		}
		n.edit(c.At, "puts right", func() error {
			if was[0] == string(engine.Absent) {
				return n.Remove(c.At)
			}
			for _, rec := range n.s.records(r.id) {
				if rd, err := rec.j.Open(context.Background(), c.Before.Content); err == nil {
					defer rd.Close()
					return n.WriteFile(c.At, must2(readAll(rd)), modeOf(c.Before))
				}
			}
			return errors.New("nobody has what was there")
		})
	}
}

// holds asserts what is true at every moment.
func (s *simulation) holds() {
	for _, n := range s.nodes {
		n.observe()
		for _, v := range n.Violations() {
			s.breaks("1 write-ahead", "%s: %s", n.Name(), v)
		}
		for _, at := range simPaths() {
			if got := n.image(at); got != n.now[at] {
				s.breaks("5 node", "%s on %s is %s, and the last who wrote it left %s", at, n.Name(), got, n.now[at])
			}
		}
		if b, err := n.ReadFile(simLog); n.filled && (err != nil || string(b) != "somebody's line") {
			s.breaks("4 somebody's", "the log of %s is %q: %v", n.Name(), b, err)
		}
	}
	for _, by := range s.people {
		for _, rec := range by.records {
			if r := fold(rec); r != nil && r.State == engine.Abandoned {
				s.gaveUp(r.ID)
			}
		}
	}
}

// gaveUp notes that a run was given up by a journal alone.
func (s *simulation) gaveUp(id string) {
	r := s.runs[id]
	if r.abandoned {
		return
	}
	r.abandoned = true
	for _, at := range r.order {
		if r.node.last[at] == id && !r.fired {
			r.node.want[at] = r.node.now[at]
		}
	}
}

// records are the journals of a run.
func (s *simulation) records(run string) []*record {
	var all []*record
	for _, by := range s.people {
		if rec := by.record(run); rec != nil {
			all = append(all, rec)
		}
	}
	return all
}

func (by *person) record(run string) *record {
	for _, rec := range by.records {
		if rec.run == run {
			return rec
		}
	}
	return nil
}

// fold is the run of a journal, nil where it has none.
func fold(rec *record) *engine.Run {
	events := rec.j.Durable()
	if len(events) == 0 {
		return nil
	}
	return must2(engine.Fold(events))
}

// settled asserts what is true once nothing is open.
func (s *simulation) settled() {
	for _, n := range s.nodes {
		l := must2(n.Node.Ledger(context.Background()))
		if l.Claim != nil {
			s.breaks("5 end", "%s is still held by %s", n.Name(), l.Claim.Run)
		}
		for _, at := range simPaths() {
			if got := n.image(at); got != n.want[at] {
				s.breaks("5 end", "%s on %s is %s, want %s (last written by %s)", at, n.Name(), got, n.want[at], n.last[at])
			}
		}
	}
	for _, id := range s.ids {
		r := s.runs[id]
		if r.node.switches[id] == engine.Armed {
			s.breaks("5 end", "the switch of %s is not decided", id)
		}
		var states []engine.State
		agreed := r.ended == "" || r.ended == engine.Abandoned // nobody asks the journal, which may be elsewhere
		for _, rec := range s.records(id) {
			j := fold(rec)
			if j == nil {
				continue
			}
			states = append(states, j.State)
			switch {
			case j.Dirty():
				s.breaks("5 end", "%s is %s", id, j.State)
			case j.State == engine.Landed && j.Changed && r.ended != engine.Landed && r.ended != engine.Abandoned && !r.copied: // a rollback may have begun, and been given up elsewhere
				s.breaks("5 end", "%s has landed, and the ledger says %q", id, r.ended)
			case j.State == engine.RolledBk && r.ended != engine.RolledBk && !r.copied:
				s.breaks("5 end", "%s is rolled back, and the ledger says %q", id, r.ended)
			case j.State == engine.Landed && r.fired && !r.copied:
				s.breaks("3 switch", "%s has landed, and its switch has fired", id)
			}
			agreed = agreed || j.State == r.ended || j.State == engine.Abandoned
		}
		if !agreed {
			s.breaks("5 end", "the ledger says that %s is %s, its journals %v", id, r.ended, states)
		}
	}
}
