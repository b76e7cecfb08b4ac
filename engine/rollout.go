package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Guards returns nil when node may start the playbook now, else a *NotYetError with every guard that
// holds it. past are all runs on hosts of the inventory, of whatever playbook, oldest first; those of
// another address are the caller's to leave out. pb.Schedule.Order has to be filled.
//
// What is true of a node whatever changed it (that it is not verified, that it was changed today) is asked
// of all runs; where a rollout stands, only of this playbook's.
//
// overridden are the guards that an operator opens: what they would say is left out, and so is their hour.
// GuardOpen cannot be opened.
func Guards(pb *Playbook, node string, now time.Time, past []*Run, overridden ...GuardName) error {
	cal, err := pb.Schedule.calendar()
	if err != nil {
		return &NotYetError{Node: node, Holds: []Hold{{Guard: GuardWindow, Why: "the schedule is not valid: " + err.Error()}}}
	}
	own := of(pb, past)
	ro := rollout{pb: pb, cal: cal, needs: pb.Needs().D(), now: now, latest: latest(own), past: own, all: past, overridden: overridden}
	holds := ro.ask(node, ro.clock, ro.open, ro.order, ro.clean, ro.inputs, ro.soak, ro.perDay, ro.window, ro.freeze)
	if len(holds) == 0 {
		return nil
	}
	until, never := ro.wait(node, holds)
	return &NotYetError{Node: node, Holds: append(holds, never...), Until: until}
}

// Standing is where one node stands in a rollout.
type Standing struct {
	Node string
	Run  *Run  // its latest run that wrote or landed, nil if there is none
	Hold error // nil or *NotYetError: why it could not start now
}

// Standings is where every node of pb.Schedule.Order stands.
func Standings(pb *Playbook, now time.Time, past []*Run) []Standing {
	runs := latest(of(pb, past))
	var all []Standing
	for _, node := range pb.Schedule.Order {
		all = append(all, Standing{Node: node, Run: runs[node], Hold: Guards(pb, node, now, past)})
	}
	return all
}

// rollout answers for one playbook at one moment. Every guard asks only recorded runs, so that it is
// the same whoever asks.
type rollout struct {
	pb     *Playbook
	cal    calendar
	needs  time.Duration // how long a run may take
	now    time.Time
	past   []*Run          // of this playbook
	all    []*Run          // of every playbook
	latest map[string]*Run // of this playbook, by node: its last run that counts

	overridden []GuardName
}

// ask asks guards about a node and leaves out what is overridden.
func (ro rollout) ask(node string, guards ...func(string) []Hold) []Hold {
	var holds []Hold
	for _, guard := range guards {
		holds = append(holds, guard(node)...)
	}
	return slices.DeleteFunc(holds, func(h Hold) bool { return h.Guard != GuardOpen && slices.Contains(ro.overridden, h.Guard) })
}

// of are the runs of one playbook.
func of(pb *Playbook, runs []*Run) []*Run {
	return slices.DeleteFunc(slices.Clone(runs), func(r *Run) bool { return r.Playbook != pb.Name })
}

// counts reports whether the run says anything about its node: it wrote, or found all in place, or
// found something disproven.
func (r *Run) counts() bool {
	return !r.FirstWrite.IsZero() || r.State == Landed || r.State == Untouched && len(r.Failed) > 0
}

// needsAck reports whether the run has ended eventfully and nobody has said that it was looked at.
func (r *Run) needsAck() bool {
	return !r.Open() && r.counts() && (r.State != Landed || !r.Clean || r.Backwards) && r.Acked == nil
}

// latest is what stands on each node: its last run that counts. A run that found all in place changes
// nothing about when, and by which inputs, the node was brought there.
func latest(past []*Run) map[string]*Run {
	runs := map[string]*Run{}
	for _, r := range past {
		stands := runs[r.Node]
		confirms := r.State == Landed && !r.Changed && stands != nil && stands.State == Landed
		if r.counts() && !confirms {
			runs[r.Node] = r
		}
	}
	return runs
}

