package engine_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

var (
	oneSeed  = flag.Uint64("seed", 0, "TestSimulator: play this history only, and print it")
	maxBad   = flag.Int("bad", 3, "TestSimulator: how many broken ones are told")
	allSeeds = flag.Uint64("seeds", simulations, "TestSimulator: how many histories are played")
)

// TestSimulator plays histories that chance makes up: two operators apply, resume, roll back, take over and give up
// on three nodes; processes are killed and put to sleep anywhere, nodes fall silent and undo runs by themselves,
// somebody edits files, clocks jump. simworld_test.go has the rules. A seed plays the same history every time:
//
//	go test ./engine -run TestSimulator -seed 17
func TestSimulator(t *testing.T) {
	if *oneSeed != 0 {
		s := play(*oneSeed, true)
		t.Log(s.told(*oneSeed))
		if len(s.wrong) > 0 {
			t.Fail()
		}
		return
	}
	met, bad := map[string]int{}, 0
	for seed := uint64(1); seed <= *allSeeds && bad < *maxBad; seed++ {
		s := play(seed, false)
		for what, n := range s.met {
			met[what] += n
		}
		if len(s.wrong) > 0 {
			bad++
			t.Error(play(seed, true).told(seed))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(met)) {
		t.Logf("%6d %s", met[what], what)
	}
	if bad > 0 || *allSeeds < simulations {
		return
	}
	for _, what := range []string{"kill", "pause", "soft stop", "full disk", "fired", "takeover", "given up elsewhere", "copied journal", "edit", "acknowledged", "acknowledged on the node",
		"failed check", "refused write", "no answer", "clock forwards", "clock backwards", "override", "withdrew", "pause between ledgers",
		"lost acknowledgement of put", "lost acknowledgement of claim", "lost acknowledgement of release", "lost acknowledgement of arm",
		string(engine.Landed), string(engine.RolledBk), string(engine.Abandoned), "rolled back what had landed", "ended at the first try", "put right by hand",
		code(engine.Held), code(engine.Locked), code(engine.Stale), code(engine.Conflict), code(engine.RolledBack), code(engine.Incomplete),
		code(engine.Unknown), code(engine.Fired), code(engine.NotDurable), code(engine.Unreachable), code(engine.Busy), code(engine.Interrupted)} {
		if met[what] == 0 {
			t.Errorf("over all histories there was no %q", what)
		}
	}
}

func code(c engine.Code) string { return fmt.Sprintf("code %d", c) }

func (s *simulation) told(seed uint64) string {
	return fmt.Sprintf("seed %d: %s\n%s\nonce more: go test ./engine -run TestSimulator -seed %[1]d -v", seed, strings.Join(s.wrong, "\n"), strings.Join(s.trace, "\n"))
}

// play plays one history, to its end or to the first rule that is broken.
func play(seed uint64, verbose bool) *simulation {
	s := newSimulation(seed, verbose)
	hangs := time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("TestSimulator: seed %d does not end", seed)) })
	defer hangs.Stop()
	for range 30 + s.IntN(31) {
		s.happen()
		if s.holds(); len(s.wrong) > 0 {
			return s
		}
	}
	s.finish()
	return s
}

