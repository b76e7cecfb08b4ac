package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// calendar is a Schedule made ready to ask.
type calendar struct {
	zone     *time.Location
	openings []opening
	freezes  []frozen // in the order in which they begin
}

// opening is a Window: which days it begins on, and from when until when after midnight.
type opening struct {
	days     [7]bool // by time.Weekday
	from, to time.Duration
	zone     *time.Location
}

// frozen is a Freeze.
type frozen struct {
	span
	reason string
}

// calendar reads all that is written in the schedule.
func (s Schedule) calendar() (calendar, error) {
	r := reading{}
	c := calendar{zone: time.UTC}
	if zone, err := s.Location(); err == nil {
		c.zone = zone
	} else if s.Zone != "" {
		r.fail("timezone", err)
	}
	if s.PerDay < 0 {
		r.fail("per_day", fmt.Errorf("%d is less than none: write how many nodes may be changed on one day, or 0 for no limit", s.PerDay))
	}
	if s.Needs.D() > longestRun {
		r.fail("needs", fmt.Errorf("%s is longer than a week: write how long one node's run, and its rollback, may take", s.Needs))
	}
	for i, n := range s.Order {
		if !ValidName(n) {
			r.fail("order", fmt.Errorf("%q cannot name a node", n))
		}
		if slices.Contains(s.Order[:i], n) {
			r.fail("order", fmt.Errorf("%q is listed twice", n))
		}
	}
	for i, w := range s.Windows {
		r.block, r.index = "window", i
		c.openings = append(c.openings, r.window(w, c.zone))
	}
	for i, f := range s.Freezes {
		r.block, r.index = "freeze", i
		c.freezes = append(c.freezes, r.freeze(f, c.zone)...)
	}
	slices.SortStableFunc(c.freezes, func(a, b frozen) int { return a.from.Compare(b.from) })
	return c, errors.Join(r.errs...)
}

// reading is the reading of a schedule: the block it is at, and what was wrong so far.
type reading struct {
	block string
	index int
	errs  []error
}

func (r *reading) fail(field string, err error) {
	r.errs = append(r.errs, &ScheduleError{Block: r.block, Index: r.index, Field: field, Err: err})
}

func (r *reading) zone(name string, otherwise *time.Location) *time.Location {
	if name == "" {
		return otherwise
	}
	zone, err := location(name)
	if err != nil {
		r.fail("timezone", err)
		return otherwise
	}
	return zone
}

func (r *reading) window(w Window, zone *time.Location) opening {
	o := opening{zone: r.zone(w.Zone, zone)}
	for i, d := range weekdays() {
		o.days[i] = len(w.Days) == 0 || slices.Contains(w.Days, d)
	}
	for _, d := range w.Days {
		if !slices.Contains(weekdays(), d) {
			r.fail("days", fmt.Errorf("%q is not a day: write one of %s", d, strings.Join(weekdays(), ", ")))
		}
	}
	var fromErr, toErr error
	if o.from, fromErr = timeOfDay(w.From); fromErr != nil {
		r.fail("from", fromErr)
	}
	if o.to, toErr = timeOfDay(w.To); toErr != nil {
		r.fail("to", toErr)
	}
	switch {
	case fromErr != nil || toErr != nil:
	case o.from == aDay:
		r.fail("from", fmt.Errorf("24:00 is the end of a day: write 00:00 for the beginning of the next"))
	case o.from == o.to:
		r.fail("to", fmt.Errorf("a window from %s to %s is empty: write from 00:00 to 24:00 for a whole day", w.From, w.To))
	case o.to < o.from:
		o.to += aDay
	}
	return o
}

// weekdays are the names of the days, by time.Weekday.
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

