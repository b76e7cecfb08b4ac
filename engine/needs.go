package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Timed is a task that knows how long it may take: a Checker before it answers, a Changer whose commands run.
type Timed interface {
	Task
	// Longest is the time from the beginning of Check to its end when all goes as slowly as it may, or that of the
	// commands, in one direction.
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
// what the schedule says; else the sum of a minute for every step, the longest time of every check with all
// its retries, twice for those that are asked again on the way back, and twice that of every gate, before
// and after, for each node that it looks at: those of the schedule's order, or one other where it is empty.
func (pb *Playbook) Needs() Duration {
	if pb.Schedule.Needs > 0 {
		return pb.Schedule.Needs
	}
	var sum time.Duration
	for _, s := range pb.Steps {
		if s.Skip {
			continue
		}
		asked := s.longest()
		if s.OnRollback || !isChecker(s.Task) {
			asked *= 2
		}
		sum = min(sum+stepTime+asked, longestRun)
	}
	peers := max(len(pb.Schedule.Order)-1, 1)
	for _, g := range pb.Gates {
		nodes := map[GateOn]int{Self: 1, Peers: peers, All: peers + 1}[g.On]
		sum = min(sum+2*longest(g.Task)*time.Duration(nodes), longestRun)
	}
	return Duration(sum)
}

// longest is how long a step's check may take, asked as often as the step says.
func (s Step) longest() time.Duration {
	once := longest(s.Task)
	if s.Timeout > 0 && (once == 0 || s.Timeout.D() < once) {
		once = s.Timeout.D()
	}
	again := min(once+s.RetryPause.Or(retryPause), longestRun)
	return min(once, longestRun) + again*time.Duration(min(s.Retry, maxRetry))
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
		errs = append(errs, &ScheduleError{Block: "window", Index: i, Err: fmt.Errorf("a run never fits between %s and %s: the window is open for %s, and a run may take up to %s: %s", w.From, w.To, Duration(open), pb.Needs(), why)})
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