// happen is one thing that happens.
func (s *simulation) happen() {
	n := s.nodes[s.IntN(len(s.nodes))]
	var by *person
	if free := slices.DeleteFunc(slices.Clone(s.people), func(p *person) bool { return p.busy }); len(free) > 0 {
		by = free[s.IntN(len(free))]
	}
	what := s.IntN(100)
	switch {
	case what < 58 && by == nil:
		s.fireOne()
	case what < 26:
		s.apply(by, s.next(n), s.version)
	case what < 37:
		s.takeUp(by, "resume", func(r *engine.Run) bool { return r.Dirty() })
	case what < 44:
		s.takeUp(by, "rollback", func(r *engine.Run) bool { return r.Dirty() || s.IntN(3) == 0 && r.State == engine.Landed })
	case what < 48:
		s.takeUp(by, "takeover", func(r *engine.Run) bool { return r.Dirty() })
	case what < 50:
		s.takeUp(by, "abandon", func(r *engine.Run) bool { return r.Dirty() })
	case what < 52:
		s.giveUp(by, n)
	case what < 54:
		s.give(by)
	case what < 58:
		s.takeUp(by, "ack", func(r *engine.Run) bool { return !r.Open() && r.Acked == nil && !r.FirstWrite.IsZero() })
	case what < 68:
		s.fireOne()
	case what < 73:
		s.somebody(n)
	case what < 77:
		n.silent = 1 + s.IntN(4)
		s.say("%s does not answer %d times", n.Name(), n.silent)
	case what < 82:
		n.mute = 1 + s.IntN(6)
		s.say("the acknowledgement of effect %d from now on %s will be lost", n.mute, n.Name())
	case what < 86:
		n.failing = 1 + s.IntN(3)
		s.say("%d checks on %s will fail", n.failing, n.Name())
	case what < 88:
		n.refuse = 1 + s.IntN(2)
		s.say("%d writes to %s will be refused", n.refuse, n.Name())
	case what < 96:
		s.now = s.now.Add(time.Duration(1+s.IntN(30)) * time.Hour)
		s.met["clock forwards"]++
		s.say("it is %s", s.now.Format(time.DateTime))
	case what < 98:
		who := s.people[s.IntN(len(s.people))]
		who.skew = time.Duration(s.IntN(13)-6) * time.Hour
		s.met["clock backwards"]++
		s.say("the clock of %s is wrong by %s", who.name, who.skew)
	default:
		s.version++
		s.say("the playbook is version %d", s.version)
	}
}

// next is the node whose turn it is, most of the time; once all have it there is another version.
func (s *simulation) next(n *simNode) *simNode {
	if s.IntN(3) == 0 {
		return n
	}
	for _, n := range s.nodes {
		if b, _ := n.ReadFile(manifest); string(b) != fmt.Sprintf("manifest %d", s.version) {
			return n
		}
	}
	s.version++
	return s.nodes[0]
}

// fireOne has the time of a switch pass, if there is one.
func (s *simulation) fireOne() {
	var armed []string
	for _, id := range s.ids {
		if r := s.runs[id]; r.node.switches[id] == engine.Armed {
			armed = append(armed, id)
		}
	}
	if len(armed) > 0 {
		id := armed[s.IntN(len(armed))]
		s.now = s.now.Add(11 * time.Minute)
		s.runs[id].node.fire(id)
	}
}

// somebody does something to a file.
func (s *simulation) somebody(n *simNode) {
	s.edits++
	at := simPaths()[s.IntN(len(simPaths()))]
	if _, err := n.ReadFile(at); err != nil && s.IntN(3) > 0 {
		return
	}
	switch s.IntN(6) {
	case 0:
		if _, err := n.ReadFile(simLog); err == nil {
			must(n.WriteFile(simLog, []byte("somebody's line"), 0o600))
			n.filled = true
			s.met["filled log"]++
			s.say("somebody writes to the log of %s", n.Name())
		}
	case 1:
		n.edit(at, "removes", func() error { return n.Remove(at) })
	default:
		n.edit(at, "writes", func() error { return n.WriteFile(at, []byte(fmt.Sprintf("somebody's %d", s.edits)), 0o600) })
	}
}