func timeOfDay(s string) (time.Duration, error) {
	const layout = "15:04"
	if s == "24:00" {
		return aDay, nil
	}
	t, err := time.Parse(layout, s)
	if err != nil || len(s) != len(layout) {
		return 0, fmt.Errorf(`%q is not a time of day: write hours and minutes, such as "09:30"`, s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// freeze is empty where the calendar of the zone has skipped all of it.
func (r *reading) freeze(f Freeze, zone *time.Location) []frozen {
	zone = r.zone(f.Zone, zone)
	from, _, fromErr := dateAndTime(f.From)
	if fromErr != nil {
		r.fail("from", fromErr)
	}
	to, whole, toErr := dateAndTime(f.To)
	if toErr != nil {
		r.fail("to", toErr)
	}
	if whole {
		to = to.Add(aDay)
	}
	switch {
	case strings.TrimSpace(f.Reason) == "":
		r.fail("reason", errors.New(`it is empty: write what holds, such as "year end", for whoever asks why`))
	case strings.ContainsFunc(f.Reason, unicode.IsControl):
		r.fail("reason", errors.New("it has more than one line: write it as one"))
	}
	if fromErr != nil || toErr != nil {
		return nil
	}
	if !from.Before(to) {
		r.fail("to", fmt.Errorf("%s is not after %s: write the last day that is frozen, or the time at which it ends", f.To, f.From))
		return nil
	}
	// No calendar has skipped two days, and no clock was put back by as much.
	begin := during(from, earlier(from.Add(2*aDay), to), zone)
	end := during(later(from, to.Add(-2*aDay)), to, zone)
	if len(begin) == 0 || len(end) == 0 {
		return nil
	}
	return []frozen{{span{begin[0].from, end[len(end)-1].to, zone}, f.Reason}}
}

// dateAndTime reads "2026-12-20", which is whole, or "2026-12-20 18:00".
func dateAndTime(s string) (at time.Time, whole bool, err error) {
	const minutes = "2006-01-02 15:04"
	if at, err = time.Parse(time.DateOnly, s); err == nil {
		return at, true, nil
	}
	if at, err = time.Parse(minutes, s); err != nil || len(s) != len(minutes) {
		return at, false, fmt.Errorf(`%q is not a date of the calendar: write "2026-12-20", or "2026-12-20 18:00"`, s)
	}
	return at, false, nil
}

// on are the spans of the window that begins on a date, among some stills of its zone.
func (o opening) on(date time.Time, all []still) []span {
	if !o.days[date.Weekday()] {
		return nil
	}
	return shown(date.Add(o.from), date.Add(o.to), all)
}

// open are the spans in which a window is open, joined, as far as they matter from from until before to.
// None of them is cut within.
func (c calendar) open(from, to time.Time) []span {
	if len(c.openings) == 0 {
		return []span{{from, to, c.zone}}
	}
	var spans []span
	// A window ends within two days of the midnight of its date, and no zone is a day away from UTC.
	first, last := dateOf(from.UTC()).Add(-2*aDay-farthest), dateOf(to.UTC()).Add(2*farthest)
	for _, o := range c.openings {
		all := stills(first.Add(-farthest), last.Add(2*aDay+farthest), o.zone)
		for date := first; date.Before(last); date = date.Add(aDay) {
			spans = append(spans, o.on(date, all)...)
		}
	}
	return slices.DeleteFunc(merge(spans), func(s span) bool { return !s.to.After(from) || !s.from.Before(to) })
}

// stretch is how far the search for an open window goes at a time. Most windows come back every week.
const stretch = 8 * aDay

// next is the first span, from t on, in which a window is open for as long as a run needs; false when
// there is none before limit.
func (c calendar) next(t time.Time, needs time.Duration, limit time.Time) (span, bool) {
	for at := t; at.Before(limit); at = at.Add(stretch) {
		for _, s := range c.open(at, at.Add(stretch+needs)) {
			s.from = later(s.from, t)
			if s.from.Before(s.to) && s.length() >= needs {
				return s, true
			}
		}
	}
	return span{}, false
}

// now is the span from t on in which a window is open, if one is; its end counts as far as ahead.
func (c calendar) now(t time.Time, ahead time.Duration) (span, bool) {
	for _, s := range c.open(t, t.Add(ahead+1)) {
		if !s.from.After(t) {
			return span{t, s.to, s.zone}, true
		}
	}
	return span{}, false
}

// freeze is the first freeze that a run from t on would be in, and the first moment at which it would be
// in none.
func (c calendar) freeze(t time.Time, needs time.Duration) (f frozen, until time.Time, ok bool) {
	until = t
	for _, next := range c.freezes {
		if until.Before(next.to) && (until.Add(needs).After(next.from) || !until.Before(next.from)) {
			if !ok {
				f, ok = next, true
			}
			until = next.to
		}
	}
	return f, until, ok
}
