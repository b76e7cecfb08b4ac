package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

const (
	machineA = "aaaaaaaaaaaaaaaa"
	machineB = "bbbbbbbbbbbbbbbb"
)

// TestAnotherMachine: whatever is to be done with a run, it is not done on another machine than the run's, of
// which nothing is changed, and goes on when the name leads to the run's again.
func TestAnotherMachine(t *testing.T) {
	settled := func(w *world) { interrupted(w, engine.EvSettled, 1) }
	applied := func(w *world) { _, _ = w.apply(t.Context()) }
	tests := map[string]struct {
		before func(w *world)
		do     func(w *world, e *engine.Engine, r *engine.Run) error
		next   string
	}{
		"resume": {settled, func(w *world, e *engine.Engine, r *engine.Run) error {
			return e.Resume(t.Context(), w.node, r, "somebody")
		}, "hcrun abandon run-1 "},
		"go on": {settled, func(w *world, e *engine.Engine, r *engine.Run) error { return e.Apply(t.Context(), w.node, r) }, "hcrun abandon run-1 "},
		"rollback": {settled, func(w *world, e *engine.Engine, r *engine.Run) error {
			return e.Rollback(t.Context(), w.node, r, "somebody", "x")
		}, "hcrun abandon run-1 "},
		"rollback of a landed run": {applied, func(w *world, e *engine.Engine, r *engine.Run) error {
			return e.Rollback(t.Context(), w.node, r, "somebody", "x")
		}, "hcrun doctor"},
		"takeover": {func(w *world) { settled(w); w.foreign("run-9") }, func(w *world, e *engine.Engine, r *engine.Run) error {
			_, err := e.TakeOver(t.Context(), w.node, r, "somebody", "x")
			return err
		}, "hcrun abandon run-1 "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			w.node.SetMachine(machineA)
			test.before(w)
			w.node.SetMachine(machineB)
			seen := func() string {
				l := w.ledger()
				var c engine.Claim
				if l.Claim != nil {
					c = *l.Claim
				}
				return fmt.Sprint(w.node.Digest(), w.node.Puts(), len(w.journal.Durable()), l.Outcomes, c)
			}
			was, r := seen(), must2(engine.Fold(w.journal.Durable()))
			err := test.do(w, w.engine(), r)
			for _, says := range []string{machineA, machineB, "run-1", test.next, "hcrun doctor"} {
				if !strings.Contains(told(err), says) {
					t.Errorf("it does not say %q: %s", says, told(err))
				}
			}
			if engine.CodeOf(err) != engine.Identity || was != seen() {
				t.Errorf("%v\nit is\n%s\nwas\n%s", told(err), seen(), was)
			}
			for _, is := range []string{machineA, ""} { // a node that does not say holds nobody up
				w.node.SetMachine(is)
				if err := must2(engine.Fold(w.journal.Durable())).SameMachine(w.node); err != nil {
					t.Errorf("machine %q: %v", is, err)
				}
			}
			w.node.SetMachine(machineA)
			if err := test.do(w, w.engine(), must2(engine.Fold(w.journal.Durable()))); err != nil {
				t.Errorf("on its own machine: %v", told(err))
			}
		})
	}
}

// TestAnotherMachineThanPlanned: between the plan and the first write the name came to lead elsewhere.
func TestAnotherMachineThanPlanned(t *testing.T) {
	w := newWorld(short()...)
	w.node.SetMachine(machineA)
	e, r, err := w.open(t.Context())
	must(err)
	w.node.SetMachine(machineB)
	err = e.Apply(t.Context(), w.node, r)
	if engine.CodeOf(err) != engine.Identity || r.State != engine.Untouched || w.node.Puts() != 0 || w.ledger().Claim != nil {
		t.Errorf("%s after %d writes: %v", r.State, w.node.Puts(), told(err))
	}
}

// TestMachineIsRecorded: the journal and the node's own record say which machine it was.
func TestMachineIsRecorded(t *testing.T) {
	w := newWorld(short()...)
	w.node.SetMachine(machineA)
	r, err := w.apply(t.Context())
	if l := w.ledger(); err != nil || r.Machine != machineA || l.Outcomes[0].Machine != machineA {
		t.Errorf("%v: %q, on record is %+v", err, r.Machine, l)
	}
	if past := engine.Recollect(nil, "master1", "10.0.0.1:22", w.ledger()); past[0].Machine != machineA {
		t.Errorf("recollected is %+v", past[0])
	}
}

// TestAbandonBesideAnotherMachine: a run whose machine is gone is given up, and what is in its place is left alone.
func TestAbandonBesideAnotherMachine(t *testing.T) {
	w := newWorld(short()...)
	w.node.SetMachine(machineA)
	interrupted(w, engine.EvSettled, 1)
	w.node.SetMachine(machineB)
	was := w.ledger()
	r := must2(engine.Fold(w.journal.Durable()))
	must(w.engine().Abandon(t.Context(), w.node, r, "somebody", "it was replaced"))
	if l := w.ledger(); r.State != engine.Abandoned || len(l.Outcomes) != 0 || *l.Claim != *was.Claim {
		t.Errorf("%s, on record is %+v", r.State, l)
	}
}

