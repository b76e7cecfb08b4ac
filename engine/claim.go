package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Claim says who may change a node. It lies on the node itself, and whoever does not hold it cannot write
// there: a second operator, or a process that slept while somebody else took the node over.
type Claim struct {
	Run      string    `json:"run"`
	Playbook string    `json:"playbook"`
	Node     string    `json:"node"` // its name in the inventory of whoever claims
	Since    time.Time `json:"since"`
	Holder
	// Ack says that nothing is changed under this claim: it is held for as long as it takes to note an
	// acknowledgement. One that is left over stands in nobody's way.
	Ack bool `json:"ack,omitempty"`

	// Token is what every write carries and the node compares. It is not in the JSON.
	Token string `json:"-"`
}

// Holder is where a run is carried from.
type Holder struct {
	By     string `json:"by"`     // user@host
	Folder string `json:"folder"` // the state folder, absolute
	Store  string `json:"store"`  // that folder's own mark: another folder in its place has another one
}

// Outcome is a line of a node's ledger: what came of a run that wrote there. The last line of a run counts.
type Outcome struct {
	Run      string            `json:"run"`
	Playbook string            `json:"playbook"`
	Node     string            `json:"node"`
	Machine  string            `json:"machine,omitempty"` // that the run was for
	State    State             `json:"state"`             // Landed, RolledBk or Abandoned
	Clean    bool              `json:"clean,omitempty"`
	Changed  bool              `json:"changed,omitempty"`
	Began    time.Time         `json:"began"`
	Ended    time.Time         `json:"ended"`
	By       string            `json:"by"`
	Inputs   map[string]string `json:"inputs,omitempty"`
	Why      string            `json:"why,omitempty"`
	Store    string            `json:"store,omitempty"`  // the mark of the state folder that has the journal
	Journal  Head              `json:"journal,omitzero"` // what that journal had when this was written
	Ack      *Ack              `json:"ack,omitempty"`    // who has looked at it; nil: nobody
}

// Ledger is what a node itself has on record: who holds it, and what came of earlier runs, oldest first.
type Ledger struct {
	Claim    *Claim // nil: nobody
	Outcomes []Outcome
}

// last is what came of a run last, the zero Outcome where nothing did.
func (l Ledger) last(run string) Outcome {
	for _, o := range slices.Backward(l.Outcomes) {
		if o.Run == run {
			return o
		}
	}
	return Outcome{}
}

// ClaimedError is a node that is held by somebody else.
type ClaimedError struct {
	Node string
	By   Claim // without a Run: the claim was given up, or taken away, and nobody holds the node
}

func (e *ClaimedError) Error() string {
	if e.By.Run == "" {
		return fmt.Sprintf("the claim on %s was taken away", e.Node)
	}
	return fmt.Sprintf("%s is held by run %s of %s, by %s (journal in %s) since %s", e.Node, e.By.Run, e.By.Playbook, e.By.By, e.By.Folder, e.By.Since.Format(time.RFC3339))
}

// Claimable is a node as a run gets it: it can be watched, and nothing can be written before it is claimed.
type Claimable interface {
	Node
	// Machine says which machine this is, in 16 hexadecimal digits that are made of its machine-id and do not tell
	// it; "" where the node has none. It is known without asking.
	Machine() string
	// Claim makes c what the node is held by, durably, and returns what can write with it; the token is
	// made up by it. over is the claim that is replaced, as it was seen; the zero Claim says that there
	// must be none. Errors: *ClaimedError when something else holds the node, *LostError when the outcome
	// is unknown, a *Problem with code Preflight, Security or Busy when it could not be done.
	Claim(ctx context.Context, c, over Claim) (WritableNode, error)
	// Switch reads what became of the switch that was armed for a run.
	Switch(ctx context.Context, run string) (Switch, error)
	// Copy is what the node has kept of the i-th path that a run's switch was armed with, the zero Content where it has
	// kept nothing. It is what lies there now: whether it is what was there before the run, its hash tells.
	Copy(ctx context.Context, run string, i int) (Content, error)
	// Ledger reads what the node has on record. An error of code Corrupt is a record that makes no sense.
	Ledger(ctx context.Context) (Ledger, error)
}

