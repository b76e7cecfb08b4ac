package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The guards that time opens, and when it does.

// clock holds when time has gone backwards: no rule about time can be decided then.
func (ro rollout) clock(string) []Hold {
	for _, r := range ro.all {
		if r.Backwards && r.Acked == nil {
			return []Hold{{Guard: GuardClock, Why: fmt.Sprintf("the clock went backwards during run %s: what its record says about time proves nothing until somebody has looked (hcrun ack %s --reason TEXT)", r.ID, r.ID)}}
		}
		for _, t := range []time.Time{r.Began, r.Ended, r.Latest} {
			if ro.now.Before(t) {
				return []Hold{{Guard: GuardClock, Until: t, Why: fmt.Sprintf("it is %s here, but run %s was recorded at %s: this machine's clock has gone backwards, or was ahead where that was recorded", ro.clockTime(ro.now, ro.cal.zone), r.ID, ro.clockTime(t, ro.cal.zone))}}
			}
		}
	}
	return nil
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
	until := last.Ended.Add(ro.pb.Schedule.Soak.D()).In(ro.cal.zone)
	return []Hold{{Guard: GuardSoak, Until: until, Why: fmt.Sprintf("%s landed at %s and soaks for %s, until %s", last.Node, ro.clockTime(last.Ended, ro.cal.zone), ro.pb.Schedule.Soak, ro.clockTime(until, ro.cal.zone))}}
}

// perDay holds when the calendar day already has as many other nodes as it may have.
func (ro rollout) perDay(node string) []Hold {
	limit, zone := ro.pb.Schedule.PerDay, ro.cal.zone
	if limit == 0 {
		return nil
	}
	today := ro.now.In(zone)
	var changed []string
	for _, r := range ro.all {
		if r.Node != node && !r.FirstWrite.IsZero() && sameDay(r.FirstWrite.In(zone), today) && !slices.Contains(changed, r.Node) {
			changed = append(changed, r.Node)
		}
	}
	if len(changed) < limit {
		return nil
	}
	midnight := dayOf(ro.now, zone).to.In(zone)
	return []Hold{{Guard: GuardPerDay, Until: midnight, Why: fmt.Sprintf("%s was changed today, and at most %d on one calendar day of %s", strings.Join(changed, ", "), limit, zone)}}
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

// window holds outside the windows, and in one that closes before a run could end.
func (ro rollout) window(string) []Hold {
	next, ok := ro.cal.next(ro.now, ro.needs, ro.now.Add(horizon))
	if ok && next.from.Equal(ro.now) {
		return nil
	}
	h := Hold{Guard: GuardWindow}
	if ok {
		h.Until = next.from.In(next.zone)
	}
	open, isOpen := ro.cal.now(ro.now, ro.needs)
	first, _ := ro.cal.next(ro.now, 0, ro.now.Add(horizon))
	switch {
	case isOpen:
		h.Why = fmt.Sprintf("the window closes at %s, in %s; a run may take up to %s", ro.clockTime(open.to, open.zone), Duration(open.length().Truncate(time.Second)), Duration(ro.needs))
		if ok {
			h.Why += ", which fits next at " + ro.clockTime(next.from, next.zone)
		}
	case ok && first.from.Equal(next.from):
		h.Why = "no window is open; the next opens at " + ro.clockTime(next.from, next.zone)
	case ok:
		h.Why = fmt.Sprintf("no window is open; the next that is open for the %s that a run may take opens at %s", Duration(ro.needs), ro.clockTime(next.from, next.zone))
	default:
		h.Why = fmt.Sprintf("no window is open for the %s that a run may take within the next two years", Duration(ro.needs))
	}
	return []Hold{h}
}

// freeze holds in a freeze, and before one that begins before a run could end.
func (ro rollout) freeze(string) []Hold {
	f, until, ok := ro.cal.freeze(ro.now, ro.needs)
	if !ok {
		return nil
	}
	why := fmt.Sprintf("%s: frozen from %s until %s", f.reason, ro.clockTime(f.from, f.zone), ro.clockTime(f.to, f.zone))
	if ro.now.Before(f.from) {
		why += fmt.Sprintf("; that is in %s, and a run may take up to %s", Duration(f.from.Sub(ro.now).Truncate(time.Second)), Duration(ro.needs))
	}
	return []Hold{{Guard: GuardFreeze, Until: until.In(f.zone), Why: why}}
}

// horizon is how far into the future a node's turn is looked for.
const horizon = 2 * 366 * 24 * time.Hour

// wait is the earliest moment at which none of the guards would hold, zero when time alone does not open
// them; never says why there is none although each would open. A guard's Until is the first moment at
// which that guard alone would be open, so the latest of them is not too late; and as guards that time
// opens may close others again (a soak that ends after the window), all are asked again at that moment.
func (ro rollout) wait(node string, holds []Hold) (until time.Time, never []Hold) {
	limit := ro.now.Add(horizon)
	for len(holds) > 0 {
		if slices.ContainsFunc(holds, func(h Hold) bool { return h.Until.IsZero() }) {
			return time.Time{}, nil
		}
		last := slices.MaxFunc(holds, func(a, b Hold) int { return a.Until.Compare(b.Until) })
		if last.Until.After(limit) {
			return time.Time{}, []Hold{{Guard: last.Guard, Why: "within the next two years there is no moment at which all of the schedule allows it"}}
		}
		ro.now = last.Until
		holds = ro.ask(node, ro.clock, ro.soak, ro.perDay, ro.window, ro.freeze)
	}
	zone := ro.cal.zone
	if s, ok := ro.cal.now(ro.now, 0); ok {
		zone = s.zone
	}
	return ro.now.In(zone), nil
}

// clockTime is a moment as people in a zone write it, with the year where it is another one.
func (ro rollout) clockTime(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	if t.Year() != ro.now.In(zone).Year() {
		return t.Format("Mon 2 Jan 2006 15:04 MST")
	}
	return t.Format("Mon 2 Jan 15:04 MST")
}
