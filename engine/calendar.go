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
				return []Hold{{Guard: GuardClock, Until: t, Why: fmt.Sprintf("it is %s here, but run %s was recorded at %s: this machine's clock has gone backwards", ro.clockTime(ro.now), r.ID, ro.clockTime(t))}}
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
	for _, r := range ro.all {
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
		if holds = ro.ask(node, ro.clock, ro.soak, ro.perDay, ro.window); len(holds) == 0 {
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