// releaseTime bounds a release.
const releaseTime = time.Minute

// claim is what this run holds its node by.
func (p *passage) claim() Claim {
	return Claim{Run: p.r.ID, Playbook: p.r.Playbook, Node: p.r.Node, Since: p.Clock.Now().UTC().Round(0), Holder: p.Holder}
}

// hold claims the node. What a process of the same state folder held is taken over: the folder's lock says
// that it is gone. So is what was held to note an acknowledgement: whoever does that writes nothing else.
func (p *passage) hold(ctx context.Context) error {
	if p.w != nil || !HasChanges(p.r.Steps) {
		return nil
	}
	w, err := p.n.Claim(ctx, p.claim(), Claim{})
	if held, ok := errors.AsType[*ClaimedError](err); ok && (held.By.Ack || held.By.Store != "" && held.By.Holder.Store == p.Holder.Store) {
		w, err = p.n.Claim(ctx, p.claim(), held.By)
	}
	if err != nil {
		return err
	}
	p.w = w
	return p.undecided(ctx)
}

// alone asks whether others have begun since the guards were asked. Of two operators who begin at the same
// moment each sees the other's claim, and at least one of them withdraws.
func (p *passage) alone(ctx context.Context) error {
	if p.w == nil || p.Alone == nil {
		return nil
	}
	err := p.Alone(ctx)
	switch why, ok := errors.AsType[*Problem](err); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return p.interrupted(ctx)
	case ok:
		return p.untouched(why)
	}
	return p.untouched(unreachable(p.r, "ask the other nodes who holds them", err))
}

// TakeOver makes an open run's node ours, whoever holds it, and records whose it was; nil when nobody else holds
// it. Whoever held it can write nothing more. Nothing else is done: the run is resumed or rolled back after it.
func (e *Engine) TakeOver(ctx context.Context, n Claimable, r *Run, user, reason string) (*Claim, error) {
	if err := r.SameMachine(n); err != nil {
		return nil, err
	}
	p := &passage{Engine: e, n: n, r: r}
	l, err := n.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	if l.Claim == nil || l.Claim.Ack || l.Claim.Store == p.Holder.Store {
		return nil, nil
	}
	why := fmt.Sprintf("took the node over from run %s, by %s (journal in %s): %s", l.Claim.Run, l.Claim.By, l.Claim.Folder, reason)
	if err := e.record(r, Event{Kind: EvResumed, End: &End{User: user, Why: why}}); err != nil {
		return nil, err
	}
	if _, err = n.Claim(ctx, p.claim(), *l.Claim); err != nil {
		return nil, err
	}
	return l.Claim, nil
}

// Abandon gives a run up that nobody can finish: the node is no longer held by it, its ledger says so, and the
// run counts as eventful. What is true on the node is not known, and other nodes are held until somebody
// acknowledges that. n is nil where the node is gone; another machine in its place is left alone.
func (e *Engine) Abandon(ctx context.Context, n Claimable, r *Run, user, reason string) error {
	if !r.Dirty() {
		return over(r)
	}
	end := End{User: user, Why: reason}
	if n != nil && r.SameMachine(n) == nil {
		p := &passage{Engine: e, n: n, r: r}
		err := p.hold(ctx)
		if f, ok := errors.AsType[*firedError](err); ok {
			end.Left, err = f.left, nil
		}
		if err == nil {
			return p.finish(ctx, Event{Kind: EvAbandoned, End: &end}, Abandoned)
		}
		if held, ok := errors.AsType[*ClaimedError](err); !ok || held.By.Run == r.ID {
			return p.unheld(ctx, "claim the node", err) // another's claim stays; the same run in other hands is not given up from here
		}
	}
	return e.record(r, Event{Kind: EvAbandoned, End: &end})
}

