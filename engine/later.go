package engine

import (
	"fmt"
	"strings"
)

// StandsOn lists the runs among all, oldest first, that were built on what r left: later runs on the
// same node that changed a path of r and are not rolled back. They have to be undone before r.
func StandsOn(r *Run, all []*Run) []*Run {
	paths := map[string]bool{}
	for _, c := range Changes(r.Steps) {
		paths[c.At] = !strings.HasPrefix(c.At, untold) // that the same command ran later says nothing of what it was for
	}
	var later []*Run
	for _, o := range all {
		if o.ID == r.ID || o.Address != r.Address || !o.Began.After(r.Began) || o.FirstWrite.IsZero() || o.State == RolledBk {
			continue
		}
		for _, c := range Changes(o.Steps) {
			if paths[c.At] {
				later = append(later, o)
				break
			}
		}
	}
	return later
}

// MayUndo returns nil when an operator may roll r back now, else a *Problem. all are the runs on hosts of
// the inventory, oldest first. A run that has not ended may always go down: its node is the unverified one.
func MayUndo(r *Run, all []*Run) error {
	if r.State == RolledBk || r.FirstWrite.IsZero() {
		return &Problem{Code: Invalid, What: fmt.Sprintf("run %s left nothing to undo: %s", r.ID, r.State), Next: "hcrun show " + r.ID}
	}
	if r.State == Abandoned {
		return &Problem{Code: Invalid, What: fmt.Sprintf("run %s was given up: what stands on %s is not known to it any more", r.ID, r.Node), Next: "hcrun show " + r.ID + ", which has every change with its bytes"}
	}
	if r.Open() {
		return nil // nothing is begun on an open run; what seems later was dated by a clock that went wrong
	}
	if later := StandsOn(r, all); len(later) > 0 {
		last := later[len(later)-1].ID
		return &Problem{Code: Operator, What: fmt.Sprintf("run %s changed files of run %s after it; undo the later one first", last, r.ID), Now: "nothing was changed", Next: "hcrun rollback " + last}
	}
	for _, o := range all {
		if o.Node != r.Node && o.Dirty() {
			return &Problem{Code: Held, What: fmt.Sprintf("%s: %s is changed and not verified (run %s is %s); two nodes at a time are never touched", GuardOpen, o.Node, o.ID, o.State), Now: "nothing was changed on " + r.Node, Next: goOn(o)}
		}
	}
	return nil
}

// MayResume returns nil when an open run may be taken up again, else a *Problem. One that has written nothing
// may not: guards are asked when a run begins, and what they would say by now is not known.
func MayResume(r *Run) error {
	switch {
	case !r.Open():
		return &Problem{Code: Invalid, What: fmt.Sprintf("run %s is finished: %s", r.ID, r.State), Next: "hcrun show " + r.ID}
	case r.FirstWrite.IsZero():
		return &Problem{Code: Invalid, What: fmt.Sprintf("run %s has written nothing; it is not resumed, because the guards have to be asked again", r.ID), Now: situation(r), Next: "hcrun apply, again"}
	}
	return nil
}
