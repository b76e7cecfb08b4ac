package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Guards returns nil when node may start the playbook now, else a *NotYetError with every guard that
// holds it. past are the runs of this playbook on hosts of the inventory, oldest first; those of
// another address are the caller's to leave out. pb.Schedule.Order has to be filled.
func Guards(pb *Playbook, node string, now time.Time, past []*Run) error {
	ro := rollout{pb: pb, now: now, latest: latest(past), past: past}
	var holds []Hold
	for _, guard := range []func(string) []Hold{ro.clock, ro.open, ro.order, ro.clean, ro.inputs, ro.soak, ro.perDay, ro.window} {
		holds = append(holds, guard(node)...)
	}
	if len(holds) == 0 {
		return nil
	}
	return &NotYetError{Node: node, Holds: holds, Until: ro.until(node, holds)}
}

// Standing is where one node stands in a rollout.
type Standing struct {
	Node string
	Run  *Run  // its latest run that wrote or landed, nil if there is none
	Hold error // nil or *NotYetError: why it could not start now
}

// Standings is where every node of pb.Schedule.Order stands.
func Standings(pb *Playbook, now time.Time, past []*Run) []Standing {
	runs := latest(past)
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
	now    time.Time
	past   []*Run
	latest map[string]*Run // by node: its last run that counts
}

// counts reports whether the run says anything about its node: it wrote, or found all in place.
func (r *Run) counts() bool { return !r.FirstWrite.IsZero() || r.State == Landed }

