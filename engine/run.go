package engine

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// PlannedStep is all that resume and rollback need of a step.
type PlannedStep struct {
	Kind       string          `json:"kind"`
	Name       string          `json:"name"`
	Changes    []Change        `json:"changes,omitempty"`
	Check      json.RawMessage `json:"check,omitempty"` // a Checker's own fields, to ask again on resume
	OnRollback bool            `json:"on_rollback,omitempty"`
	OnFailure  OnFailure       `json:"on_failure,omitempty"`
	Skip       bool            `json:"skip,omitempty"` // "when" was false
	Tags       []string        `json:"tags,omitempty"`
	Timeout    Duration        `json:"timeout,omitempty"`
	Retry      int             `json:"retry,omitempty"`
	RetryPause Duration        `json:"retry_pause,omitempty"`
	DelegateTo string          `json:"delegate_to,omitempty"`
}

// ID is the step as operators name it: kind.name.
func (s PlannedStep) ID() string { return s.Kind + "." + s.Name }

// PlannedGate is a gate as a run remembers it.
type PlannedGate struct {
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	On        GateOn          `json:"on"`
	Check     json.RawMessage `json:"check"`
	OnFailure OnFailure       `json:"on_failure,omitempty"`
}

// State is where a run stands.
type State string

// The states of a run.
const (
	Planned    State = "planned"      // nothing was written yet
	Applying   State = "applying"     // open, going up
	Undoing    State = "rolling back" // open, going down
	Landed     State = "landed"
	RolledBk   State = "rolled back"
	Untouched  State = "ended untouched"     // ended before anything was written: refused, stale, given up
	Unfinished State = "rollback incomplete" // open, going down, needs a person
	Abandoned  State = "abandoned"           // given up by an operator; what is true on the node is not known
)

// before reports whether a run that has ended so can end as o later: the other way round it is old news, whatever the
// clocks say of it.
func (s State) before(o State) bool {
	order := []State{Untouched, Landed, Abandoned, RolledBk}
	return slices.Index(order, s) < slices.Index(order, o)
}

// Run is one playbook on one node: a fold of its events, never stored.
type Run struct {
	ID string
	Opened
	Began, Ended time.Time // Ended is zero while the run is open
	FirstWrite   time.Time // of the first intent whose write may have happened, zero before it
	Latest       time.Time // of the newest event
	Backwards    bool      // an event is older than the one before it
	Steps        []PlannedStep
	State        State
	Next         Op   // the cursor: the operation to do next, in the direction of State
	InDoubt      bool // an intent without its settled
	Marks        map[int]MarkOf
	DownMarks    map[int]MarkOf
	Overrides    []Override
	Failed       []OpEvent   // what went wrong, in order
	Kept         []OpEvent   // evidence
	Answers      []GateEvent // what gates said, in order
	LeftPaths    []string
	Changed      bool // something was written by this run
	Clean        bool // landed, and nothing was out of the ordinary
	Acked        *Ack
	Armed        *ArmEvent // the node's switch, as it was armed last
	LastEnd      *End
	Turned       *End // why and by whom the run was pointed down, nil while it goes up

	planned   bool // its plan is on record
	disproven bool // a check failed, and what follows from it is not recorded yet
	undoFrom  Op   // where the way down began
	again     bool // the command in doubt may be run again
	undone    bool // nothing was marked on the way down since the last change was undone
}

// MarkOf is a check's mark, or that it is not needed.
type MarkOf struct {
	Mark Mark
	Skip bool
	Why  string // on the way down: why it could not be taken
}

// Left lists what the way down has left, and why.
func (r *Run) Left() []string {
	var all []string
	for _, at := range r.LeftPaths {
		if strings.HasPrefix(at, "/") {
			all = append(all, at+": others have filled it")
		} else {
			i := slices.IndexFunc(Changes(r.Steps), func(c Change) bool { return c.At == at && len(c.Cmd.Undo) == 0 })
			all = append(all, Changes(r.Steps)[i].Name()+": it cannot be undone")
		}
	}
	return all
}

// AsBefore says that the node is as it was before the run, as far as it can be.
func (r *Run) AsBefore() string {
	s := r.Node + " is as it was before run " + r.ID
	if slices.ContainsFunc(r.LeftPaths, func(at string) bool { return !strings.HasPrefix(at, "/") }) {
		s += ", but for what cannot be undone"
	}
	return s
}

// Open reports whether the run still has to be resumed or rolled back.
func (r *Run) Open() bool { return r.Ended.IsZero() }

// Dirty reports whether the node may be changed and is not verified: no other node may start.
func (r *Run) Dirty() bool { return r.Open() && !r.FirstWrite.IsZero() }

// HasChanges reports whether any step has a change.
func HasChanges(steps []PlannedStep) bool {
	for _, s := range steps {
		if len(s.Changes) > 0 {
			return true
		}
	}
	return false
}

// Changes lists every change of the steps, in order.
func Changes(steps []PlannedStep) []Change {
	var all []Change
	for _, s := range steps {
		all = append(all, s.Changes...)
	}
	return all
}
