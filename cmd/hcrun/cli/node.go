package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
	"github.com/hcrun/hcrun/inventory"
)

// intent is what is about to be done to one node.
type intent struct {
	host    inventory.Host
	book    *engine.Playbook
	machine string // that was looked at, "" where it does not say
	steps   []engine.PlannedStep
	gates   []engine.PlannedGate
}

// node carries the playbook out on one node: look, decide, ask, write. changed reports whether the node was
// brought to a new state.
func (ro *rollout) node(ctx context.Context, h inventory.Host) (changed bool, err error) {
	lock, err := ro.store.Lock("apply " + ro.books[h.Name].Name + " to " + h.Name)
	if err != nil {
		return false, err
	}
	defer func() { lock.Close() }()
	ro.silent = nil
	if err := ro.unfinished(h); err != nil {
		return false, err
	}
	it, err := ro.look(ctx, h)
	if err != nil {
		return false, ro.locate(err)
	}
	overrides, err := ro.decide(ctx, it)
	if until := waitFor(err); ro.flags.wait && !until.IsZero() {
		lock.Close() // others may work while this waits; what they did is asked for again after it
		ro.close()   // no connection outlives a night
		if err := ro.countdown(ctx, h.Name, until, err); err != nil {
			return false, err
		}
		return ro.node(ctx, h)
	}
	if err == nil {
		overrides, err = ro.agree(ctx, it, overrides)
	}
	if err != nil {
		return false, err
	}
	return engine.HasChanges(it.steps), ro.locate(ro.carryOut(ctx, it, overrides))
}

// agree shows the plan and asks for a yes. That may take a while, so the guards are asked once more.
func (ro *rollout) agree(ctx context.Context, it intent, overrides []engine.Override) ([]engine.Override, error) {
	if !engine.HasChanges(it.steps) {
		ro.app.note("%s: nothing to change; asking every check", it.host.Name)
		return overrides, nil
	}
	ro.app.showPlan(ctx, ro.site, it)
	if err := ro.app.confirm(ctx, fmt.Sprintf("change %s?", it.host.Name), ro.flags.yes); err != nil {
		return nil, err
	}
	return ro.decide(ctx, it)
}

// unfinished refuses a node whose last run is neither landed nor rolled back.
func (ro *rollout) unfinished(h inventory.Host) error {
	past, err := ro.past(ro.store)
	if err != nil {
		return err
	}
	for _, r := range past {
		if r.Node == h.Name && r.Dirty() {
			p := engine.Problemf(engine.Held, "%s: %s has the unfinished run %s of %s (%s)", engine.GuardOpen, h.Name, r.ID, r.Playbook, r.State)
			p.Now = "the node may be changed and is not verified"
			p.Next = "hcrun resume " + r.ID + "   (or: hcrun rollback " + r.ID + ")"
			return p
		}
	}
	return nil
}

// look connects and plans; nothing is written.
func (ro *rollout) look(ctx context.Context, h inventory.Host) (intent, error) {
	it := intent{host: h, book: ro.books[h.Name]}
	n, err := ro.dial(ctx, h)
	if err != nil {
		return it, err
	}
	it.machine = n.Machine()
	if it.steps, err = engine.Plan(ctx, it.book, engine.See(n)); err != nil {
		return it, err
	}
	it.gates, err = engine.PlanGates(it.book)
	return it, err
}

// decide asks who holds the node, and the guards; of those only the clock and which machine it is where there is nothing to change. It returns
// the overrides that open what would hold the node; that of the gates is taken along, since gates are asked later.
func (ro *rollout) decide(ctx context.Context, it intent) ([]engine.Override, error) {
	var overrides []engine.Override
	if slices.Contains(ro.flags.overrides, string(engine.GuardGate)) {
		overrides = append(overrides, ro.override(engine.Hold{Guard: engine.GuardGate, Why: "not asked yet"}))
	}
	var open []engine.GuardName
	for _, name := range ro.flags.overrides {
		open = append(open, engine.GuardName(name))
	}
	if err := ro.refresh(ctx); err != nil {
		return nil, err
	}
	past, holds, err := ro.witnessed(ctx, it)
	if err != nil {
		return nil, err
	}
	now := ro.clock.Now() // what somebody else has recorded meanwhile is not in the future
	if held := ro.guards(it, now, past, holds, open...); held != nil {
		return nil, ro.held(held)
	}
	if opened := ro.guards(it, now, past, holds); opened != nil {
		for _, hold := range opened.Holds {
			overrides = append(overrides, ro.override(hold))
		}
	}
	return overrides, nil
}