func latest(past []*Run) map[string]*Run {
	runs := map[string]*Run{}
	for _, r := range past {
		if r.counts() {
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
	slices.SortFunc(runs, func(a, b *Run) int { return a.Began.Compare(b.Began) })
	return runs
}

// clock holds when time has gone backwards: no rule about time can be decided then.
func (ro rollout) clock(string) []Hold {
	for _, r := range ro.past {
		for _, t := range []time.Time{r.Began, r.Ended} {
			if ro.now.Before(t) {
				return []Hold{{Guard: GuardClock, Until: t, Why: fmt.Sprintf("it is %s here, but run %s was recorded at %s: this machine's clock has gone backwards", ro.clockTime(ro.now), r.ID, ro.clockTime(t))}}
			}
		}
	}
	return nil
}

// open holds while another node is changed and not verified.
func (ro rollout) open(node string) []Hold {
	var holds []Hold
	for _, r := range ro.past {
		if r.Node != node && r.Dirty() {
			holds = append(holds, Hold{Guard: GuardOpen, Why: fmt.Sprintf("%s is changed and not verified: run %s is %s", r.Node, r.ID, r.State)})
		}
	}
	return holds
}

// order holds until every node before this one has landed.
func (ro rollout) order(node string) []Hold {
	at := slices.Index(ro.pb.Schedule.Order, node)
	if at < 0 {
		return []Hold{{Guard: GuardOrder, Why: fmt.Sprintf("the playbook's order (%s) does not name %s", strings.Join(ro.pb.Schedule.Order, ", "), node)}}
	}
	var missing []string
	for _, before := range ro.pb.Schedule.Order[:at] {
		if r := ro.latest[before]; r == nil || r.State != Landed {
			missing = append(missing, before)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []Hold{{Guard: GuardOrder, Why: fmt.Sprintf("%s comes first and has not landed", strings.Join(missing, ", "))}}
}

// clean holds until somebody has looked at another node's eventful run. Only a later clean run that
// wrote stands in for that: one that found nothing to do proves nothing about what went wrong.
func (ro rollout) clean(node string) []Hold {
	eventful := map[string]*Run{}
	for _, r := range ro.past {
		switch {
		case r.Node == node || !r.counts() || r.Open():
		case r.State == RolledBk || !r.Clean:
			eventful[r.Node] = r
		case r.Changed:
			delete(eventful, r.Node)
		}
	}
	var holds []Hold
	for _, name := range slices.Sorted(maps.Keys(eventful)) {
		if r := eventful[name]; r.Acked == nil {
			holds = append(holds, Hold{Guard: GuardClean, Why: fmt.Sprintf("run %s on %s was eventful (%s) and nobody has acknowledged it", r.ID, name, r.eventful())})
		}
	}
	return holds
}

// eventful says in a few words what was out of the ordinary.
func (r *Run) eventful() string {
	switch {
	case r.State == RolledBk:
		return "rolled back"
	case len(r.Failed) > 0:
		return "landed although " + r.Steps[r.Failed[0].Step].ID() + " was not proven"
	case len(r.Overrides) > 0:
		return "landed with guard " + r.Overrides[0].Guard + " overridden"
	}
	return string(r.State)
}

// inputs holds when the playbook is no longer the one that landed on another node.
func (ro rollout) inputs(node string) []Hold {
	var last *Run
	for _, r := range ro.others(node) {
		if r.State == Landed {
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

// soak holds until the last changed node has been watched for long enough.
func (ro rollout) soak(node string) []Hold {
	var last *Run
	for _, r := range ro.past {
		if r.Node != node && r.State == Landed && r.Changed && (last == nil || r.Ended.After(last.Ended)) {
			last = r
		}
	}
	if last == nil || !ro.now.Before(last.Ended.Add(ro.pb.Schedule.Soak.D())) {
		return nil
	}
	until := last.Ended.Add(ro.pb.Schedule.Soak.D())
	return []Hold{{Guard: GuardSoak, Until: until, Why: fmt.Sprintf("%s landed at %s and soaks for %s, until %s", last.Node, ro.clockTime(last.Ended), ro.pb.Schedule.Soak, ro.clockTime(until))}}
}

// perDay holds when the calendar day already has as many other nodes as it may have.
func (ro rollout) perDay(node string) []Hold {
	limit := ro.pb.Schedule.PerDay
	zone, err := ro.pb.Schedule.Location()
	if limit == 0 || err != nil {
		return nil
	}
	today := ro.now.In(zone)
	var changed []string
	for _, r := range ro.past {
		if r.Node != node && !r.FirstWrite.IsZero() && sameDay(r.FirstWrite.In(zone), today) && !slices.Contains(changed, r.Node) {
			changed = append(changed, r.Node)
		}
	}
	if len(changed) < limit {
		return nil
	}
	midnight := time.Date(today.Year(), today.Month(), today.Day()+1, 0, 0, 0, 0, zone)
	return []Hold{{Guard: GuardPerDay, Until: midnight, Why: fmt.Sprintf("%s was changed today, and at most %d on one calendar day of %s", strings.Join(changed, ", "), limit, zone)}}
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

// window holds outside the windows.
func (ro rollout) window(string) []Hold {
	at, ok := ro.pb.Schedule.nextOpen(ro.now)
	switch {
	case !ok:
		return []Hold{{Guard: GuardWindow, Why: "no window opens within the next two weeks"}}
	case at.After(ro.now):
		return []Hold{{Guard: GuardWindow, Until: at, Why: fmt.Sprintf("no window is open; the next opens at %s", ro.clockTime(at))}}
	}
	return nil
}

// until is the earliest moment at which none of the guards would hold, zero when time alone does not
// open them. Guards that time opens may close others again (a soak that ends after the window), so it
// asks again at every moment it finds.
func (ro rollout) until(node string, holds []Hold) time.Time {
	for range 2 * int(searchSpan/(24*time.Hour)) {
		later := ro.now
		for _, h := range holds {
			if h.Until.IsZero() {
				return time.Time{}
			}
			if h.Until.After(later) {
				later = h.Until
			}
		}
		ro.now = later
		if holds = slices.Concat(ro.clock(node), ro.soak(node), ro.perDay(node), ro.window(node)); len(holds) == 0 {
			return later
		}
	}
	return time.Time{}
}

// clockTime is a moment as the operator's calendar shows it.
func (ro rollout) clockTime(t time.Time) string {
	zone, err := ro.pb.Schedule.Location()
	if err != nil {
		zone = time.UTC
	}
	return t.In(zone).Format("Mon 2 Jan 15:04 MST")
}
