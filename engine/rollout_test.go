package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// at reads a moment as "2026-03-02 20:15:00" in a zone, "" is UTC.
func at(s, zone string) time.Time {
	loc, err := time.LoadLocation(zone)
	must(err)
	return must2(time.ParseInLocation("2006-01-02 15:04:05", s, loc))
}

// past makes a run that began, and ended an hour later.
func past(node string, began time.Time, state engine.State) *engine.Run {
	r := &engine.Run{ID: node + "-run", Began: began, FirstWrite: began.Add(time.Minute), State: state}
	r.Node, r.Inputs = node, map[string]string{"playbook": "1"}
	r.Steps = []engine.PlannedStep{{Kind: "check", Name: "pod"}}
	switch state {
	case engine.Landed:
		r.Clean, r.Changed = true, true
		r.Ended = began.Add(time.Hour)
	case engine.RolledBk, engine.Untouched:
		r.Ended = began.Add(time.Hour)
	}
	r.Latest = r.Ended
	return r
}

// but changes a run.
func but(r *engine.Run, f func(*engine.Run)) *engine.Run { f(r); return r }

func unclean(r *engine.Run)   { r.Clean = false }
func acked(r *engine.Run)     { r.Acked = &engine.Ack{Reason: "seen"} }
func unchanged(r *engine.Run) { r.Changed, r.FirstWrite = false, time.Time{} }
func other(r *engine.Run)     { r.Inputs = map[string]string{"playbook": "0"} }
func added(r *engine.Run)     { r.Inputs = map[string]string{"playbook": "1", "variables": "9"} }
func allowed(r *engine.Run)   { r.Overrides = []engine.Override{{Guard: "inputs"}} }