// book is a version of the playbook; each has other files and other habits.
func (s *simulation) book(version int) *engine.Playbook {
	named := func(what string) string { return fmt.Sprintf("%s %d", what, version) }
	pb := &engine.Playbook{Name: "simulated", Hosts: "all", Inputs: map[string]string{"version": fmt.Sprint(version)}, Schedule: engine.Schedule{Soak: s.soak}}
	for _, n := range s.nodes {
		pb.Schedule.Order = append(pb.Schedule.Order, n.Name())
	}
	pb.Steps = []engine.Step{check("ready"), write("policy", simPolicy, named("policy"))}
	if version%2 == 0 {
		pb.Steps = append(pb.Steps, write("extra", simExtra, named("extra")))
	} else {
		pb.Gates = []engine.Gate{{Name: "well", On: engine.All, Task: &enginetest.Check{Name: "well"}}}
	}
	if version%3 == 0 {
		pb.Steps = append(pb.Steps, write("draft", manifest, named("draft")))
	}
	if version%4 == 1 {
		pb.Steps = append(pb.Steps, engine.Step{Name: "log", Task: &enginetest.Write{Path: simLog, Mode: 0o600, Log: true}})
	}
	if version%5 == 4 {
		pb.Confirm.Off = "a drill"
	}
	pod, events := check("pod"), check("events")
	pod.OnRollback = true
	if version%5 == 2 {
		events.OnFailure = engine.Eventful
	}
	pb.Steps = append(pb.Steps, write("manifest", manifest, named("manifest")), pod, events)
	return pb
}

// process is one command of an operator, and what happens to it.
type process struct {
	s       *simulation
	by      *person
	node    *simNode
	j       *enginetest.Journal
	run     string
	fuse    *enginetest.Fuse
	full    int // the record that the disk has no room for
	asks    int // of ledgers
	pauseAt int
}

// process runs a command under the lock of its state folder, and has something happen to it now and then.
func (s *simulation) process(by *person, n *simNode, what string, do func(context.Context, *process) error) (err error) {
	if by.busy {
		s.say("%s is at work already", by.name)
		return engine.Problemf(engine.Locked, "at work")
	}
	by.busy = true
	defer func() { by.busy = false }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &process{s: s, by: by, node: n}
	at, fate := 1+s.IntN(45), s.IntN(100)
	switch {
	case s.depth > 1 && fate < 50: // enough is going on
	case fate < 18:
		p.fuse = &enginetest.Fuse{At: at}
		what += fmt.Sprintf(", killed at %d", at)
	case fate < 42:
		p.fuse = &enginetest.Fuse{At: at, Do: func() { s.pause(p) }}
		what += fmt.Sprintf(", paused at %d", at)
	case fate < 50:
		p.pauseAt = 1 + at%8
		what += fmt.Sprintf(", paused at ledger %d", p.pauseAt)
	case fate < 54:
		p.fuse = &enginetest.Fuse{At: at, Do: func() { s.met["soft stop"]++; cancel() }}
		what += fmt.Sprintf(", stopped at %d", at)
	case fate < 58:
		p.full = at / 2
		what += fmt.Sprintf(", the disk is full at %d", p.full)
	}
	s.say("%s: %s", by.name, what)
	n.Fuse = p.fuse
	defer func() {
		if v := recover(); v != nil {
			s.breaks("6 panic", "%v\n%s", v, debug.Stack())
		}
		n.Fuse = nil
		if p.j != nil {
			p.j.Crash(nil)
			p.j.Fail = nil
		}
		for _, n := range s.nodes {
			n.observe()
		}
	}()
	if enginetest.Survive(func() { err = do(ctx, p) }) {
		s.met["kill"]++
		s.say("  killed")
		return errors.New("killed")
	}
	s.met[code(engine.CodeOf(err))]++
	var held *engine.NotYetError
	if engine.CodeOf(err) == engine.Bug && !errors.As(err, &held) && !lostTo(err) {
		s.breaks("6 error", "%v", err)
	}
	s.say("  %d %s", engine.CodeOf(err), cmp.Or(strings.ReplaceAll(fmt.Sprint(err), "\n", "; "), "done"))
	return err
}

func lostTo(err error) bool {
	var lost *engine.LostError
	var held *engine.ClaimedError
	return errors.As(err, &lost) || errors.As(err, &held) || errors.Is(err, context.Canceled)
}

// at gives a process its journal.
func (p *process) at(rec *record) {
	p.j, p.run = rec.j, rec.run
	p.j.Fuse = p.fuse
	if p.full > 0 {
		p.j.Fail = func(string, engine.Event) error {
			if p.full--; p.full == 0 {
				p.s.met["full disk"]++
				return errors.New("no space left on device")
			}
			return nil
		}
	}
}