// unheld is what becomes of a run that cannot have its node.
func (p *passage) unheld(ctx context.Context, doing string, err error) error {
	if is[*firedError](err) {
		return err
	}
	end := p.pause
	if p.r.FirstWrite.IsZero() {
		end = p.untouched
	}
	if held, ok := errors.AsType[*ClaimedError](err); ok {
		return end(locked(p.r, held))
	}
	if why, ok := errors.AsType[*Problem](err); ok && why.Code != Unreachable {
		problem := *why
		problem.Now = situation(p.r)
		if problem.Next == "" {
			problem.Next = goOn(p.r)
		}
		return end(&problem)
	}
	return p.blind(ctx, doing, err)
}

// release gives the node up. What came of the run is in the node's ledger before its own journal says so, and
// only then another run may begin.
func (p *passage) release(ctx context.Context, o *Outcome) error {
	if p.w == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if err := p.w.Release(ctx, o); err != nil {
		return err
	}
	p.w = nil
	return nil
}

// finish ends a run that has written: on the node, and then in the journal.
func (p *passage) finish(ctx context.Context, ev Event, s State) error {
	line := p.outcome(p.r, s, *ev.End)
	o := &line
	if p.r.FirstWrite.IsZero() {
		o = nil // an operator gave up what had written nothing
	}
	if err := p.release(ctx, o); err != nil {
		if held, ok := errors.AsType[*ClaimedError](err); ok {
			return p.fenced(ctx, held)
		}
		return p.pause(unknown(p.r, "write the outcome into the node's ledger", err))
	}
	return p.record(p.r, ev)
}

// outcome is what a node's ledger says of a run that ends, or has ended, in that way.
func (e *Engine) outcome(r *Run, s State, end End) Outcome {
	o := Outcome{Store: e.Holder.Store, Journal: e.Journal.Head(), Run: r.ID, Playbook: r.Playbook, Node: r.Node, Machine: r.Machine, State: s, Clean: end.Clean, Changed: r.Changed,
		Began: r.Began, Ended: r.Ended, By: e.Holder.By, Inputs: r.Inputs, Why: end.Why}
	if r.Open() {
		o.Ended = e.Clock.Now().UTC().Round(0)
	}
	if s == Abandoned {
		o.By = end.User
	}
	if r.Turned != nil && s == RolledBk {
		o.Why, o.By = r.Turned.Why, r.Turned.By
	}
	return o
}

// Recollect adds to past, oldest first, what a node has on record and the journals here do not: runs of other
// operators, or of a journal that is lost. node and address are how the inventory here calls it. A run that the
// journals know counts as the node says where that is newer: somebody rolled it back, or acknowledged it, from
// elsewhere.
func Recollect(past []*Run, node, address string, l Ledger) []*Run {
	all := slices.Clone(past)
	at := func(id string) int { return slices.IndexFunc(all, func(r *Run) bool { return r.ID == id }) }
	last := map[string]int{}
	for i, o := range l.Outcomes {
		last[o.Run] = i
	}
	for i, o := range l.Outcomes {
		if last[o.Run] != i {
			continue
		}
		r := &Run{ID: o.Run, Opened: Opened{Playbook: o.Playbook, Node: node, Address: address, Machine: o.Machine, User: o.By, Inputs: o.Inputs},
			Began: o.Began, Ended: o.Ended, Latest: o.Ended, FirstWrite: o.Began, State: o.State, Clean: o.Clean, Changed: o.Changed, Acked: o.Ack}
		if o.State == RolledBk {
			r.Turned = &End{By: o.By, Why: o.Why}
		}
		switch i := at(o.Run); {
		case i < 0:
			all = append(all, r)
		case !all[i].Open() && all[i].State != o.State && all[i].State.before(o.State):
			all[i] = r
		case !all[i].Open() && all[i].State == o.State && o.Ack != nil && all[i].Acked == nil:
			all[i] = all[i].clone()
			all[i].Acked = o.Ack
		}
	}
	slices.SortStableFunc(all, func(a, b *Run) int { return a.Began.Compare(b.Began) })
	return all
}
