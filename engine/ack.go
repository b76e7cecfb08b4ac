package engine

import (
	"context"
	"fmt"
	"slices"
)

// Ack records that an operator has looked at an eventful run, so that the next node may go. It is told to the node
// by Acknowledge, for everybody else.
func (e *Engine) Ack(r *Run, a Ack) error {
	switch {
	case r.Open():
		p := Problemf(Invalid, "run %s is not at its end (%s): it has to be resumed or rolled back first", r.ID, r.State)
		p.Next = "hcrun show " + r.ID
		return p
	case a.Reason == "":
		return Problemf(Invalid, "an acknowledgement needs a reason")
	case !r.needsAck():
		return holdsNobody(r)
	}
	return e.record(r, Event{Kind: EvAck, Ack: &a})
}

func holdsNobody(r *Run) error {
	return &Problem{Code: Invalid, What: fmt.Sprintf("run %s holds nobody: it is %s, and nothing about it was out of the ordinary or it was acknowledged before", r.ID, r.State), Next: "hcrun status"}
}

// Acknowledge writes into the ledger of a run's node that somebody has looked at how the run ended: the outcome once
// more, and with it the acknowledgement. r is the run as the journal here has it, nil where that is elsewhere or lost.
// a is what is said now; one that r has already goes before it, unless the node says that r ended otherwise since. What
// the node knows already is not said again. Errors: *ClaimedError when a run holds the node, which is left alone; a
// *Problem of code Invalid when there is nothing to acknowledge; those of Claim and Release.
func (e *Engine) Acknowledge(ctx context.Context, n Claimable, id string, r *Run, a Ack) error {
	if r != nil {
		if err := r.SameMachine(n); err != nil {
			return err
		}
	}
	l, err := n.Ledger(ctx)
	if err != nil {
		return err
	}
	o := l.last(id)
	var past []*Run
	if r != nil {
		past = []*Run{r}
	}
	now := named(Recollect(past, n.Name(), "", l), id)
	switch {
	case now == nil:
		return Problemf(Invalid, "%s has no record of run %s", n.Name(), id)
	case now == r && r.FirstWrite.IsZero(), o.Ack != nil && o.State == now.State:
		return nil // no other operator has heard of it, or all have
	case now.needsAck():
	case r == nil || r.Acked == nil || r.State != now.State:
		return holdsNobody(now)
	default:
		a = *r.Acked
	}
	if o.State != now.State {
		if r == nil || !o.State.before(r.State) {
			return holdsNobody(now)
		}
		o = e.outcome(r, r.State, *r.LastEnd)
	}
	a.At = e.Clock.Now().UTC().Round(0)
	if now.Acked != nil {
		a.At = now.Acked.At
	}
	o.Ack = &a
	return e.note(ctx, n, r, l, o)
}

// note adds a line to the ledger, as it was seen, of a node that no run holds, and holds it for that long.
func (e *Engine) note(ctx context.Context, n Claimable, r *Run, seen Ledger, o Outcome) error {
	c := Claim{Run: o.Run, Playbook: o.Playbook, Node: o.Node, Since: o.Ack.At, Holder: e.Holder, Ack: true}
	var over Claim
	// A run of this folder that was given up holds nothing: its node was out of reach then. Until that is in its ledger the
	// claim goes on to be the run's, since the node may still undo it.
	if held := seen.Claim; held != nil && (held.Ack || r != nil && r.State == Abandoned && held.Run == o.Run && held.Store != "" && held.Store == e.Holder.Store) {
		over, c.Ack = *held, held.Ack
	}
	w, err := n.Claim(ctx, c, over)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	l, err := n.Ledger(ctx)
	if err == nil && len(l.Outcomes) != len(seen.Outcomes) { // the claim is left, for the next command: giving it up would take copies along
		p := Problemf(Locked, "somebody else has changed %s meanwhile", n.Name())
		p.Next = "hcrun ack " + o.Run + " --reason TEXT, again"
		return p
	}
	if err != nil {
		return err
	}
	return w.Release(ctx, &o)
}

// named is the run of that id, nil where there is none.
func named(all []*Run, id string) *Run {
	if i := slices.IndexFunc(all, func(r *Run) bool { return r.ID == id }); i >= 0 {
		return all[i]
	}
	return nil
}
