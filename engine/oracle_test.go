package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // zones are what is tested, whatever the machine knows of them

	"github.com/hcrun/hcrun/engine"
)

// wall is what calendar and clock on a wall show during one minute.
type wall struct {
	date int // 20260302
	time int // 1905
	day  string
}

// oracle decides a schedule by walking the minutes and looking at the clock on the wall: no arithmetic
// with zones, no spans. It knows the minutes from begin on, and nothing beyond its end.
type oracle struct {
	begin time.Time
	walls map[string][]wall // by zone
}

func newOracle(begin, end time.Time, zones ...string) *oracle {
	o := &oracle{begin: begin.Truncate(time.Minute), walls: map[string][]wall{}}
	for _, name := range zones {
		zone := must2(time.LoadLocation(name))
		walls := make([]wall, 0, end.Sub(begin)/time.Minute+1)
		for t := o.begin.In(zone); t.Before(end); t = t.Add(time.Minute) {
			y, m, d := t.Date()
			hour, minute, _ := t.Clock()
			walls = append(walls, wall{y*10000 + int(m)*100 + d, hour*100 + minute, weekdays()[t.Weekday()]})
		}
		o.walls[name] = walls
	}
	return o
}

func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

func hhmm(s string) int {
	var h, m int
	must2(fmt.Sscanf(s, "%d:%d", &h, &m))
	return h*100 + m
}

func eve(day string) string { return weekdays()[(slices.Index(weekdays(), day)+6)%7] }

// shown tells of a wall's clock whether it is in the window.
func shown(win engine.Window) func(wall) bool {
	on := map[string]bool{}
	for _, day := range weekdays() {
		on[day] = len(win.Days) == 0 || slices.Contains(win.Days, day)
	}
	from, to := hhmm(win.From), hhmm(win.To)
	if from < to {
		return func(w wall) bool { return from <= w.time && w.time < to && on[w.day] }
	}
	return func(w wall) bool { return from <= w.time && on[w.day] || w.time < to && on[eve(w.day)] }
}

// frozen marks the minutes from the first to the last that shows a time of the freeze.
func (o *oracle) frozen(f engine.Freeze, zone string, marks []bool) {
	number := func(s string, whole int) int {
		var y, m, d, h, min int
		if n, _ := fmt.Sscanf(s, "%d-%d-%d %d:%d", &y, &m, &d, &h, &min); n == 3 {
			h, min = whole/100, whole%100
		}
		return ((y*100+m)*100+d)*10000 + h*100 + min
	}
	from, to := number(f.From, 0), number(f.To, 2400)
	first, last := -1, -1
	for i, w := range o.walls[zone] {
		if shown := w.date*10000 + w.time; from <= shown && shown < to {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	for i := first; i >= 0 && i <= last; i++ {
		marks[i] = true
	}
}

// verdict is a schedule's answer for every minute.
type verdict struct {
	*oracle
	needs     time.Duration
	soaked    time.Time // the soak ends
	open      []bool    // a window, no freeze
	goesOn    []int     // the first minute after it that is not
	forbidden []bool    // by per_day
}

func otherwise(zone, def string) string {
	if zone == "" {
		return def
	}
	return zone
}

func (o *oracle) ask(s engine.Schedule, past []*engine.Run) *verdict {
	n := len(o.walls[s.Zone])
	v := &verdict{oracle: o, needs: s.Needs.D(), open: make([]bool, n), goesOn: make([]int, n), forbidden: make([]bool, n)}
	marks := make([]bool, n)
	for _, f := range s.Freezes {
		o.frozen(f, otherwise(f.Zone, s.Zone), marks)
	}
	changed := map[int]bool{}
	for _, r := range past {
		v.soaked = r.Ended.Add(s.Soak.D())
		changed[o.walls[s.Zone][o.minute(r.FirstWrite)].date] = s.PerDay > 0
	}
	open := make([]bool, n)
	for _, w := range s.Windows {
		in := shown(w)
		for i, wall := range o.walls[otherwise(w.Zone, s.Zone)] {
			open[i] = open[i] || in(wall)
		}
	}
	for i := n - 1; i >= 0; i-- {
		v.open[i] = (open[i] || len(s.Windows) == 0) && !marks[i]
		v.forbidden[i] = changed[o.walls[s.Zone][i].date]
		v.goesOn[i] = i + 1
		if i+1 < n && v.open[i+1] {
			v.goesOn[i] = v.goesOn[i+1]
		}
	}
	return v
}

func (o *oracle) minute(t time.Time) int { return int(t.Sub(o.begin) / time.Minute) }

// allows reports whether a moment in a minute is allowed.
func (v *verdict) allows(t time.Time) bool {
	i := v.minute(t)
	return v.open[i] && !v.forbidden[i] && !t.Before(v.soaked) && !v.at(v.goesOn[i]).Before(t.Add(v.needs))
}

func (o *oracle) at(minute int) time.Time { return o.begin.Add(time.Duration(minute) * time.Minute) }

// earliest is the first moment from t on that is allowed, false when the oracle does not know. It is a whole
// minute, or the end of the soak.
func (v *verdict) earliest(t time.Time) (time.Time, bool) {
	if v.allows(t) {
		return t, true
	}
	for i := v.minute(t) + 1; i < v.knows(); i++ {
		if v.open[i-1] && v.soaked.After(t) && v.minute(v.soaked) == i-1 && v.allows(v.soaked) {
			return v.soaked, true
		}
		if v.open[i] && v.allows(v.at(i)) {
			return v.at(i), true
		}
	}
	return time.Time{}, false
}

// knows is the first minute of which the oracle cannot say whether a run fits.
func (v *verdict) knows() int { return len(v.open) - int(v.needs/time.Minute) - 2 }

// compare asks engine and oracle about m2 at a moment, and the engine about its own answer.
func (v *verdict) compare(t *testing.T, s engine.Schedule, past []*engine.Run, now time.Time) {
	t.Helper()
	s.Order = []string{"m1", "m2"}
	pb := &engine.Playbook{Schedule: s, Inputs: map[string]string{"playbook": "1"}}
	complain := func(format string, args ...any) {
		t.Fatalf("%+v\nat %v\n%s", s, now.In(must2(time.LoadLocation(s.Zone))), fmt.Sprintf(format, args...))
	}
	held, isHeld := errors.AsType[*engine.NotYetError](engine.Guards(pb, "m2", now, past))
	want, known := v.earliest(now)
	switch {
	case isHeld == v.allows(now):
		complain("the oracle allows it: %v; the guards say %v", v.allows(now), held)
	case !isHeld:
		return
	case known && !held.Until.Equal(want):
		complain("the oracle's earliest is %v, the guards' %v: %v", want, held.Until, held)
	case !known && !held.Until.IsZero() && v.minute(held.Until) < v.knows():
		complain("the oracle knows no moment, the guards %v: %v", held.Until, held)
	case held.Until.IsZero():
		return
	}
	if err := engine.Guards(pb, "m2", held.Until, past); err != nil {
		complain("at its own earliest, %v, it is held: %v", held.Until, err)
	}
	if err := engine.Guards(pb, "m2", held.Until.Add(-time.Nanosecond), past); err == nil {
		complain("just before its own earliest, %v, it is not held", held.Until)
	}
}
