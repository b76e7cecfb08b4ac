package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The Problems that a run can end with, or stop at. What says what was being done and what is in the
// way, Now what is true on the node, Next the command to type.

// situation says what is true on the run's node, as far as its record knows.
func situation(r *Run) string {
	done, all := 0, 0
	for i, s := range r.Steps {
		for j := range s.Changes {
			if all++; (Op{i, j}).before(r.Next) || r.falling() && (Op{i, j}) == r.Next {
				done++
			}
		}
	}
	switch {
	case r.FirstWrite.IsZero():
		return "nothing was written to " + r.Node
	case r.State == Landed, r.State == RolledBk:
		return fmt.Sprintf("run %s on %s is %s", r.ID, r.Node, r.State)
	case r.falling():
		return fmt.Sprintf("%d of %d changes are still to be undone on %s; no other node may start", done, all, r.Node)
	}
	s := fmt.Sprintf("%d of %d changes stand on %s, not verified; no other node may start", done, all, r.Node)
	if r.Armed != nil {
		s += "; unless it is resumed before, the node undoes them by itself at " + r.clockTime(r.Armed.Until)
	}
	return s + r.doubt()
}

// doubt says who finds out about the operation at the cursor, "" when there is no doubt.
func (r *Run) doubt() string {
	switch {
	case !r.InDoubt:
		return ""
	case r.change(r.Next).Cmd == nil:
		return "; whether " + r.change(r.Next).At + " was written is in doubt, resume finds out"
	case r.undecided():
		return "; nothing tells whether " + r.change(r.Next).Name() + " has run"
	}
	return "; whether " + r.change(r.Next).Name() + " has run is in doubt, resume finds out"
}

// clockTime is a moment as the run's zone has it.
func (r *Run) clockTime(t time.Time) string {
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		zone = time.UTC
	}
	return t.In(zone).Format("15:04:05 MST")
}

// goOn are the commands that take an open run further.
func goOn(r *Run) string {
	if r.falling() {
		return "hcrun resume " + r.ID
	}
	return "hcrun resume " + r.ID + ", or hcrun rollback " + r.ID
}

// differs shows what is at a path and what was expected there, by hash.
func differs(at string, want []Image, got Image) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s", at, got)
	for i, w := range want {
		fmt.Fprintf(&b, "%s %s", []string{"; expected", ", or"}[min(i, 1)], w)
	}
	return b.String()
}

// over says that a run that has ended cannot be carried on.
func over(r *Run) *Problem {
	return &Problem{Code: Invalid, What: fmt.Sprintf("run %s has ended: %s", r.ID, r.State), Now: situation(r), Next: "hcrun apply, which begins a new run"}
}

func stale(r *Run, at string, want, got Image) *Problem {
	return &Problem{
		Code: Stale,
		What: "the node is no longer what the plan saw: " + differs(at, []Image{want}, got),
		Now:  "nothing was written to " + r.Node,
		Next: "hcrun apply, again, for a new plan",
	}
}

func conflict(r *Run, at string, want []Image, got Image) *Problem {
	c := &ConflictError{At: at, Got: got}
	if _, probe := ProbeOf(at); probe {
		return &Problem{
			Code: Conflict, What: "the state of " + r.Node + " is not what the run left", Now: differs(at, want, got) + "\n" + situation(r),
			Next: "hcrun show " + r.ID + "; look at " + r.Node + ", then " + goOn(r), Err: c,
		}
	}
	return &Problem{
		Code: Conflict,
		What: "somebody else has changed " + at + " on " + r.Node + "; it was not overwritten",
		Now:  differs(at, want, got) + "\n" + situation(r),
		Next: "hcrun show " + r.ID + "; put " + at + " right, then " + goOn(r),
		Err:  c,
	}
}

func notEmpty(r *Run, c Change) *Problem {
	p := conflict(r, c.At, []Image{c.Before}, c.Before)
	p.What = "others have filled " + c.At + " on " + r.Node + "; it was not removed"
	p.Now, p.Err = situation(r), ErrNotEmpty
	return p
}

func corrupt(r *Run, c Change, err error) *Problem {
	return &Problem{
		Code: Corrupt,
		What: fmt.Sprintf("the journal no longer has what is to stand at %s (%s): %v", c.At, c.After, err),
		Now:  situation(r),
		Next: "hcrun journal verify " + r.ID,
		Err:  err,
	}
}

func busy(r *Run, p *Problem) *Problem {
	return &Problem{Code: Busy, What: p.What, Now: situation(r), Next: goOn(r), Err: p}
}

// locked is a node that somebody else holds, or has taken over.
func locked(r *Run, held *ClaimedError) *Problem {
	p := &Problem{Code: Locked, What: held.Error(), Now: situation(r), Next: goOn(r), Err: held}
	switch held.By.Run {
	case "":
	case r.ID:
		p.Next = "let it go on there, or hcrun takeover " + r.ID + " --reason TEXT"
	default:
		p.Next = "the same command when that has ended; when nobody can go on with it: hcrun abandon " + held.By.Run + " --reason TEXT"
	}
	return p
}

