package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Timed is a Checker that knows how long it may take before it answers.
type Timed interface {
	Checker
	// Longest is the time from the beginning of Check to its end when all goes as slowly as it may.
	Longest() time.Duration
}

const (
	// longestRun is the longest time that a schedule reckons with.
	longestRun = 7 * 24 * time.Hour
	// stepTime is what a step takes beside the waiting of its check: to look, to write, to undo, and to
	// ask a check that has no timeout. A write takes seconds; the rest is for a slow network.
	stepTime = time.Minute
)

// Needs is how long a run on one node may take, and with it the rollback when its last check fails. It is
// what the schedule says; else the sum of a minute for every step, the longest time of every check, twice
// for those that are asked again on the way back, and twice that of every gate for each node that it looks
// at, before and after. Of a node that is looked at the schedule's order tells; without one it is a single
// other node.
func (pb *Playbook) Needs() Duration {
	if pb.Schedule.Needs > 0 {
		return pb.Schedule.Needs
	}
	var sum time.Duration
	for _, s := range pb.Steps {
		if s.Skip {
			continue
		}
		sum += stepTime + longest(s.Task)
		if s.OnRollback {
			sum += longest(s.Task)
		}
	}
	peers := max(len(pb.Schedule.Order)-1, 1)
	for _, g := range pb.Gates {
		sum += 2 * longest(g.Task) * time.Duration(map[GateOn]int{Self: 1, Peers: peers, All: peers + 1}[g.On])
	}
	return Duration(min(sum, longestRun))
}

func longest(t Task) time.Duration {
	if t, ok := t.(Timed); ok {
		return min(t.Longest(), longestRun)
	}
	return 0
}

// Fits returns nil when every window is long enough for a run, else a *ScheduleError for each that never
// is, joined. A schedule that is not valid has errors of its own, from Validate.
func (pb *Playbook) Fits() error {
	c, err := pb.Schedule.calendar()
	if err != nil {
		return nil
	}
	var errs []error
	for i, w := range pb.Schedule.Windows {
		open := c.usual(c.openings[i])
		if open >= pb.Needs().D() {
			continue
		}
		why := "write a longer window, or needs if you know that a run is done sooner"
		if pb.Schedule.Needs > 0 {
			why = "write a longer window"
		}
		errs = append(errs, &ScheduleError{Block: "window", Index: i, Err: fmt.Errorf("from %s to %s are %s, in which a run never fits: it may take up to %s: %s", w.From, w.To, Duration(open), pb.Needs(), why)})
	}
	return errors.Join(errs...)
}

// usual is how long a window is open at a time, with those that it touches or overlaps, in weeks in which
// no zone moves its clock: of January or, as zones lie otherwise to each other then, of July. Any year does.
func (c calendar) usual(o opening) time.Duration {
	var longest time.Duration
	for _, month := range []time.Month{time.January, time.July} {
		begin := time.Date(2026, month, 8, 0, 0, 0, 0, time.UTC)
		all := c.open(begin, begin.Add(2*longestRun))
		still := stills(begin, begin.Add(2*longestRun), o.zone)
		for day := range 7 {
			for _, s := range o.on(begin.Add(time.Duration(4+day)*aDay), still) {
				at := slices.IndexFunc(all, func(a span) bool { return s.from.Before(a.to) })
				longest = max(longest, all[at].length())
			}
		}
	}
	return longest
}
