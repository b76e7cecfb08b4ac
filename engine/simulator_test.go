package engine_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
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
