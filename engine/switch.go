package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Confirm says how a node is kept from staying changed and unverified when nobody can reach it any more: its
// dead-man's switch. Before the first write the node itself is told how to put back what is there; unless the
// run confirms in time that the change works, the node does it, and needs nobody for that.
type Confirm struct {
	// Within is how long the node waits. 0 is as long as a run may take (see Playbook.Needs), ten minutes at least.
	Within Duration `json:"within,omitempty"`
	// Off is why there is no switch; "" where there is one.
	Off string `json:"off,omitempty"`
}

const (
	minWithin = 30 * Second
	maxWithin = 24 * Hour
	// usualWithin is the least that a switch waits when the playbook does not say.
	usualWithin = 10 * Minute
	// labWithin is what a lab's pace does not shorten the wait below: a busy machine is no faster in a lab.
	labWithin = 2 * time.Minute
)

// Within is how long a node waits for the confirmation, 0 where it has no switch.
func (pb *Playbook) Within() Duration {
	switch {
	case pb.Confirm.Off != "":
		return 0
	case pb.Confirm.Within > 0:
		return pb.Confirm.Within
	}
	return min(max(Duration(pb.Needs().D().Round(time.Second)), usualWithin), maxWithin)
}

// ConfirmError is what is wrong with a playbook's Confirm.
type ConfirmError struct {
	Field string // "within" or "off"
	Err   error
}

func (e *ConfirmError) Error() string { return "confirm: " + e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfirmError) Unwrap() error { return e.Err }

// Confirms returns nil when the switch waits long enough, else a *ConfirmError.
func (pb *Playbook) Confirms() error {
	wrong := func(field, format string, args ...any) error {
		return &ConfirmError{field, fmt.Errorf(format, args...)}
	}
	switch c := pb.Confirm; {
	case c.Off != "" && c.Within != 0:
		return wrong("off", "there is no switch to wait for anything: leave within out")
	case c.Within == 0:
		return nil
	case c.Within < minWithin || c.Within > maxWithin:
		return wrong("within", "%s is not between %s and %s", c.Within, minWithin, maxWithin)
	case c.Within < pb.Needs():
		return wrong("within", "a run may take up to %s, and after %s the node would undo what is still being verified: write %[1]s or more, or leave it out", pb.Needs(), c.Within)
	}
	return nil
}

// Restore is what a switch puts back at one path.
type Restore struct {
	At     string
	Before Image    // what is there before the run
	After  []Image  // what the run may have left there; anything else is somebody's own and stays
	Cmd    *Command // how it is put back where At is not a path
}

// Restores lists what has to be put back, in the order in which that is done: the path that the steps change
// first comes last.
func Restores(steps []PlannedStep) []Restore {
	var all []Restore
	for _, c := range Changes(steps) {
		if c.Cmd != nil && len(c.Cmd.Undo) == 0 {
			continue // it cannot be undone
		}
		i := slices.IndexFunc(all, func(r Restore) bool { return r.At == c.At && !strings.HasPrefix(c.At, untold) })
		if i < 0 {
			i, all = len(all), append(all, Restore{At: c.At, Before: c.Before, Cmd: c.Cmd.inverse()})
		}
		if !all[i].Before.Matches(c.After) {
			all[i].After = append(all[i].After, c.After)
		}
	}
	slices.Reverse(all)
	return all
}

// Switch is what a node says of the switch of one run.
type Switch struct {
	State SwitchState
	Left  []string // fired: what was not put back, and why
	Over  bool     // fired: all that could be put back is
}

// SwitchState is how far a switch is.
type SwitchState string

// The states of a switch. Confirmed and Fired exclude each other, and neither is ever left but by a run that
// goes down again.
const (
	NoSwitch  SwitchState = ""
	Armed     SwitchState = "armed"
	Confirmed SwitchState = "confirmed"
	HasFired  SwitchState = "fired"
)

// bySwitch is who has turned a run whose switch fired.
const bySwitch = "switch"

// Fired reports whether the node has undone the run by itself.
func (r *Run) Fired() bool { return r.Turned != nil && r.Turned.By == bySwitch }

// firedError ends what a run was doing: its node has undone it meanwhile.
type firedError struct{ left []string }

func (e *firedError) Error() string { return "the node's dead-man's switch has fired" }