func stopped(r *Run, cause error) *Problem {
	return &Problem{Code: Interrupted, What: fmt.Sprintf("run %s was stopped: %v", r.ID, cause), Now: situation(r), Next: goOn(r), Err: cause}
}

// unreachable is a node that does not answer, before anything was written.
func unreachable(r *Run, doing string, err error) *Problem {
	p := &Problem{Code: Unreachable, What: doing + ": " + err.Error(), Now: situation(r), Next: "hcrun apply, again", Err: err}
	if q, ok := errors.AsType[*Problem](err); ok {
		p.Code, p.What = q.Code, q.What
	}
	return p
}

// unknown is a node that does not answer after something was written.
func unknown(r *Run, doing string, err error) *Problem {
	return &Problem{
		Code: Unknown,
		What: fmt.Sprintf("%s: %v: %s does not answer, and what is true there is not known", doing, err, r.Node),
		Now:  situation(r),
		Next: goOn(r) + ", once " + r.Node + " can be reached",
		Err:  err,
	}
}

// unproven is a check that failed in a run that has written nothing: there is nothing to roll back.
func unproven(r *Run, d *disproof) *Problem {
	now := "nothing was written to " + r.Node
	if !HasChanges(r.Steps) {
		now += ": all that the playbook asks for is in place there, but it is not proven to work"
	}
	return &Problem{Code: d.code, What: d.why, Now: now, Next: "hcrun show " + r.ID + "; then hcrun apply, again"}
}

func heldByGate(r *Run, why []string) *Problem {
	return &Problem{
		Code: Held,
		What: strings.Join(why, "\n"),
		Now:  "nothing was written to " + r.Node,
		Next: "hcrun apply, again, once the other nodes are well (or with --override gate --reason TEXT)",
	}
}

// rolledBack is a run that a check or gate has turned, and that is down.
func rolledBack(r *Run) *Problem {
	var what strings.Builder
	if r.Turned != nil {
		what.WriteString(r.Turned.Why)
	}
	if names := r.evidenceNames(); names != "" {
		what.WriteString("\nevidence kept: " + names)
	}
	now := r.AsBefore() + ", and was seen to be so; the next node is held"
	if len(r.LeftPaths) > 0 {
		now += "\nleft: " + strings.Join(r.Left(), "; ")
	}
	return &Problem{
		Code: RolledBack, What: what.String(), Now: now,
		Next: "hcrun show " + r.ID + "; once the cause is known, hcrun ack " + r.ID + " --reason TEXT",
	}
}

// fired is a run that the node has undone by itself, and that was seen to be undone.
func fired(r *Run) *Problem {
	p := rolledBack(r)
	p.Code = Fired
	p.What = "the dead-man's switch of " + r.Node + " has fired: run " + r.ID + " was not confirmed in time, and the node has undone it by itself"
	if len(r.Turned.Left) > 0 {
		p.What += "\nnot put back by the node: " + strings.Join(r.Turned.Left, "; ")
	}
	return p
}

// notReproven is a node whose files are back, but not seen to work.
func notReproven(r *Run, step int, why string) *Problem {
	return &Problem{
		What: fmt.Sprintf("its change is undone, but %s could not prove that the node works again: %s", r.Steps[step].ID(), why),
		Now:  situation(r),
		Next: "hcrun show " + r.ID + "; look at " + r.Node + ", then hcrun resume " + r.ID,
	}
}

// notDurable is a journal that cannot be written: no write follows.
func notDurable(r *Run, id string, err error) *Problem {
	p := &Problem{Code: NotDurable, What: fmt.Sprintf("the journal cannot be written: %v", err), Now: "nothing was touched", Next: "make room or rights for the journal, then the same command again", Err: err}
	if r.ID != "" {
		p.Now, p.Next = situation(r)+"; nothing more was written", "make room or rights for the journal, then hcrun resume "+id
	}
	return p
}

// undecided is a command of which nothing tells whether it ran.
func undecided(r *Run, why *UndecidedError) *Problem {
	return &Problem{
		Code: Operator, What: why.Error() + " on " + r.Node + ": it was about to when the run was cut off", Now: strings.TrimSuffix(situation(r), r.doubt()),
		Next: "look at " + r.Node + ", then hcrun resume " + r.ID + " --mark-done, if it ran, or --retry to run it again, or hcrun rollback " + r.ID, Err: why,
	}
}

// notUndone is a command that should have undone another and did not end well.
func notUndone(r *Run, c Change, exit *ExitError) *Problem {
	return &Problem{
		What: exit.Error(), Now: situation(r),
		Next: "hcrun show " + r.ID + "; look at " + r.Node + ", then hcrun resume " + r.ID + ", which runs it again", Err: exit,
	}
}