func TestGuards(t *testing.T) {
	monday := at("2026-03-02 19:00:00", "")
	order := []string{"m1", "m2", "m3"}
	all := func(f ...func(*engine.Run)) []*engine.Run {
		var runs []*engine.Run
		for i, n := range order {
			r := past(n, monday.Add(time.Duration(i)*48*time.Hour), engine.Landed)
			for _, change := range f {
				change(r)
			}
			runs = append(runs, r)
		}
		return runs
	}
	evening := []engine.Window{{Days: []string{"mon", "tue"}, From: "19:00", To: "23:00"}}
	night := []engine.Window{{Days: []string{"fri"}, From: "22:00", To: "02:00"}}
	week := monday.Add(7 * 24 * time.Hour)
	tests := map[string]struct {
		schedule engine.Schedule
		node     string
		now      time.Time
		past     []*engine.Run
		want     string // guards that hold, in order
		until    time.Time
	}{
		"nobody began":                    {node: "m1", now: monday},
		"second before first":             {node: "m2", now: monday, want: "order"},
		"not in the order":                {node: "m9", now: monday, want: "order"},
		"first landed":                    {node: "m2", now: week, past: []*engine.Run{past("m1", monday, engine.Landed)}},
		"first found all in place":        {node: "m2", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), unchanged)}},
		"third skips second":              {node: "m3", now: week, past: []*engine.Run{past("m1", monday, engine.Landed)}, want: "order"},
		"first untouched":                 {node: "m2", now: week, past: []*engine.Run{but(past("m1", monday, engine.Untouched), unchanged)}, want: "order"},
		"first disproven, untouched":      {node: "m2", now: week, past: []*engine.Run{past("m1", monday, engine.Landed), but(past("m1", monday.Add(time.Hour*24), engine.Untouched), func(r *engine.Run) { unchanged(r); r.Failed = []engine.OpEvent{{Text: "no"}} })}, want: "order clean"},
		"first rolled back":               {node: "m2", now: week, past: []*engine.Run{past("m1", monday, engine.RolledBk)}, want: "order clean"},
		"first rolled back, acked":        {node: "m2", now: week, past: []*engine.Run{but(past("m1", monday, engine.RolledBk), acked)}, want: "order"},
		"first rolled back, then first":   {node: "m1", now: week, past: []*engine.Run{past("m1", monday, engine.RolledBk)}},
		"first eventful":                  {node: "m2", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), unclean)}, want: "clean"},
		"first eventful, acked":           {node: "m2", now: week, past: []*engine.Run{but(but(past("m1", monday, engine.Landed), unclean), acked)}},
		"eventful, then clean with write": {node: "m2", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), unclean), past("m1", monday.Add(48*time.Hour), engine.Landed)}},
		"eventful, then nothing to do":    {node: "m2", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), unclean), but(past("m1", monday.Add(48*time.Hour), engine.Landed), unchanged)}, want: "clean"},
		"another is open":                 {node: "m1", now: week, past: []*engine.Run{past("m2", monday, engine.Applying)}, want: "open"},
		"another is half rolled back":     {node: "m1", now: week, past: []*engine.Run{past("m2", monday, engine.Unfinished)}, want: "open"},
		"another is open, untouched":      {node: "m1", now: week, past: []*engine.Run{but(past("m2", monday, engine.Planned), unchanged)}},
		"the node itself is open":         {node: "m1", now: week, past: []*engine.Run{past("m1", monday, engine.Applying)}},
		"inputs changed":                  {node: "m2", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), other)}, want: "inputs"},
		"inputs gone":                     {node: "m2", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), added)}, want: "inputs"},
		"inputs changed, itself again":    {node: "m1", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), other)}},
		"inputs changed and allowed":      {node: "m3", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), other), but(past("m2", monday.Add(48*time.Hour), engine.Landed), allowed)}},
		"new rollout begins":              {node: "m1", now: week, past: all(other)},
		"new rollout keeps the order":     {node: "m2", now: week, past: all(other), want: "order"},
		"new rollout, second":             {node: "m2", now: week.Add(48 * time.Hour), past: append(all(other), past("m1", week, engine.Landed))},
		"new rollout skips second":        {node: "m3", now: week.Add(48 * time.Hour), past: append(all(other), past("m1", week, engine.Landed)), want: "order"},
		"rollout again, same inputs":      {node: "m3", now: week, past: all()},
		"clock before a run":              {node: "m1", now: monday.Add(-time.Second), past: []*engine.Run{past("m1", monday, engine.Landed)}, want: "clock", until: monday.Add(time.Hour)},
		"clock went back during a run":    {node: "m1", now: week, past: []*engine.Run{but(past("m1", monday, engine.Landed), func(r *engine.Run) { r.Backwards = true })}, want: "clock"},

		"soak, a second early":  {schedule: engine.Schedule{Soak: 24 * engine.Hour}, node: "m2", now: monday.Add(25*time.Hour - time.Second), past: []*engine.Run{past("m1", monday, engine.Landed)}, want: "soak", until: monday.Add(25 * time.Hour)},
		"soak, to the second":   {schedule: engine.Schedule{Soak: 24 * engine.Hour}, node: "m2", now: monday.Add(25 * time.Hour), past: []*engine.Run{past("m1", monday, engine.Landed)}},
		"soak, nothing written": {schedule: engine.Schedule{Soak: 24 * engine.Hour}, node: "m2", now: monday.Add(2 * time.Hour), past: []*engine.Run{but(past("m1", monday, engine.Landed), unchanged)}},
		"soak, its own":         {schedule: engine.Schedule{Soak: 24 * engine.Hour}, node: "m1", now: monday.Add(2 * time.Hour), past: []*engine.Run{past("m1", monday, engine.Landed)}},

		"one a day, same day":         {schedule: engine.Schedule{PerDay: 1}, node: "m2", now: at("2026-03-02 23:59:59", ""), past: []*engine.Run{past("m1", monday, engine.Landed)}, want: "per-day", until: at("2026-03-03 00:00:00", "")},
		"one a day, at midnight":      {schedule: engine.Schedule{PerDay: 1}, node: "m2", now: at("2026-03-03 00:00:00", ""), past: []*engine.Run{past("m1", monday, engine.Landed)}},
		"one a day, midnight of zone": {schedule: engine.Schedule{PerDay: 1, Zone: "America/New_York"}, node: "m2", now: at("2026-03-03 04:59:59", ""), past: []*engine.Run{past("m1", monday, engine.Landed)}, want: "per-day", until: at("2026-03-03 00:00:00", "America/New_York")},
		"one a day, itself":           {schedule: engine.Schedule{PerDay: 1}, node: "m1", now: monday.Add(2 * time.Hour), past: []*engine.Run{past("m1", monday, engine.Landed)}},
		"two a day":                   {schedule: engine.Schedule{PerDay: 2}, node: "m2", now: monday.Add(2 * time.Hour), past: []*engine.Run{past("m1", monday, engine.Landed)}},

		"window, a second early":                {schedule: engine.Schedule{Windows: evening}, node: "m1", now: at("2026-03-02 18:59:59", ""), want: "window", until: at("2026-03-02 19:00:00", "")},
		"window, opens":                         {schedule: engine.Schedule{Windows: evening}, node: "m1", now: at("2026-03-02 19:00:00", "")},
		"window, last second":                   {schedule: engine.Schedule{Windows: evening}, node: "m1", now: at("2026-03-02 22:59:59", "")},
		"window, closed":                        {schedule: engine.Schedule{Windows: evening}, node: "m1", now: at("2026-03-03 23:00:00", ""), want: "window", until: at("2026-03-09 19:00:00", "")},
		"window past midnight":                  {schedule: engine.Schedule{Windows: night}, node: "m1", now: at("2026-03-07 01:59:59", "")},
		"window past midnight, closed":          {schedule: engine.Schedule{Windows: night}, node: "m1", now: at("2026-03-07 02:00:00", ""), want: "window", until: at("2026-03-13 22:00:00", "")},
		"window past midnight, no day":          {schedule: engine.Schedule{Windows: night}, node: "m1", now: at("2026-03-06 01:00:00", ""), want: "window", until: at("2026-03-06 22:00:00", "")},
		"window in an hour that is not":         {schedule: engine.Schedule{Zone: "Europe/Berlin", Windows: []engine.Window{{From: "02:00", To: "03:00"}}}, node: "m1", now: at("2026-03-29 01:59:59", "Europe/Berlin"), want: "window", until: at("2026-03-30 02:00:00", "Europe/Berlin")},
		"window in an hour that repeats, once":  {schedule: engine.Schedule{Zone: "Europe/Berlin", Windows: []engine.Window{{From: "02:00", To: "03:00"}}}, node: "m1", now: at("2026-10-25 00:30:00", "")},
		"window in an hour that repeats, twice": {schedule: engine.Schedule{Zone: "Europe/Berlin", Windows: []engine.Window{{From: "02:00", To: "03:00"}}}, node: "m1", now: at("2026-10-25 01:30:00", "")},

		"soak ends after the window": {schedule: engine.Schedule{Soak: 24 * engine.Hour, Windows: []engine.Window{{From: "19:00", To: "20:00"}}}, node: "m2", now: monday.Add(2 * time.Hour),
			past: []*engine.Run{past("m1", monday.Add(30*time.Minute), engine.Landed)}, want: "soak window", until: at("2026-03-04 19:00:00", "")},
		"time does not open the order": {schedule: engine.Schedule{Soak: 24 * engine.Hour}, node: "m3", now: monday.Add(2 * time.Hour), past: []*engine.Run{past("m1", monday, engine.Landed)}, want: "order soak"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.schedule.Order = order
			pb := &engine.Playbook{Schedule: test.schedule, Inputs: map[string]string{"playbook": "1"}}
			var held []string
			var refused *engine.NotYetError
			if err := engine.Guards(pb, test.node, test.now, test.past); errors.As(err, &refused) {
				for _, h := range refused.Holds {
					held = append(held, string(h.Guard))
				}
			} else {
				refused = &engine.NotYetError{}
			}
			held = slices.Compact(held)
			if got := strings.Join(held, " "); got != test.want {
				t.Errorf("held by %q, want %q: %v", got, test.want, refused)
			}
			if !refused.Until.Equal(test.until) {
				t.Errorf("until %v, want %v", refused.Until, test.until)
			}
		})
	}
}