// TestMoved: which machine is on record for a name, and when another one holds it.
func TestMoved(t *testing.T) {
	run := func(id, node, address, machine string) *engine.Run {
		return &engine.Run{ID: id, Opened: engine.Opened{Node: node, Address: address, Machine: machine}}
	}
	one := run("run-1", "master1", "10.0.0.1:22", machineA)
	record := func(machines ...string) (l engine.Ledger) {
		for i, m := range machines {
			l.Outcomes = append(l.Outcomes, engine.Outcome{Run: fmt.Sprint("run-", i+1), Machine: m})
		}
		return l
	}
	tests := map[string]struct {
		past []*engine.Run
		l    engine.Ledger
		is   string
		want string // part of what it says, "" when nothing holds
	}{
		"nothing on record":               {is: machineB},
		"the same":                        {past: []*engine.Run{one}, is: machineA},
		"another":                         {past: []*engine.Run{one}, is: machineB, want: "machine " + machineB + " answers there, and machine " + machineA + " is on record, by run run-1"},
		"it does not say":                 {past: []*engine.Run{one}},
		"nobody knows":                    {past: []*engine.Run{run("run-1", "master1", "10.0.0.1:22", "")}, is: machineB},
		"known before":                    {past: []*engine.Run{one, run("run-2", "master1", "10.0.0.1:22", "")}, is: machineB, want: "by run run-1"},
		"replaced since":                  {past: []*engine.Run{one, run("run-2", "master1", "10.0.0.1:22", machineB)}, is: machineB},
		"replaced, and the old one again": {past: []*engine.Run{one, run("run-2", "master1", "10.0.0.1:22", machineB)}, is: machineA, want: "by run run-2"},
		"another name":                    {past: []*engine.Run{run("run-1", "master2", "10.0.0.1:22", machineA)}, is: machineB},
		"another address":                 {past: []*engine.Run{run("run-1", "master1", "10.0.0.2:22", machineA)}, is: machineB},
		"a record that was copied":        {l: record(machineA), is: machineB, want: "on the node itself, by run run-1"},
		"its own record":                  {l: record(machineA, machineB, ""), is: machineB},
		"the journal before the record":   {past: []*engine.Run{one}, l: record(machineB), is: machineB, want: "by run run-1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			says := ""
			for _, h := range engine.Moved(test.past, test.l, "10.0.0.1:22", engine.MachineOf{Node: "master1", Machine: test.is}) {
				says += fmt.Sprintf("%s: %s\n", h.Guard, h.Why)
			}
			if !strings.Contains(says, test.want) || (says == "") != (test.want == "") || says != "" && !strings.HasPrefix(says, "machine: master1 (10.0.0.1:22) is another machine") {
				t.Errorf("it says %q, want %q", says, test.want)
			}
		})
	}
}

// TestTwins: two names of one machine, and two machines that were copied from one disk.
func TestTwins(t *testing.T) {
	of := func(node, machine, key string) engine.MachineOf {
		return engine.MachineOf{Node: node, Machine: machine, HostKey: key}
	}
	tests := map[string]struct {
		all          []engine.MachineOf
		same, copies string
	}{
		"two machines":           {all: []engine.MachineOf{of("m1", machineA, "ed25519 X"), of("m2", machineB, "ed25519 Y")}},
		"two with one host key":  {all: []engine.MachineOf{of("m1", machineA, "ed25519 X"), of("m2", machineB, "ed25519 X")}},
		"they do not say":        {all: []engine.MachineOf{of("m1", "", "ed25519 X"), of("m2", "", "ed25519 X")}},
		"one name twice":         {all: []engine.MachineOf{of("m1", machineA, "ed25519 X"), of("m1", machineA, "ed25519 X")}},
		"one machine":            {all: []engine.MachineOf{of("m1", machineA, "ed25519 X"), of("m2", machineB, "ed25519 Y"), of("m3", machineA, "ed25519 X")}, same: "m1 m3"},
		"copies":                 {all: []engine.MachineOf{of("m1", machineA, "ed25519 X"), of("m2", machineA, "ed25519 Y")}, copies: "m1 m2"},
		"keys of two types":      {all: []engine.MachineOf{of("m1", machineA, "ed25519 X"), of("m2", machineA, "rsa Y")}, same: "m1 m2"},
		"a key that is not seen": {all: []engine.MachineOf{of("m1", machineA, ""), of("m2", machineA, "ed25519 Y")}, same: "m1 m2"},
		"neither key is seen":    {all: []engine.MachineOf{of("m1", machineA, ""), of("m2", machineA, "")}, same: "m1 m2"},
	}
	text := func(pairs [][2]string) string {
		var all []string
		for _, p := range pairs {
			all = append(all, p[0]+" "+p[1])
		}
		return strings.Join(all, ", ")
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			same, copies := engine.Twins(test.all)
			if text(same) != test.same || text(copies) != test.copies {
				t.Errorf("one machine: %q, want %q; copies: %q, want %q", text(same), test.same, text(copies), test.copies)
			}
		})
	}
	if p := engine.OneMachine([2]string{"m1", "m2"}); p.Code != engine.Identity || !strings.Contains(p.What, "m1 and m2 are one machine") {
		t.Error(p)
	}
}
