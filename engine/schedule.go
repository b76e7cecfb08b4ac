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
	Windows []Window `json:"windows,omitempty"` // when a node may be started; none: always
}

// Window is a span of the day, on some days of the week, in a time zone. A window whose To is not
// after its From runs past midnight and belongs to the day on which it began.
type Window struct {
	Days []string `json:"days,omitempty"` // "mon" to "sun"; empty: every day
	From string   `json:"from"`           // "19:00"
	To   string   `json:"to"`             // "23:00"; "24:00" is the end of the day
	Zone string   `json:"zone,omitempty"` // IANA name, "America/New_York"; "" is UTC
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

// Validate checks names of days, times and zones.
func (s Schedule) Validate() error { panic("being written") }

// Allows returns nil or a *NotYetError. past are the runs of this playbook, oldest first.
func (s Schedule) Allows(node string, now time.Time, past []*Run) error { panic("being written") }