// guards are all that hold the node, more among them, of which nobody knows how long they last; nil when nothing
// does. Looking needs nobody's leave, but a clock that is wrong, or another machine's state, would spoil what guards
// are decided on.
func (ro *rollout) guards(it intent, now time.Time, past []*engine.Run, more []engine.Hold, open ...engine.GuardName) *engine.NotYetError {
	idle := !engine.HasChanges(it.steps)
	if idle {
		open = append(slices.DeleteFunc(overridable(), func(g engine.GuardName) bool { return g == engine.GuardClock || g == engine.GuardMachine }), open...)
	}
	held, ok := errors.AsType[*engine.NotYetError](engine.Guards(it.book, it.host.Name, now, past, open...))
	if !ok {
		held = &engine.NotYetError{Node: it.host.Name}
	}
	if idle { // no override opens another node's unfinished run
		held.Holds = slices.DeleteFunc(held.Holds, func(h engine.Hold) bool { return h.Guard == engine.GuardOpen })
	}
	for _, h := range more {
		if !slices.Contains(open, h.Guard) {
			held.Holds, held.Until = append(held.Holds, h), time.Time{}
		}
	}
	if len(held.Holds) == 0 {
		return nil
	}
	return held
}

func (ro *rollout) override(h engine.Hold) engine.Override {
	return engine.Override{Guard: string(h.Guard), Reason: ro.flags.reason, User: me(), Held: h.Why}
}

// held is the guards' refusal for a person: every reason, the hour, and what to type then.
func (ro *rollout) held(held *engine.NotYetError) error {
	p := &engine.Problem{Code: engine.Held, What: held.Node + " is not started", Err: held}
	p.Now = "nothing was changed on " + held.Node
	p.Next = "hcrun status " + ro.source + ro.inventoryFlag()
	for _, h := range held.Holds {
		p.What += fmt.Sprintf("\n%s: %s", h.Guard, h.Why)
		switch h.Guard {
		case engine.GuardClock:
			if ro.off {
				p.Next = "timedatectl   (on " + held.Node + " and here, and set the clock that is wrong; then the same command)"
			}
		case engine.GuardMachine:
			p.Code = engine.Identity
			p.Next = "hcrun doctor   (find out what moved; when the machine was replaced: the same command with --override machine --reason TEXT)"
		case engine.GuardInputs:
			p.Code = engine.InputsChanged
		case engine.GuardClean:
			p.Next = "hcrun history   (then: hcrun ack RUN --reason TEXT -i " + ro.inv.Path + ")"
		}
	}
	if !held.Until.IsZero() {
		p.What += "\nearliest: " + ui.Moment(held.Until, held.Until.Location())
		p.Next = "the same command then, or now with --wait"
	}
	return p
}

// inventoryFlag is how the next command names the inventory.
func (s *site) inventoryFlag() string {
	if s.app.inventory == "" {
		return ""
	}
	return " -i " + s.app.inventory
}

// carryOut opens the run and applies it.
func (ro *rollout) carryOut(ctx context.Context, it intent, overrides []engine.Override) error {
	zone, err := it.book.Schedule.Location()
	if err != nil {
		return err
	}
	n, err := ro.dial(ctx, it.host)
	if err != nil {
		return err
	}
	id := journal.NewID(ro.clock.Now(), it.host.Name)
	j, err := ro.store.Create(id)
	if err != nil {
		return err
	}
	defer j.Close()
	who, err := holder(ro.store)
	if err != nil {
		return err
	}
	show, done := ro.app.display(zone, nil)
	defer done()
	again := func(ctx context.Context) error { _, err := ro.decide(ctx, it); return err }
	e := &engine.Engine{Journal: j, Holder: who, Alone: again, Kinds: ro.app.kinds, Clock: ro.clock, Show: show, Peers: ro.peers(ro.group, it.host.Name), Other: ro.other, Veil: ro.app.veil}
	r, err := e.Open(ctx, id, ro.opened(it, zone.String()), it.steps)
	if err != nil {
		return err
	}
	for _, o := range overrides {
		if err := e.Override(r, o); err != nil {
			return err
		}
	}
	if err := e.Apply(ctx, n, r); err != nil {
		return err
	}
	ro.app.landed(r)
	return nil
}

// opened is what a run is, for its journal.
func (ro *rollout) opened(it intent, zone string) engine.Opened {
	o := engine.Opened{Playbook: it.book.Name, Source: ro.source, Inventory: ro.inv.Path, Node: it.host.Name, Address: ro.address(it.host), Machine: it.machine,
		Group: it.book.Hosts, User: me(), Version: version(), Inputs: it.book.Inputs, Zone: zone, Gates: it.gates, Within: it.book.Within(), Off: it.book.Confirm.Off}
	if ro.lab != nil {
		o.Pace = ro.lab.Pace
	}
	return o
}