// pause is a process that sleeps while other things happen. It may be killed soon after it wakes.
func (s *simulation) pause(p *process) {
	s.met["pause"]++
	if p.pauseAt > 0 {
		s.met["pause between ledgers"]++
	}
	type doing struct {
		writer  *process
		journal *enginetest.Journal
		fuse    *enginetest.Fuse
	}
	was := make([]doing, len(s.nodes))
	for i, n := range s.nodes {
		was[i] = doing{n.writer, n.Journal, n.Fuse}
		n.observe()
		n.Fuse = nil
	}
	s.depth++
	s.say("(while %s sleeps in %s", p.by.name, cmp.Or(p.run, "what it begins"))
	for range 1 + s.IntN(4) {
		switch s.IntN(8) { // what is hardest on who sleeps
		case 0, 1:
			s.fireOne()
		case 2, 3:
			s.somebody(p.node)
		case 4:
			if other := s.people[(slices.Index(s.people, p.by)+1)%len(s.people)]; !other.busy {
				s.apply(other, s.nodes[s.IntN(len(s.nodes))], s.version, overridable()...)
			}
		}
		s.happen()
	}
	s.say("%s wakes up)", p.by.name)
	s.depth--
	for i, n := range s.nodes {
		n.writer, n.Journal, n.Fuse = was[i].writer, was[i].journal, was[i].fuse
	}
	if s.IntN(5) == 0 {
		p.fuse = &enginetest.Fuse{At: 1 + s.IntN(10)}
		p.node.Fuse = p.fuse
		if p.j != nil {
			p.j.Fuse = p.fuse
		}
	}
}

func (p *process) engine() *engine.Engine {
	s := p.s
	return &engine.Engine{
		Holder:  engine.Holder{By: p.by.name + "@home", Folder: "/" + p.by.name, Store: p.by.name},
		Journal: p.j, Kinds: s.oracle.Kinds(), Clock: engine.Clock{Time: p.now},
		Peers: func(context.Context) ([]engine.Node, map[string]error) {
			var all []engine.Node
			gone := map[string]error{}
			for _, n := range s.nodes {
				if n == p.node {
					continue
				}
				if err := n.lost("dial"); err != nil {
					gone[n.Name()] = err
				} else {
					all = append(all, &view{n, p})
				}
			}
			return all, gone
		},
		Show: func(e engine.Event) {
			if s.verbose && e.Kind != engine.EvSaid {
				s.say("  - %s %s", e.Run, e.Kind)
			}
		},
	}
}

func (p *process) now() time.Time {
	p.s.now = p.s.now.Add(time.Second)
	return p.s.now.Add(p.by.skew)
}

// past are the runs in a state folder, oldest first.
func (by *person) past() []*engine.Run {
	var all []*engine.Run
	for _, rec := range by.records {
		if r := fold(rec); r != nil {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *engine.Run) int { return a.Began.Compare(b.Began) })
	return all
}

// foreign is the refusal when a node is held by a run that the journals here do not have.
func (p *process) foreign(n *simNode, l engine.Ledger) error {
	if l.Claim == nil || l.Claim.Ack || p.by.record(l.Claim.Run) != nil {
		return nil
	}
	return engine.Problemf(engine.Locked, "%s is held by %s", n.Name(), l.Claim.Run)
}

// decide asks the guards as the command line does.
func (p *process) decide(ctx context.Context, book *engine.Playbook, open []engine.GuardName) ([]engine.Hold, error) {
	past := p.by.past()
	var holds []engine.Hold
	for _, n := range p.s.nodes {
		l, err := (&view{n, p}).Ledger(ctx)
		switch {
		case err != nil && (n == p.node || ctx.Err() != nil):
			return nil, err
		case err != nil:
			holds = append(holds, engine.Hold{Guard: engine.GuardPeers, Why: err.Error()})
			continue
		}
		if err := p.foreign(n, l); err != nil {
			return nil, err
		}
		past = engine.Recollect(past, n.Name(), n.Name(), l)
	}
	if held, ok := errors.AsType[*engine.NotYetError](engine.Guards(book, p.node.Name(), p.now(), past)); ok {
		holds = append(held.Holds, holds...)
	}
	for _, h := range holds {
		if h.Guard == engine.GuardOpen || !slices.Contains(open, h.Guard) {
			return holds, &engine.NotYetError{Node: p.node.Name(), Holds: holds}
		}
	}
	return holds, nil
}