// others are the latest runs of all nodes but node, in the order of their beginning.
func (ro rollout) others(node string) []*Run {
	var runs []*Run
	for _, r := range ro.latest {
		if r.Node != node {
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, func(a, b *Run) int { return a.Began.Compare(b.Began) })
	return runs
}

// open holds while another node is changed and not verified.
func (ro rollout) open(node string) []Hold {
	var holds []Hold
	for _, r := range ro.all {
		if r.Node != node && r.Dirty() {
			holds = append(holds, Hold{Guard: GuardOpen, Why: fmt.Sprintf("%s is changed and not verified: run %s is %s", r.Node, r.ID, r.State)})
		}
	}
	return holds
}

// pass lists the nodes that have landed in the rollout that is under way, by name. It goes back from
// the newest landed run as long as the inputs stay the same, or somebody has overridden that they
// changed. A rollout that has come to its end is not under way for other inputs: those begin anew.
func (ro rollout) pass() map[string]bool {
	var landed []*Run
	for _, r := range ro.latest {
		if r.State == Landed {
			landed = append(landed, r)
		}
	}
	slices.SortStableFunc(landed, func(a, b *Run) int { return b.Began.Compare(a.Began) })
	in := map[string]bool{}
	for i, r := range landed {
		if i > 0 && !maps.Equal(r.Inputs, landed[i-1].Inputs) && !landed[i-1].overridden(GuardInputs) {
			break
		}
		in[r.Node] = true
	}
	complete := !slices.ContainsFunc(ro.pb.Schedule.Order, func(node string) bool { return !in[node] })
	if complete && len(landed) > 0 && !maps.Equal(landed[0].Inputs, ro.pb.Inputs) {
		return nil
	}
	return in
}

// order holds until every node before this one has landed, in this rollout.
func (ro rollout) order(node string) []Hold {
	at := slices.Index(ro.pb.Schedule.Order, node)
	if at < 0 {
		return []Hold{{Guard: GuardOrder, Why: fmt.Sprintf("the playbook's order (%s) does not name %s", strings.Join(ro.pb.Schedule.Order, ", "), node)}}
	}
	in := ro.pass()
	missing := slices.DeleteFunc(slices.Clone(ro.pb.Schedule.Order[:at]), func(before string) bool { return in[before] })
	if len(missing) == 0 {
		return nil
	}
	return []Hold{{Guard: GuardOrder, Why: fmt.Sprintf("%s comes first and has not landed", strings.Join(missing, ", "))}}
}

// clean holds until somebody has looked at another node's eventful run, or at the node's own that failed its
// verification: what rolled back once would do so again.
func (ro rollout) clean(node string) []Hold {
	var holds []Hold
	for _, r := range Unacknowledged(ro.past) {
		if r.Node != node || r.State == RolledBk && r.Turned != nil && r.Turned.By == "hcrun" {
			holds = append(holds, Hold{Guard: GuardClean, Why: fmt.Sprintf("run %s on %s was eventful (%s) and nobody has acknowledged it", r.ID, r.Node, r.eventful())})
		}
	}
	return holds
}

// Unacknowledged lists the eventful runs that nobody has acknowledged, one for a playbook and a node at
// most, in the order of the nodes' names. A later clean run that wrote stands in for an acknowledgement;
// one that found nothing to do proves nothing about what went wrong. past is oldest first.
func Unacknowledged(past []*Run) []*Run {
	eventful := map[string]*Run{}
	for _, r := range past {
		key := r.Node + "\x00" + r.Address + "\x00" + r.Playbook
		switch {
		case !r.counts() || r.Open():
		case r.State == RolledBk || r.State == Untouched || !r.Clean:
			eventful[key] = r
		case r.Changed:
			delete(eventful, key)
		}
	}
	var waiting []*Run
	for _, key := range slices.Sorted(maps.Keys(eventful)) {
		if r := eventful[key]; r.needsAck() {
			waiting = append(waiting, r)
		}
	}
	return waiting
}

// eventful says in a few words what was out of the ordinary.
func (r *Run) eventful() string {
	switch why := r.unusual(); {
	case r.State == RolledBk:
		return "rolled back"
	case why == "":
		return string(r.State)
	case r.State == Landed:
		return "landed although " + why
	default:
		return why
	}
}

// inputs holds when the playbook is no longer the one that landed on another node.
func (ro rollout) inputs(node string) []Hold {
	var last *Run
	in := ro.pass()
	for _, r := range ro.others(node) {
		if r.State == Landed && in[r.Node] {
			last = r
		}
	}
	if last == nil {
		return nil
	}
	var differs []string
	for _, name := range slices.Sorted(maps.Keys(ro.pb.Inputs)) {
		if ro.pb.Inputs[name] != last.Inputs[name] {
			differs = append(differs, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(last.Inputs)) {
		if _, ok := ro.pb.Inputs[name]; !ok {
			differs = append(differs, name+" (gone)")
		}
	}
	if len(differs) == 0 {
		return nil
	}
	return []Hold{{Guard: GuardInputs, Why: fmt.Sprintf("since %s landed (run %s) this has changed: %s", last.Node, last.ID, strings.Join(differs, ", "))}}
}
