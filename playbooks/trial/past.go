package trial

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// when is the moment of a past run, and how many were given.
func (p past) when() (at time.Time, given int) {
	for _, m := range []moment{p.Landed, p.RolledBack, p.Unverified} {
		if !m.t().IsZero() {
			at, given = m.t(), given+1
		}
	}
	return at, given
}

// record is the past runs as the journal would tell of them, oldest first.
func record(all []past, pb *engine.Playbook) ([]*engine.Run, error) {
	all = slices.SortedStableFunc(slices.Values(all), func(a, b past) int {
		ta, _ := a.when()
		tb, _ := b.when()
		return ta.Compare(tb)
	})
	var runs []*engine.Run
	for i, p := range all {
		r, err := engine.Fold(p.events(fmt.Sprintf("past-%d", i+1), pb))
		if err != nil {
			return nil, fmt.Errorf("past run %d: %w", i+1, err)
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// events are the journal of a run that changed one file.
func (p past) events(id string, pb *engine.Playbook) []engine.Event {
	at, _ := p.when()
	inputs := pb.Inputs
	if p.OtherInputs {
		inputs = map[string]string{"playbook": "another one"}
	}
	step := engine.PlannedStep{Kind: "past", Name: "step", Changes: []engine.Change{{
		At: "/past", Before: engine.Image{Kind: engine.Absent}, After: engine.Image{Kind: engine.Dir, Mode: 0o755}}}}
	op := func(down bool) *engine.OpEvent { return &engine.OpEvent{Path: "/past", How: engine.Wrote, Down: down} }
	events := []engine.Event{
		{Kind: engine.EvOpened, Opened: &engine.Opened{Playbook: cmp.Or(p.Playbook, pb.Name), Node: p.Node, Inputs: inputs}},
		{Kind: engine.EvPlanned, Planned: []engine.PlannedStep{step}},
		{Kind: engine.EvIntent, Op: op(false)},
		{Kind: engine.EvSettled, Op: op(false)},
	}
	switch {
	case !p.Landed.t().IsZero():
		events = append(events, engine.Event{Kind: engine.EvLanded, End: &engine.End{Changed: true, Clean: true}})
	case !p.RolledBack.t().IsZero():
		events = append(events,
			engine.Event{Kind: engine.EvTurned, End: &engine.End{By: "hcrun", Why: "a check failed", Code: engine.RolledBack}},
			engine.Event{Kind: engine.EvIntent, Op: op(true)},
			engine.Event{Kind: engine.EvSettled, Op: op(true)},
			engine.Event{Kind: engine.EvRolledBack, End: &engine.End{Changed: true}})
	}
	if p.Acked {
		events = append(events, engine.Event{Kind: engine.EvAck, Ack: &engine.Ack{Reason: "looked at"}})
	}
	for i := range events {
		events[i].Run, events[i].At = id, at
	}
	return events
}