func overridable() []engine.GuardName {
	return []engine.GuardName{engine.GuardOrder, engine.GuardSoak, engine.GuardClean, engine.GuardInputs, engine.GuardGate, engine.GuardPeers, engine.GuardClock}
}

// apply is hcrun apply on one node.
func (s *simulation) apply(by *person, n *simNode, version int, open ...engine.GuardName) {
	if len(open) == 0 && s.IntN(4) == 0 {
		open = overridable()
	}
	what := fmt.Sprintf("apply version %d to %s", version, n.Name())
	if len(open) > 0 {
		what += " whatever the guards say"
	}
	_ = s.process(by, n, what, func(ctx context.Context, p *process) error {
		for _, r := range by.past() {
			if r.Node == n.Name() && r.Dirty() {
				return engine.Problemf(engine.Held, "%s is unfinished", r.ID)
			}
		}
		if err := n.lost("dial"); err != nil {
			return engine.Problemf(engine.Unreachable, "%w", err)
		}
		v, book := &view{n, p}, s.book(version)
		steps, err := engine.Plan(ctx, book, v.Look)
		if err != nil {
			return err
		}
		gates := must2(engine.PlanGates(book))
		var holds []engine.Hold
		if engine.HasChanges(steps) {
			if holds, err = p.decide(ctx, book, open); err != nil {
				s.met["held"]++
				return heldBy(err)
			}
		}
		rec := s.begin(by, n, steps)
		p.at(rec)
		e := p.engine()
		e.Alone = func(ctx context.Context) error {
			again, err := p.decide(ctx, book, open)
			s.runs[rec.run].unsure(again)
			if err != nil {
				s.met["withdrew"]++
			}
			return heldBy(err)
		}
		s.runs[rec.run].unsure(holds)
		r, err := e.Open(ctx, rec.run, engine.Opened{Playbook: book.Name, Node: n.Name(), Address: n.Name(), Group: "all", User: by.name, Inputs: book.Inputs, Gates: gates, Within: book.Within(), Off: book.Confirm.Off}, steps)
		if err != nil {
			return err
		}
		for _, h := range holds {
			s.met["override"]++
			if err := e.Override(r, engine.Override{Guard: string(h.Guard), Reason: "chance", User: by.name, Held: h.Why}); err != nil {
				return err
			}
		}
		return e.Apply(ctx, v, r)
	})
}

// unsure notes that a run was let go although a node was silent.
func (r *simRun) unsure(opened []engine.Hold) {
	r.unchecked = r.unchecked || slices.ContainsFunc(opened, func(h engine.Hold) bool { return h.Guard == engine.GuardPeers })
}

func heldBy(err error) error {
	if held, ok := errors.AsType[*engine.NotYetError](err); ok {
		return engine.Problemf(engine.Held, "%w", held)
	}
	return err
}

// begin makes the record of a run, and notes what it is about to do.
func (s *simulation) begin(by *person, n *simNode, steps []engine.PlannedStep) *record {
	rec := &record{run: fmt.Sprintf("run-%d", len(s.ids)+1), j: &enginetest.Journal{}}
	r := &simRun{id: rec.run, node: n, paths: map[string][2]string{}, prior: map[string]string{}}
	for _, c := range engine.Changes(steps) {
		if c.At == simLog {
			continue
		}
		images, ok := r.paths[c.At]
		if !ok {
			images[0] = c.Before.String()
			r.order = append(r.order, c.At)
		}
		images[1] = c.After.String()
		r.paths[c.At] = images
	}
	s.runs[r.id] = r
	s.ids = append(s.ids, r.id)
	by.records = append(by.records, rec)
	return rec
}

