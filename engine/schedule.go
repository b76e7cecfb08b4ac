package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Schedule says when a node's turn comes. The zero value always allows.
type Schedule struct {
	Order   []string `json:"order,omitempty"`   // node names; empty: the inventory's order
	Soak    Duration `json:"soak,omitempty"`    // after the previous node landed
	PerDay  int      `json:"per_day,omitempty"` // nodes changed on one calendar day, 0: no limit
	Zone    string   `json:"zone,omitempty"`    // IANA name of the calendar's time zone; "" takes the first window's, else UTC
	Windows []Window `json:"windows,omitempty"` // when a node may be started; none: always
}

// Window is a span of the day, on some days of the week, in a time zone. A window whose To is not
// after its From runs past midnight and belongs to the day on which it began.
type Window struct {
	Days []string `json:"days,omitempty"` // "mon" to "sun"; empty: every day
	From string   `json:"from"`           // "19:00"
	To   string   `json:"to"`             // "23:00"; "24:00" is the end of the day
	Zone string   `json:"zone,omitempty"` // IANA name, "America/New_York"; "" is the schedule's
}

// GuardName names a guard on the command line and in the journal.
type GuardName string

// The guards.
const (
	GuardOrder  GuardName = "order"   // nodes before this one have not landed
	GuardSoak   GuardName = "soak"    // the previous node landed too short a time ago
	GuardPerDay GuardName = "per-day" // another node was changed on this calendar day
	GuardWindow GuardName = "window"  // outside the window
	GuardClean  GuardName = "clean"   // another node's run was eventful and nobody has acked it
	GuardOpen   GuardName = "open"    // another node's run is unfinished; cannot be overridden
	GuardInputs GuardName = "inputs"  // the playbook changed between two nodes (code InputsChanged)
	GuardGate   GuardName = "gate"    // a gate on the peers said no
	GuardClock  GuardName = "clock"   // the clock has gone backwards since a recorded event
)

// Hold is one guard's refusal.
type Hold struct {
	Guard GuardName
	Until time.Time // when it would open by itself; zero: not by waiting
	Why   string    // one sentence
}

// NotYetError is the refusal of one or more guards.
type NotYetError struct {
	Node  string
	Holds []Hold
	Until time.Time // earliest time at which all would be open; zero: not by waiting alone
}

// Error is one line a guard.
func (e *NotYetError) Error() string {
	var b strings.Builder
	for i, h := range e.Holds {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", h.Guard, h.Why)
	}
	return b.String()
}

// Location is the time zone of the schedule's calendar.
func (s Schedule) Location() (*time.Location, error) {
	zone := s.Zone
	if zone == "" && len(s.Windows) > 0 {
		zone = s.Windows[0].Zone
	}
	return location(zone)
}

func location(zone string) (*time.Location, error) {
	if zone == "" {
		return time.UTC, nil
	}
	if zone == "Local" {
		return nil, fmt.Errorf(`"Local" differs from machine to machine: name a time zone, such as "Europe/Berlin"`)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone: write its IANA name, such as %q", zone, "America/New_York")
	}
	return loc, nil
}

// Validate checks the names of nodes, days, times and zones.
func (s Schedule) Validate() error {
	if _, err := s.Location(); err != nil {
		return err
	}
	if s.PerDay < 0 {
		return fmt.Errorf("per_day is %d: write how many nodes may be changed on one day, or 0 for no limit", s.PerDay)
	}
	for i, n := range s.Order {
		if !ValidName(n) {
			return fmt.Errorf("order: %q cannot name a node", n)
		}
		if slices.Contains(s.Order[:i], n) {
			return fmt.Errorf("order: %q is listed twice", n)
		}
	}
	for _, w := range s.Windows {
		if _, err := s.span(w); err != nil {
			return err
		}
	}
	return nil
}

// span is a Window made ready to ask: minutes of the day, and its zone.
type span struct {
	days     [7]bool // by time.Weekday
	from, to int
	zone     *time.Location
}

func (s Schedule) span(w Window) (span, error) {
	zone, err := s.Location()
	if w.Zone != "" {
		zone, err = location(w.Zone)
	}
	if err != nil {
		return span{}, err
	}
	sp := span{zone: zone}
	for i, d := range weekdays() {
		sp.days[i] = len(w.Days) == 0 || slices.Contains(w.Days, d)
	}
	for _, d := range w.Days {
		if !slices.Contains(weekdays(), d) {
			return span{}, fmt.Errorf("window: %q is not a day: write one of %s", d, strings.Join(weekdays(), ", "))
		}
	}
	if sp.from, err = minuteOfDay(w.From); err != nil {
		return span{}, fmt.Errorf("window: from: %w", err)
	}
	if sp.to, err = minuteOfDay(w.To); err != nil {
		return span{}, fmt.Errorf("window: to: %w", err)
	}
	if sp.from == sp.to || sp.from == minutesADay {
		return span{}, fmt.Errorf("window: from %s to %s is empty; a whole day is from 00:00 to 24:00", w.From, w.To)
	}
	return sp, nil
}

// weekdays are the names of the days, by time.Weekday.
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

const minutesADay = 24 * 60

func minuteOfDay(s string) (int, error) {
	if s == "24:00" {
		return minutesADay, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf(`%q is not a time of day: write hours and minutes, such as "09:30"`, s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// open reports whether the wall clock at t stands within the span. By the wall clock, an hour that a
// zone's daylight saving skips never comes, and one that it repeats comes twice.
func (sp span) open(t time.Time) bool {
	t = t.In(sp.zone)
	day, now := t.Weekday(), t.Hour()*60+t.Minute()
	if sp.from < sp.to {
		return sp.days[day] && sp.from <= now && now < sp.to
	}
	yesterday := (day + 6) % 7
	return sp.days[day] && now >= sp.from || sp.days[yesterday] && now < sp.to
}

// searchSpan bounds the search for the next window. Windows come back every week; one that daylight
// saving swallows comes back in the week after.
const searchSpan = 15 * 24 * time.Hour

// nextOpen is the first moment at or after t at which a window is open; ok is false when there is
// none within searchSpan.
func (s Schedule) nextOpen(t time.Time) (time.Time, bool) {
	if len(s.Windows) == 0 {
		return t, true
	}
	var spans []span
	for _, w := range s.Windows {
		if sp, err := s.span(w); err == nil {
			spans = append(spans, sp)
		}
	}
	// Windows and changes of the clock both fall on whole minutes, so looking at each is exact.
	for at := t; at.Before(t.Add(searchSpan)); at = at.Truncate(time.Minute).Add(time.Minute) {
		if slices.ContainsFunc(spans, func(sp span) bool { return sp.open(at) }) {
			return at, true
		}
	}
	return time.Time{}, false
}
