package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Fold is the run that the events tell of. Events of an unknown kind are an error (a newer version
// wrote them), and so are events that cannot follow on each other.
func Fold(events []Event) (*Run, error) {
	if len(events) == 0 {
		return nil, errors.New("no records")
	}
	r := &Run{}
	for i, e := range events {
		if err := r.step(e); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
	}
	return r, nil
}

// clockStep is by how much a clock that is kept right may step back between two events.
const clockStep = time.Minute

// step applies one event. Engine applies what it records with the same function that a later process
// folds the journal with, so the two cannot differ. After an error r is of no use.
func (r *Run) step(e Event) error {
	if err := r.fits(e); err != nil {
		return fmt.Errorf("%s: %w", e.Kind, err)
	}
	r.Backwards = r.Backwards || e.At.Before(r.Latest.Add(-clockStep))
	if e.At.After(r.Latest) {
		r.Latest = e.At
	}
	switch e.Kind {
	case EvOpened:
		*r = Run{ID: e.Run, Opened: *e.Opened, Began: e.At, Latest: e.At, State: Planned, Marks: map[int]MarkOf{}, DownMarks: map[int]MarkOf{}}
	case EvPlanned:
		r.Steps, r.planned = e.Planned, true
		r.up(Op{})
	case EvOverride:
		r.Overrides = append(r.Overrides, *e.Override)
	case EvResumed:
		if r.State == Unfinished {
			r.State = Undoing
		}
	case EvGate:
		r.Answers = append(r.Answers, *e.Gate)
	case EvChecking, EvSaid:
	case EvEvidence:
		r.Kept = append(r.Kept, *e.Op)
	case EvMarked, EvIntent, EvDecided, EvSettled, EvChecked, EvFailed:
		r.operate(e)
	case EvTurned, EvPaused, EvLanded, EvRolledBack, EvIncomplete, EvAbandoned:
		r.end(e)
	case EvAck:
		a := *e.Ack
		a.At = e.At
		r.Acked = &a
	case EvArmed:
		r.Armed = e.Armed
	}
	return nil
}

// operate applies an event of one operation.
func (r *Run) operate(e Event) {
	op := *e.Op
	switch e.Kind {
	case EvMarked:
		m := MarkOf{Mark: op.Mark, Skip: op.Skip, Why: op.Text}
		if op.Down {
			r.DownMarks[op.Step], r.undone = m, false
		} else {
			r.Marks[op.Step] = m
		}
	case EvIntent:
		r.InDoubt, r.again = true, false
		if r.FirstWrite.IsZero() {
			r.FirstWrite = e.At
		}
		if r.State == Planned {
			r.State = Applying
		}
	case EvDecided:
		if r.again = op.How == Retried; op.How == Marked {
			r.InDoubt, r.Changed = false, true
			r.pass(op)
		}
	case EvSettled:
		r.InDoubt = false
		r.pass(op)
		if !op.Down {
			r.Changed, r.State = true, Applying
			if r.FirstWrite.IsZero() {
				r.FirstWrite = e.At
			}
			break
		}
		r.undone = true
		maps.DeleteFunc(r.DownMarks, func(_ int, m MarkOf) bool { return m.Skip })
		if op.How == Left {
			r.LeftPaths = append(r.LeftPaths, op.Path)
		}
	case EvChecked:
		if op.Down {
			delete(r.DownMarks, op.Step)
		} else {
			r.pass(op)
		}
	case EvFailed:
		r.fail(op)
	}
}

// fail applies that a check was disproven, or that the node could not do a write.
func (r *Run) fail(op OpEvent) {
	r.Failed = append(r.Failed, op)
	switch {
	case op.Down && !r.isCheck(Op{op.Step, op.Change}):
	case op.Down:
		// A mark that could not be taken cannot be asked again: resume goes on without this proof.
		if r.DownMarks[op.Step].Why != "" {
			delete(r.DownMarks, op.Step)
		}
	case op.Keep:
		r.pass(op)
	default:
		r.disproven = true
		if !r.isCheck(r.Next) && !op.Partly { // a write that the node refused is known not to have happened
			r.InDoubt = false
			if !r.Changed {
				r.FirstWrite = time.Time{}
			}
		}
	}
}

// end applies how the run, or a stretch of it, ended.
func (r *Run) end(e Event) {
	r.LastEnd = e.End
	switch e.Kind {
	case EvTurned:
		if r.Turned == nil || !r.falling() || e.End.By == bySwitch {
			r.Turned = e.End
		}
		r.turn()
		r.disproven, r.Acked = false, nil // what was acknowledged is no longer how the run ended
	case EvLanded:
		r.State, r.Ended = Landed, e.At
		r.Clean = e.End != nil && e.End.Clean
	case EvRolledBack:
		r.State, r.Ended, r.Clean = RolledBk, e.At, false
		if r.FirstWrite.IsZero() {
			r.State = Untouched
		}
	case EvAbandoned:
		r.State, r.Ended, r.Clean = Abandoned, e.At, false
	case EvIncomplete:
		r.State = Unfinished
	}
}

// fits returns nil when e can be what happened next.
func (r *Run) fits(e Event) error {
	switch {
	case (e.Kind == EvOpened) != (r.ID == ""):
		return errors.New("a run is opened first, and once")
	case e.Kind == EvOpened && e.Opened == nil, e.Kind == EvOverride && e.Override == nil,
		e.Kind == EvGate && e.Gate == nil, e.Kind == EvAck && e.Ack == nil, e.Kind == EvArmed && e.Armed == nil:
		return errors.New("says nothing")
	case e.Kind == EvPlanned && r.planned:
		return errors.New("a run is planned once")
	}
	switch e.Kind {
	case EvOpened, EvPlanned, EvOverride, EvGate, EvAck:
		return nil
	case EvResumed, EvPaused, EvRolledBack, EvIncomplete, EvAbandoned, EvArmed:
		if !r.Open() {
			return fmt.Errorf("the run is %s", r.State)
		}
		return nil
	case EvTurned:
		if !r.Open() && r.State != Landed {
			return fmt.Errorf("the run is %s", r.State)
		}
		return nil
	case EvLanded:
		if !r.planned || !r.atEnd() || r.falling() {
			return errors.New("not every operation is done")
		}
		return nil
	case EvMarked, EvIntent, EvDecided, EvSettled, EvChecking, EvChecked, EvSaid, EvFailed, EvEvidence:
		return r.fitsOp(e)
	}
	return fmt.Errorf("unknown event")
}

// fitsOp is fits for the events of one operation.
func (r *Run) fitsOp(e Event) error {
	if e.Op == nil {
		return errors.New("says nothing")
	}
	op := Op{e.Op.Step, e.Op.Change}
	if op.Step < 0 || op.Step >= len(r.Steps) || op.Change < 0 || op.Change > len(r.Steps[op.Step].Changes) {
		return fmt.Errorf("there is no operation %d of step %d", op.Change, op.Step)
	}
	switch e.Kind {
	case EvIntent, EvSettled:
		if op != r.Next || e.Op.Down != r.falling() || r.isCheck(op) || !r.Open() {
			return fmt.Errorf("operation %d of step %d is not the next", op.Change, op.Step)
		}
	case EvDecided:
		if op != r.Next || !r.undecided() || e.Op.Down || e.Op.How != Marked && e.Op.How != Retried || e.End == nil || e.End.User == "" {
			return fmt.Errorf("operation %d of step %d is in no doubt that a person could end", op.Change, op.Step)
		}
	case EvChecked:
		if !e.Op.Down && (op != r.Next || !r.isCheck(op) || r.falling()) {
			return fmt.Errorf("the check of step %d is not the next", op.Step)
		}
	case EvFailed:
		if !e.Op.Down && (op != r.Next || r.falling()) {
			return fmt.Errorf("operation %d of step %d is not the next", op.Change, op.Step)
		}
	}
	return nil
}

// clone is a copy that step can be tried on.
func (r *Run) clone() *Run {
	c := *r
	c.Marks, c.DownMarks = maps.Clone(r.Marks), maps.Clone(r.DownMarks)
	c.Overrides, c.Failed, c.Kept = slices.Clip(r.Overrides), slices.Clip(r.Failed), slices.Clip(r.Kept)
	c.Answers, c.LeftPaths = slices.Clip(r.Answers), slices.Clip(r.LeftPaths)
	return &c
}