// takeUp has an operator go on with one of the runs in their state folder.
func (s *simulation) takeUp(by *person, what string, fits func(*engine.Run) bool) {
	var all []*engine.Run
	for _, r := range by.past() {
		if fits(r) {
			all = append(all, r)
		}
	}
	if len(all) > 0 {
		_ = s.takeUpOne(by, what, all[s.IntN(len(all))].ID)
	}
}

func (s *simulation) takeUpOne(by *person, what, id string) error {
	n, rec := s.runs[id].node, by.record(id)
	return s.process(by, n, what+" "+id+" on "+n.Name(), func(ctx context.Context, p *process) error {
		p.at(rec)
		r, e, v := fold(rec), p.engine(), &view{n, p}
		gone := error(nil)
		if what != "ack" {
			gone = n.lost("dial")
		}
		e.Alone = func(ctx context.Context) error {
			for _, o := range s.nodes {
				if o == n {
					continue
				}
				l, err := (&view{o, p}).Ledger(ctx)
				if err != nil {
					s.runs[id].unchecked = true
					continue
				}
				if err := p.foreign(o, l); err != nil {
					s.met["withdrew"]++
					return err
				}
			}
			return nil
		}
		switch what {
		case "ack":
			s.met["acknowledged"]++
			word := engine.Ack{Reason: "chance", User: by.name}
			if err := e.Ack(r, word); err != nil {
				return err
			}
			if err := e.Acknowledge(ctx, v, id, r, word); err != nil {
				return err
			}
			s.met["acknowledged on the node"]++
			return nil
		case "abandon":
			if gone != nil {
				return e.Abandon(ctx, nil, r, by.name, "chance")
			}
			return e.Abandon(ctx, v, r, by.name, "chance")
		}
		if gone != nil {
			return engine.Problemf(engine.Unreachable, "%w", gone)
		}
		switch what {
		case "resume":
			if err := engine.MayResume(r); err != nil {
				return err
			}
			return e.Resume(ctx, v, r, by.name)
		case "takeover":
			from, err := e.TakeOver(ctx, v, r, by.name, "chance")
			if from != nil {
				s.met["takeover"]++
			}
			return err
		}
		if err := engine.MayUndo(r, by.past()); err != nil {
			return err
		}
		landed := r.State == engine.Landed
		err := e.Rollback(ctx, v, r, by.name, "chance")
		if landed && r.State == engine.RolledBk {
			s.met["rolled back what had landed"]++
		}
		return err
	})
}

// giveUp is hcrun abandon of a run that only the node knows of.
func (s *simulation) giveUp(by *person, n *simNode) {
	if c := must2(n.Node.Ledger(context.Background())).Claim; c == nil || by.record(c.Run) != nil {
		return
	}
	_ = s.process(by, n, "give up what holds "+n.Name(), func(ctx context.Context, p *process) error {
		v := &view{n, p}
		l, err := v.Ledger(ctx)
		if err != nil || l.Claim == nil || l.Claim.Ack || by.record(l.Claim.Run) != nil {
			return err
		}
		mine := *l.Claim
		mine.Holder = p.engine().Holder
		w, err := v.Claim(ctx, mine, *l.Claim)
		if err != nil {
			return err
		}
		s.met["given up elsewhere"]++
		return w.Release(ctx, &engine.Outcome{Run: mine.Run, Playbook: mine.Playbook, Node: mine.Node, State: engine.Abandoned, Changed: true, Began: mine.Since, Ended: p.now().UTC(), By: by.name, Why: "chance"})
	})
}

// give copies a journal of an open run to the other operator.
func (s *simulation) give(by *person) {
	for _, from := range s.people {
		for _, rec := range from.records {
			r := fold(rec)
			if from == by || by.record(rec.run) != nil || r == nil || !r.Dirty() {
				continue
			}
			by.records = append(by.records, &record{rec.run, copied(rec.j, r)})
			s.runs[rec.run].copied = true
			s.met["copied journal"]++
			s.say("%s gets a copy of the journal of %s", by.name, rec.run)
			return
		}
	}
}

