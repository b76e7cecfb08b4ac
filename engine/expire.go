package engine

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Keep says how long runs stay on record. The zero value keeps all of them.
type Keep struct {
	Age      time.Duration // a run whose newest record is older is past its keep; 0: age does not matter
	Newest   int           // all but so many of a playbook on a node are past it; 0: their number does not matter
	EvenUndo bool          // that a run could still be rolled back does not keep it
}

// twoDays is longer than a calendar day of any time zone.
const twoDays = 48 * time.Hour

// Stays says why runs have to stay on record, by their ids; those that it does not name may be removed.
// past are the runs of one clock, oldest first. Guards say the same of what stays as of all runs.
func (k Keep) Stays(now time.Time, past []*Run) map[string]string {
	s := staying{why: map[string]string{}}
	for _, r := range past {
		switch {
		case r.Dirty():
			s.keep(r, "%s, unfinished: hcrun resume %s", r.State, r.ID)
		case r.Backwards && r.Acked == nil:
			s.keep(r, "the clock went backwards during it and nobody has acknowledged that")
		case now.Sub(r.FirstWrite) < twoDays, now.Sub(r.Latest) < twoDays:
			s.keep(r, "of the last two days: guards count by the day")
		case k.Age == 0 && k.Newest == 0, k.Age > 0 && now.Sub(r.Latest) < k.Age:
			s.keep(r, Within)
		}
	}
	for _, r := range Unacknowledged(past) {
		s.keep(r, "waits for: hcrun ack %s --reason TEXT", r.ID)
	}
	var rollouts [][]*Run
	// A node is known by its address, and by its name in an inventory: it may have another address by now.
	for _, at := range []func(*Run) string{func(r *Run) string { return r.Address }, func(r *Run) string { return r.Inventory }} {
		for _, runs := range grouped(past, func(r *Run) string { return r.Node + "\x00" + at(r) }) {
			s.newest(runs)
		}
		for _, runs := range grouped(past, func(r *Run) string { return r.Node + "\x00" + at(r) + "\x00" + r.Playbook }) {
			s.rollout(runs, k.Newest)
			rollouts = append(rollouts, runs)
		}
	}
	for _, r := range past {
		if !k.EvenUndo && !r.FirstWrite.IsZero() && r.State != RolledBk && len(StandsOn(r, past)) == 0 {
			s.keep(r, "could still be rolled back")
		}
	}
	for before := -1; before < len(s.why); {
		before = len(s.why)
		s.follow(past, rollouts)
	}
	return s.why
}

// Within is why a run stays that is not past its keep.
const Within = "within the keep"

// grouped are the runs by a key, in the order of the keys, each group oldest first.
func grouped(past []*Run, key func(*Run) string) [][]*Run {
	by := map[string][]*Run{}
	for _, r := range past {
		by[key(r)] = append(by[key(r)], r)
	}
	var all [][]*Run
	for _, k := range slices.Sorted(maps.Keys(by)) {
		all = append(all, by[k])
	}
	return all
}

// staying collects why runs stay; the first reason counts.
type staying struct{ why map[string]string }

func (s staying) keep(r *Run, format string, args ...any) {
	if s.why[r.ID] == "" {
		s.why[r.ID] = fmt.Sprintf(format, args...)
	}
}

// newest keeps what the clock of a node's records is held against.
func (s staying) newest(runs []*Run) {
	newest := runs[0]
	for _, r := range runs {
		if !r.Latest.Before(newest.Latest) {
			newest = r
		}
	}
	s.keep(newest, "the newest record of %s: by it a clock that went back is known", newest.Node)
}

// rollout keeps what guards ask of one playbook on one node.
func (s staying) rollout(runs []*Run, newest int) {
	var landed *Run
	for _, r := range runs {
		if r.State == Landed && r.Changed && (landed == nil || !r.Ended.Before(landed.Ended)) {
			landed = r
		}
	}
	for _, r := range latest(runs) {
		s.keep(r, "guards of %s go by it: where %s stands", r.Playbook, r.Node)
	}
	if landed != nil {
		s.keep(landed, "guards of %s go by it: when %s landed", landed.Playbook, landed.Node)
	}
	if newest > 0 {
		for _, r := range runs[max(0, len(runs)-newest):] {
			s.keep(r, Within)
		}
	}
}

// follow keeps what came after a run that stays: in its own rollout, where the older one would speak for
// the node again, and what changed the same files, which has to be undone before it.
func (s staying) follow(past []*Run, rollouts [][]*Run) {
	for _, runs := range rollouts {
		older := ""
		for _, r := range runs {
			if older != "" && r.speaks() {
				s.keep(r, "came after run %s, which stays", older)
			}
			if older == "" && s.why[r.ID] != "" {
				older = r.ID
			}
		}
	}
	for _, r := range past {
		if s.why[r.ID] == "" || r.State == RolledBk || r.FirstWrite.IsZero() {
			continue
		}
		for _, later := range StandsOn(r, past) {
			s.keep(later, "changed files of run %s after it, which stays", r.ID)
		}
	}
}

// speaks reports whether a run says something new of its node. One that cleanly found all in place does not:
// where that is news, because the run before it was undone, the node stands by it.
func (r *Run) speaks() bool {
	return r.counts() && (r.State != Landed || r.Changed || !r.Clean)
}