// fireWait is how long a switch that is putting things back is waited for.
func (r *Run) fireWait() time.Duration {
	wait := time.Minute
	for _, c := range Changes(r.Steps) {
		if c.Cmd != nil && len(c.Cmd.Undo) > 0 {
			wait += c.Cmd.Longest().D()
		}
	}
	return wait
}

// undecided asks the node, before anything else is done to it, whether it has undone the run: nil when it has not.
func (p *passage) undecided(ctx context.Context) error {
	if p.r.Within == 0 || p.r.Fired() || p.r.Armed == nil && p.r.FirstWrite.IsZero() {
		return nil
	}
	s, err := p.n.Switch(ctx, p.r.ID)
	for begin := time.Now(); err == nil && s.State == HasFired && !s.Over && time.Since(begin) < p.r.fireWait(); s, err = p.n.Switch(ctx, p.r.ID) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
	if err == nil && s.State == HasFired {
		return s.fired()
	}
	p.sw = s.State
	return err
}

func (s Switch) fired() error {
	if !s.Over {
		s.Left = append(slices.Clone(s.Left), notOver)
	}
	return &firedError{s.Left}
}

// fenced is what a node that we do not hold any more means: its switch has fired, or somebody else has it.
func (p *passage) fenced(ctx context.Context, held *ClaimedError) error {
	if held.By.Run == p.r.ID {
		if err := p.byItself(ctx); err != nil {
			return err
		}
	}
	return p.pause(locked(p.r, held))
}

// byItself is the reason why a node is not as the run left it, when that is that it has undone the run.
func (p *passage) byItself(ctx context.Context) error {
	if p.r.Within == 0 || p.r.Fired() {
		return nil
	}
	s, err := p.n.Switch(context.WithoutCancel(ctx), p.r.ID)
	if err == nil && s.State == HasFired {
		if !s.Over {
			err = p.undecided(context.WithoutCancel(ctx))
			return err
		}
		return s.fired()
	}
	return nil
}

// arm tells the node to put back by itself what the run changes, or to wait that much longer from now on.
func (p *passage) arm(ctx context.Context) error {
	if p.w == nil || p.r.Within == 0 || p.r.Fired() {
		return nil
	}
	if p.sw == NoSwitch && !p.r.FirstWrite.IsZero() {
		return nil // what was there before is not there any more: there is nothing to make copies of
	}
	within := max(p.Clock.Real(p.r.Within.D()), min(p.r.Within.D(), labWithin))
	weak, err := p.w.Arm(ctx, within, Restores(p.r.Steps))
	if err != nil {
		return err
	}
	p.sw = Armed
	return p.record(p.r, Event{Kind: EvArmed, Armed: &ArmEvent{Until: p.Clock.Now().Add(within).UTC().Round(0), Weak: weak}})
}

// ready is arm before the next operation on the way up.
func (p *passage) ready(ctx context.Context) error {
	if p.sw == Confirmed && p.r.atEnd() {
		return nil // only the record of it is missing
	}
	err := p.arm(ctx)
	if q, ok := errors.AsType[*Problem](err); ok && q.Code == NotDurable {
		return err
	}
	if err != nil {
		return p.unheld(ctx, "arm the switch", err)
	}
	return nil
}

// extend is arm on the way down. A node that cannot be told is undone all the same: that is what its switch is
// for, too.
func (p *passage) extend(ctx context.Context) error {
	err := p.arm(context.WithoutCancel(ctx))
	if q, ok := errors.AsType[*Problem](err); ok && q.Code == NotDurable {
		return err
	}
	if held, ok := errors.AsType[*ClaimedError](err); ok {
		return p.fenced(ctx, held)
	}
	return nil
}

// unlessFired returns err, unless it says that the node has undone the run by itself: then what the node did is
// looked at, what it could not do is done, and all of it is proven.
func (p *passage) unlessFired(ctx context.Context, err error) error {
	f, ok := errors.AsType[*firedError](err)
	if !ok {
		return err
	}
	p.w = nil
	if err := p.record(p.r, Event{Kind: EvTurned, End: &End{By: bySwitch, Why: "it was not confirmed in time, and the node has undone it by itself", Code: Fired, Left: f.left}}); err != nil {
		return err
	}
	if err := p.hold(ctx); err != nil {
		return p.unheld(ctx, "claim the node", err)
	}
	return p.fall(ctx)
}
