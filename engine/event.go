package engine

import (
	"encoding/json"
	"time"
)

// Event is one thing that happened to a run. The journal and every display read the same events; a
// Run is a fold of them. Exactly one of the pointers is set, that which Kind names.
type Event struct {
	Run  string    `json:"run"`
	At   time.Time `json:"at"`
	Kind EventKind `json:"kind"`

	Opened   *Opened       `json:"opened,omitempty"`
	Planned  []PlannedStep `json:"planned,omitempty"`
	Override *Override     `json:"override,omitempty"`
	Op       *OpEvent      `json:"op,omitempty"`   // intent, settled, marked, checking, checked, said, evidence, failed
	Gate     *GateEvent    `json:"gate,omitempty"` // gate
	End      *End          `json:"end,omitempty"`  // turned, paused, landed, rolled-back, incomplete
	Ack      *Ack          `json:"ack,omitempty"`
	Armed    *ArmEvent     `json:"armed,omitempty"`
}

// EventKind names what happened.
type EventKind string

// The kinds of events, in the order in which a run first sees them.
const (
	EvOpened     EventKind = "opened"      // the run exists
	EvPlanned    EventKind = "planned"     // all before- and after-images are durable
	EvOverride   EventKind = "override"    // a guard was overridden, recorded before it opened anything
	EvResumed    EventKind = "resumed"     // somebody took it up again
	EvGate       EventKind = "gate"        // a gate answered
	EvMarked     EventKind = "marked"      // a check remembered what "new" will mean
	EvArmed      EventKind = "armed"       // the node undoes the run by itself, unless that is put off or confirmed
	EvIntent     EventKind = "intent"      // a write is about to leave
	EvDecided    EventKind = "decided"     // an operator says whether a command in doubt ran
	EvSettled    EventKind = "settled"     // the write is acknowledged, or was there already
	EvChecking   EventKind = "checking"    // a check begins
	EvSaid       EventKind = "said"        // what a check sees while it waits; with a path, that the copy on the node was taken
	EvChecked    EventKind = "checked"     // proven
	EvFailed     EventKind = "failed"      // disproven, drifted, or not to be done
	EvEvidence   EventKind = "evidence"    // kept for the operator, before the failure that it belongs to
	EvTurned     EventKind = "turned"      // from here on the run goes down: rollback
	EvPaused     EventKind = "paused"      // stopped in the middle; resume goes on
	EvLanded     EventKind = "landed"      // all done and verified
	EvRolledBack EventKind = "rolled-back" // all undone and verified
	EvIncomplete EventKind = "incomplete"  // the rollback could not finish
	EvAbandoned  EventKind = "abandoned"   // given up by an operator: the node is gone, or put right by hand
	EvAck        EventKind = "ack"         // an operator has seen an eventful run and lets the next node go
)

// Opened says what a run is.
type Opened struct {
	Playbook  string            `json:"playbook"`
	Source    string            `json:"source,omitempty"`    // the playbook as it was named on the command line, absolute
	Inventory string            `json:"inventory,omitempty"` // the inventory file, absolute
	Node      string            `json:"node"`
	Address   string            `json:"address"`           // host:port, or lab:ID
	Machine   string            `json:"machine,omitempty"` // that the plan was made on, as Claimable says it; "": not known
	Group     string            `json:"group,omitempty"`
	User      string            `json:"user"` // who runs hcrun, user@host
	Version   string            `json:"version"`
	Inputs    map[string]string `json:"inputs,omitempty"`
	Zone      string            `json:"zone,omitempty"`   // the schedule's time zone
	Pace      float64           `json:"pace,omitempty"`   // of a lab
	Within    Duration          `json:"within,omitempty"` // how long the node waits for a confirmation; 0: it has no switch
	Off       string            `json:"off,omitempty"`    // why it has none
	Gates     []PlannedGate     `json:"gates,omitempty"`
	Hidden    *Content          `json:"hidden,omitempty"` // for Veil.Unpack; kept sealed
}

// Override is a guard that was opened by name and with a reason.
type Override struct {
	Guard  string `json:"guard"`
	Reason string `json:"reason"`
	User   string `json:"user"`
	Held   string `json:"held"` // what the guard said
}

// OpEvent belongs to one step, and for a write to one change of it.
type OpEvent struct {
	Step   int             `json:"step"`
	Change int             `json:"change,omitempty"` // index of the step's changes
	Down   bool            `json:"down,omitempty"`   // during rollback
	Path   string          `json:"path,omitempty"`
	How    How             `json:"how,omitempty"`    // settled
	Mark   json.RawMessage `json:"mark,omitempty"`   // marked
	Skip   bool            `json:"skip,omitempty"`   // marked: the check is not needed
	Text   string          `json:"text,omitempty"`   // said, failed; the name of evidence
	Hint   string          `json:"hint,omitempty"`   // failed
	Blob   *Content        `json:"blob,omitempty"`   // evidence
	Keep   bool            `json:"keep,omitempty"`   // failed: on_failure = "eventful", the run goes on
	Partly bool            `json:"partly,omitempty"` // failed: a command, and how far it came is not known
}

// How says what settle found or did.
type How string

// How a change was settled.
const (
	Wrote   How = "wrote"   // put, and seen to be there
	Already How = "already" // it was there, perhaps from a run that crashed before it could say so
	Left    How = "left"    // others have filled it, or it cannot be undone; it is kept and reported
	Later   How = "later"   // a command that only runs when it is undone
	Marked  How = "marked"  // decided: an operator says that the command ran
	Retried How = "retried" // decided: an operator has it run again
)

// GateEvent is the answer of a gate about one node.
type GateEvent struct {
	Gate string `json:"gate"`
	Node string `json:"node"`
	When string `json:"when"` // "before" or "after"
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// End is how a run, or a stretch of it, ended.
type End struct {
	Why     string   `json:"why,omitempty"`
	Code    Code     `json:"code,omitempty"`
	Changed bool     `json:"changed,omitempty"` // landed: something was written
	Clean   bool     `json:"clean,omitempty"`   // landed: nothing was out of the ordinary
	Left    []string `json:"left,omitempty"`    // rolled-back: paths that were kept because others have filled them; turned by the switch: what it left, and why
	User    string   `json:"user,omitempty"`    // resumed, abandoned, decided
	// Elsewhere says that the node had been rolled back already, by whoever had a copy of the journal.
	Elsewhere bool   `json:"elsewhere,omitempty"`
	By        string `json:"by,omitempty"` // turned: "hcrun" after a failed check, "switch", or the operator
}

// ArmEvent is a switch that was armed.
type ArmEvent struct {
	Until time.Time `json:"until"`          // when it fires, by the clock of whoever armed it
	Weak  bool      `json:"weak,omitempty"` // it would not survive a reboot of the node
}

// Ack is an operator's word that an eventful run was looked at.
type Ack struct {
	Reason string    `json:"reason"`
	User   string    `json:"user"`
	At     time.Time `json:"at,omitzero"` // in a ledger only: a journal has the event's own
}