func copied(j *enginetest.Journal, r *engine.Run) *enginetest.Journal {
	c := &enginetest.Journal{}
	for _, change := range engine.Changes(r.Steps) {
		for _, img := range []engine.Image{change.Before, change.After} {
			if j.Has(img.Content) {
				of := img.Content
				must(c.Keep(context.Background(), engine.NewContent(of.Hash(), of.Size(), func(ctx context.Context) (io.ReadCloser, error) { return j.Open(ctx, of) })))
			}
		}
	}
	for _, e := range j.Durable() {
		must(c.Append(e))
	}
	return c
}

func readAll(r io.Reader) ([]byte, error) { return io.ReadAll(r) }

func modeOf(i engine.Image) fs.FileMode { return fs.FileMode(i.Mode) }

// finish brings every open run to its end, and no run may need many tries for it.
func (s *simulation) finish() {
	s.say("from here on all is well, and everything is brought to its end")
	for _, n := range s.nodes {
		n.silent, n.mute, n.failing, n.refuse = 0, 0, 0, 0
	}
	s.depth = 2 // half of the processes are left alone, and more below
	for _, by := range s.people {
		by.skew = 0
	}
	for round := 0; ; round++ {
		var open []func()
		for _, by := range s.people {
			for _, r := range by.past() {
				if r.Dirty() {
					open = append(open, func() { s.end(by, r.ID) })
				}
			}
		}
		unended := len(open) > 0
		for _, n := range s.nodes {
			c := must2(n.Node.Ledger(context.Background())).Claim
			if c == nil || unended {
				continue
			}
			open = append(open, func() {
				at := slices.IndexFunc(s.people, func(p *person) bool { return p.name == c.Store })
				if round%2 == 1 { // each may hold a node without having written: then neither can begin anew
					s.giveUp(s.people[1-at], n)
					s.giveUp(s.people[at], n) // who gave it up was cut off in the middle
					return
				}
				s.version++
				s.apply(s.people[at], n, s.version, overridable()...)
			})
		}
		if len(open) == 0 {
			break
		}
		if round > 40 {
			s.breaks("5 end", "it does not come to its end")
		}
		open[round/2%len(open)]()
		for _, n := range s.nodes {
			n.silent, n.mute, n.failing, n.refuse = 0, 0, 0, 0
		}
		if s.holds(); len(s.wrong) > 0 {
			return
		}
	}
	s.settled()
}

// end brings one run to its end: at once, unless somebody has been at its files or has had its node.
func (s *simulation) end(by *person, id string) {
	n := s.runs[id].node
	if c := must2(n.Node.Ledger(context.Background())).Claim; c != nil && c.Store != by.name {
		_ = s.takeUpOne(by, "takeover", id)
	}
	kills := s.met["kill"] + s.met["pause"] + s.met["soft stop"] + s.met["full disk"]
	how := []string{"resume", "rollback"}[s.IntN(2)]
	err := s.takeUpOne(by, how, id)
	if r := fold(by.record(id)); !r.Dirty() {
		s.met["ended at the first try"]++
		return
	}
	if kills != s.met["kill"]+s.met["pause"]+s.met["soft stop"]+s.met["full disk"] {
		return // it was disturbed
	}
	// Where the ledger has its end and the journal has not, others may have begun on top of it.
	other := s.runs[id].copied || s.runs[id].abandoned || s.runs[id].ended == engine.RolledBk || s.runs[id].ended == engine.Landed && how == "resume"
	ours := !other && !slices.ContainsFunc(s.ids, func(o string) bool { return s.runs[o].node == n && s.runs[o].abandoned })
	for _, at := range s.runs[id].order {
		ours = ours && (n.last[at] == id || how == "rollback" && n.now[at] == s.runs[id].paths[at][0])
	}
	if c := engine.CodeOf(err); ours {
		s.breaks("5 end", "nobody has been at the files of %s, and %s cannot end it: %d %v", id, how, c, err)
		return
	}
	r := fold(by.record(id))
	if other {
		_ = s.takeUpOne(by, "abandon", id)
		return
	}
	s.met["put right by hand"]++
	n.right(s.runs[id], r)
	_ = s.takeUpOne(by, "rollback", id)
}
