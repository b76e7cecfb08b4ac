package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

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
