package engine

import (
	"encoding/json"
	"fmt"
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
	Unfinished State = "rollback incomplete" // open, going down, needs a person
)

// Run is one playbook on one node: a fold of its events, never stored.
type Run struct {
	ID string
	Opened
	Began, Ended time.Time // Ended is zero while the run is open
	FirstWrite   time.Time // of the first intent, zero before it
	Steps        []PlannedStep
	State        State
	Next         Op   // the cursor: the operation to do next, in the direction of State
	InDoubt      bool // an intent without its settled
	Marks        map[int]MarkOf
	DownMarks    map[int]MarkOf
	Overrides    []Override
	Failed       []OpEvent // what went wrong, in order
	Kept         []OpEvent // evidence
	LeftPaths    []string
	Changed      bool // something was written by this run
	Clean        bool // landed, and nothing was out of the ordinary
	Acked        *Ack
	LastEnd      *End
}

// MarkOf is a check's mark, or that it is not needed.
type MarkOf struct {
	Mark Mark
	Skip bool
}

// Op is one operation of a run: change number Change of step Step, or the step's check, which has the
// number after its last change. Steps without either are passed over.
type Op struct{ Step, Change int }

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

// ops is the number of operations of step i.
func (r *Run) ops(i int) int {
	n := len(r.Steps[i].Changes)
	if r.Steps[i].Check != nil {
		n++
	}
	return n
}

// isCheck reports whether op is the check of its step.
func (r *Run) isCheck(op Op) bool { return op.Change == len(r.Steps[op.Step].Changes) }

// atEnd reports whether the cursor has passed the last operation.
func (r *Run) atEnd() bool { return r.Next.Step >= len(r.Steps) }

// atStart reports whether the cursor has passed the first operation on the way down.
func (r *Run) atStart() bool { return r.Next.Step < 0 }

// up moves the cursor to the next operation at or after op.
func (r *Run) up(op Op) {
	for op.Step < len(r.Steps) && op.Change >= r.ops(op.Step) {
		op = Op{op.Step + 1, 0}
	}
	r.Next = op
}

// down moves the cursor to the last change before op, or below the first. Checks are passed over: on
// the way down they belong to the change that they stood behind (see DownMarks).
func (r *Run) down(op Op) {
	op.Change--
	for op.Change < 0 {
		op.Step--
		if op.Step < 0 {
			break
		}
		op.Change = len(r.Steps[op.Step].Changes) - 1
	}
	r.Next = op
}

// Fold is the run that the events tell of. Events of an unknown kind are an error: a newer version
// wrote them.
func Fold(events []Event) (*Run, error) {
	r := &Run{}
	for i, e := range events {
		if err := r.step(e); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("no records")
	}
	return r, nil
}

// step applies one event. Engine applies what it records with the same function that a later process
// folds the journal with, so the two cannot differ.
func (r *Run) step(e Event) error {
	if r.ID == "" && e.Kind != EvOpened {
		return fmt.Errorf("the run begins with %q", e.Kind)
	}
	if e.Op != nil && (e.Op.Step < 0 || e.Op.Step >= len(r.Steps)) {
		return fmt.Errorf("%s of step %d: there is no such step", e.Kind, e.Op.Step)
	}
	switch e.Kind {
	case EvOpened:
		if e.Opened == nil || r.ID != "" {
			return fmt.Errorf("opened: not expected here")
		}
		*r = Run{ID: e.Run, Opened: *e.Opened, Began: e.At, State: Planned, Marks: map[int]MarkOf{}, DownMarks: map[int]MarkOf{}}
	case EvPlanned:
		r.Steps = e.Planned
		r.up(Op{})
	case EvOverride:
		if e.Override != nil {
			r.Overrides = append(r.Overrides, *e.Override)
		}
	case EvResumed:
		r.State = openState(r.State)
	case EvGate, EvChecking, EvSaid:
	case EvMarked:
		if e.Op == nil {
			return fmt.Errorf("marked: no operation")
		}
		marks := r.Marks
		if e.Op.Down {
			marks = r.DownMarks
		}
		marks[e.Op.Step] = MarkOf{e.Op.Mark, e.Op.Skip}
	case EvIntent:
		if r.FirstWrite.IsZero() {
			r.FirstWrite = e.At
		}
		if r.State == Planned {
			r.State = Applying
		}
		r.InDoubt = true
	case EvSettled:
		if e.Op == nil {
			return fmt.Errorf("settled: no operation")
		}
		r.InDoubt = false
		r.pass(*e.Op)
		if e.Op.Down {
			if e.Op.How == Left {
				r.LeftPaths = append(r.LeftPaths, e.Op.Path)
			}
		} else {
			r.Changed = true
		}
	case EvChecked:
		if e.Op == nil {
			return fmt.Errorf("checked: no operation")
		}
		if e.Op.Down {
			delete(r.DownMarks, e.Op.Step)
		} else {
			r.pass(*e.Op)
		}
	case EvFailed:
		if e.Op == nil {
			return fmt.Errorf("failed: no operation")
		}
		r.Failed, r.InDoubt = append(r.Failed, *e.Op), false // a failed write is known not to have happened
		if e.Op.Keep {
			r.pass(*e.Op)
		}
	case EvEvidence:
		if e.Op != nil {
			r.Kept = append(r.Kept, *e.Op)
		}
	case EvTurned:
		r.turn()
		r.LastEnd = e.End
	case EvPaused:
		r.LastEnd = e.End
	case EvLanded:
		r.State, r.Ended, r.LastEnd = Landed, e.At, e.End
		r.Clean = e.End != nil && e.End.Clean
	case EvRolledBack:
		r.State, r.Ended, r.LastEnd, r.Clean = RolledBk, e.At, e.End, false
	case EvIncomplete:
		r.State, r.LastEnd = Unfinished, e.End
	case EvAck:
		r.Acked = e.Ack
	default:
		return fmt.Errorf("unknown event %q", e.Kind)
	}
	return nil
}

// openState is the state of a run that is taken up again.
func openState(s State) State {
	if s == Unfinished {
		return Undoing
	}
	return s
}

// pass moves the cursor past op in the direction it was done in.
func (r *Run) pass(op OpEvent) {
	if op.Down {
		r.down(Op{op.Step, op.Change})
	} else {
		r.up(Op{op.Step, op.Change + 1})
	}
}

// turn points the run down. What is at the cursor may have happened (a write in doubt, a check that
// failed), so the way down begins with it; what is above it has not.
func (r *Run) turn() {
	if r.State == Undoing || r.State == Unfinished {
		r.State = Undoing
		return
	}
	r.State, r.Ended, r.Clean = Undoing, time.Time{}, false
	if r.atEnd() {
		r.down(Op{len(r.Steps), 0})
		return
	}
	if !r.InDoubt {
		r.down(r.Next)
	}
	r.InDoubt = false
}
