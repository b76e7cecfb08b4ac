package engine

import (
	"fmt"
	"strings"
	"time"
)

// Schedule says when a node's turn comes. The zero value always allows.
type Schedule struct {
	Order   []string `json:"order,omitempty"`   // node names; empty: the inventory's order
	Soak    Duration `json:"soak,omitempty"`    // after the previous node landed
	PerDay  int      `json:"per_day,omitempty"` // nodes changed on one calendar day, 0: no limit
	Zone    string   `json:"zone,omitempty"`    // IANA name of the calendar's time zone; "" takes the first window's, else UTC
	Needs   Duration `json:"needs,omitempty"`   // how long a run may take; 0: what Playbook.Needs works out
	Windows []Window `json:"windows,omitempty"` // when a node may be started; none: always
	Freezes []Freeze `json:"freezes,omitempty"` // when no node may be started
}

// Window is a span of the day, on some days of the week, in a time zone. It is open while calendar and
// clock on a wall there show a time from From until before To: a time that daylight saving skips is
// passed when the clock jumps over it, and one that it repeats comes twice. A window whose To is not
// after its From runs past midnight and belongs to the day on which it began.
type Window struct {
	Days []string `json:"days,omitempty"` // "mon" to "sun"; empty: every day
	From string   `json:"from"`           // "19:00"
	To   string   `json:"to"`             // "23:00"; "24:00" is the end of the day
	Zone string   `json:"zone,omitempty"` // IANA name, "America/New_York"; "" is the schedule's
}

// Freeze is a span of the calendar in which no node is started, and into which no run may reach. From and
// To are days, both frozen from midnight to midnight, or a day and a time, at which it begins or ends. A
// time that daylight saving repeats counts the first time as From and the last time as To.
type Freeze struct {
	From   string `json:"from"` // "2026-12-20" or "2026-12-20 18:00"
	To     string `json:"to"`
	Reason string `json:"reason"`
	Zone   string `json:"zone,omitempty"` // IANA name; "" is the schedule's
}

// GuardName names a guard on the command line and in the journal.
type GuardName string

// The guards.
const (
	GuardOrder   GuardName = "order"   // nodes before this one have not landed
	GuardSoak    GuardName = "soak"    // the previous node landed too short a time ago
	GuardPerDay  GuardName = "per-day" // another node was changed on this calendar day
	GuardWindow  GuardName = "window"  // outside the windows, or too late in one
	GuardFreeze  GuardName = "freeze"  // in a freeze, or too soon before one
	GuardClean   GuardName = "clean"   // another node's run was eventful and nobody has acked it
	GuardOpen    GuardName = "open"    // another node's run is unfinished; cannot be overridden
	GuardInputs  GuardName = "inputs"  // the playbook changed between two nodes (code InputsChanged)
	GuardGate    GuardName = "gate"    // a gate on the peers said no
	GuardPeers   GuardName = "peers"   // another node of the group does not say who holds it and what was done to it
	GuardMachine GuardName = "machine" // a node of the group is another machine than the one on record for it (code Identity)
	GuardClock   GuardName = "clock"   // the clock has gone backwards since a recorded event, or the node's is another one
)

// Hold is one guard's refusal.
type Hold struct {
	Guard GuardName
	Until time.Time // when it would open by itself, in the zone of its rule; zero: not by waiting
	Why   string    // one sentence
}

// NotYetError is the refusal of one or more guards.
type NotYetError struct {
	Node  string
	Holds []Hold
	Until time.Time // earliest time at which all would be open, in the zone of the window that is open then; zero: not by waiting alone
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
		return nil, fmt.Errorf(`"Local" differs from machine to machine: write a time zone's name, such as "Europe/Berlin"`)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone: write its IANA name, such as %q", zone, "America/New_York")
	}
	return loc, nil
}

// ScheduleError is an error of one field of a schedule, named as the playbook names it.
type ScheduleError struct {
	Block string // "window" or "freeze"; "": the field is the schedule's own
	Index int    // of Windows or Freezes
	Field string // "per_day"; "": the error is about all of the block
	Err   error
}

func (e *ScheduleError) Error() string {
	where := []string{"schedule"}
	if e.Block != "" {
		where = append(where, fmt.Sprintf("%s %d", e.Block, e.Index+1))
	}
	if e.Field != "" {
		where = append(where, e.Field)
	}
	return strings.Join(append(where, e.Err.Error()), ": ")
}

// Unwrap returns the cause.
func (e *ScheduleError) Unwrap() error { return e.Err }

// Validate checks all that is written in the schedule. Every error is a *ScheduleError, joined.
func (s Schedule) Validate() error {
	_, err := s.calendar()
	return err
}
