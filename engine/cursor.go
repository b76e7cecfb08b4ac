package engine

import "time"

// Op is one operation of a run: change number Change of step Step, or the step's check, which has the
// number after its last change. Steps without either are passed over.
type Op struct{ Step, Change int }

// before reports whether o comes before p on the way up.
func (o Op) before(p Op) bool { return o.Step < p.Step || o.Step == p.Step && o.Change < p.Change }

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

// change is the change that op makes on the way up.
func (r *Run) change(op Op) Change { return r.Steps[op.Step].Changes[op.Change] }

// atEnd reports whether the cursor has passed the last operation.
func (r *Run) atEnd() bool { return r.Next.Step >= len(r.Steps) }

// atStart reports whether the cursor has passed the first operation on the way down.
func (r *Run) atStart() bool { return r.Next.Step < 0 }

// falling reports whether the run is on its way down.
func (r *Run) falling() bool { return r.State == Undoing || r.State == Unfinished }

// up moves the cursor to the next operation at or after op.
func (r *Run) up(op Op) {
	for op.Step < len(r.Steps) && op.Change >= r.ops(op.Step) {
		op = Op{op.Step + 1, 0}
	}
	r.Next = op
}

// down moves the cursor to the last change before op, or below the first. Checks are passed over: on
// the way down they belong to the change that they stood behind (see DownMarks).
func (r *Run) down(op Op) { r.Next = r.changeBefore(op) }

// changeBefore is the last change before op, or an Op with a negative step.
func (r *Run) changeBefore(op Op) Op {
	op.Change--
	for op.Change < 0 {
		op.Step--
		if op.Step < 0 {
			break
		}
		op.Change = len(r.Steps[op.Step].Changes) - 1
	}
	return op
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
	if r.falling() {
		r.State, r.InDoubt = Undoing, false // who turns it again says anew what it is about to write
		return
	}
	switch {
	case r.atEnd():
		r.down(Op{len(r.Steps), 0})
	case !r.InDoubt:
		r.down(r.Next)
	}
	r.State, r.Ended, r.Clean, r.InDoubt, r.undoFrom = Undoing, time.Time{}, false, false, r.Next
}

// standing is what may be at each path that the run changes, were nobody else to touch it: one image,
// or two for a write in doubt. Paths are in the order of their first change.
func (r *Run) standing() (paths []string, may map[string][]Image) {
	may = map[string][]Image{}
	for i, s := range r.Steps {
		for j, c := range s.Changes {
			op := Op{i, j}
			if may[c.At] == nil {
				paths = append(paths, c.At)
				may[c.At] = []Image{c.Before}
			}
			switch {
			case op.before(r.Next):
				may[c.At] = []Image{c.After}
			case c.Cmd != nil && !r.FirstWrite.IsZero():
				may[c.At] = []Image{{Kind: Answer, AnyContent: true}} // it may depend on what earlier steps have left
			case op == r.Next && r.InDoubt:
				may[c.At] = []Image{c.Before, c.After}
			}
		}
	}
	return paths, may
}

// touched lists the paths that the way down had to restore, with what was there before the run.
func (r *Run) touched() (paths []string, was map[string]Image) {
	was = map[string]Image{}
	for i, s := range r.Steps {
		for j, c := range s.Changes {
			if r.undoFrom.before(Op{i, j}) {
				return paths, was
			}
			if _, ok := was[c.At]; !ok {
				paths = append(paths, c.At)
				was[c.At] = c.Before
			}
		}
	}
	return paths, was
}

// provenBy lists the steps whose check is to be run again once op is undone: those marked on_rollback
// that stood behind op, or behind a later change of the same path.
func (r *Run) provenBy(op Op) []int {
	var steps []int
	for i, s := range r.Steps {
		if s.Check == nil || !s.OnRollback || r.Marks[i].Skip {
			continue
		}
		behind := r.changeBefore(Op{i, len(s.Changes)})
		if behind.Step >= 0 && !behind.before(op) && r.change(behind).At == r.change(op).At {
			steps = append(steps, i)
		}
	}
	return steps
}

// pending lists the checks that were marked on the way down and have not answered yet, once no write
// is left between their mark and their answer.
func (r *Run) pending() []int {
	var steps []int
	for i := range r.Steps {
		if m, ok := r.DownMarks[i]; ok && !m.Skip && r.undone {
			steps = append(steps, i)
		}
	}
	return steps
}
