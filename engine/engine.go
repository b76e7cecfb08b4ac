package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Engine carries runs out. Nothing else writes to a node.
//
// Every method that carries a run takes the end of its ctx for a soft stop: a write that has begun
// finishes, a wait ends at once, the pause is recorded, and the error has code Interrupted. A hard
// stop is the end of the process, at any moment: see the package's documentation for why that is safe.
type Engine struct {
	Journal Journal // of the one run it is used for
	Kinds   []Kind  // to rebuild checks from their journaled fields
	Clock   Clock
	Show    func(Event) // gets every event after it is durable, one at a time; nil shows nothing
	// Peers connects to the nodes that gates look at: every other node of the playbook's group. A node
	// that cannot be reached is in the error map. nil: there are none.
	Peers func(ctx context.Context) ([]Node, map[string]error)
	Veil  *Veil // hides secrets in what is recorded and shown; nil hides nothing
	// Holder is who carries runs out here, for the claim on the node. Without a Store no process can take up
	// what another one left.
	Holder Holder
	// Alone is asked once the node is claimed and before anything is written: an error means that others
	// have begun, or changed a node, since the guards were asked. nil asks nobody.
	Alone func(ctx context.Context) error
	// Other connects to a node by name, for checks that are delegated to it. nil: no check may be.
	Other func(ctx context.Context, name string) (Node, error)
}

// Checker rebuilds a check from its kind and its own fields.
func (e *Engine) Checker(kind string, fields json.RawMessage) (Checker, error) {
	for _, k := range e.Kinds {
		if k.Name != kind {
			continue
		}
		t := k.New()
		if err := json.Unmarshal(fields, t); err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		if c, ok := t.(Checker); ok {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%q is not a check that this binary knows", kind)
}

// Open begins a run: opened and planned are durable, with every before- and after-image, when it
// returns. Nothing has been written to the node. Its errors have code NotDurable, or Stale, Preflight
// or Unreachable when the bytes of an image could not be read; then nothing is recorded.
func (e *Engine) Open(ctx context.Context, id string, o Opened, steps []PlannedStep) (*Run, error) {
	if err := e.keep(ctx, steps); err != nil {
		return nil, err
	}
	if packed, ok := e.Veil.Pack(); ok {
		if err := e.Journal.Keep(ctx, packed); err != nil {
			return nil, notDurable(&Run{}, "", err)
		}
		o.Hidden = &packed
	}
	r := &Run{}
	if err := e.record(r, Event{Run: id, Kind: EvOpened, Opened: &o}); err != nil {
		return nil, err
	}
	if err := e.record(r, Event{Kind: EvPlanned, Planned: steps}); err != nil {
		return nil, err
	}
	return r, nil
}

// Override records that a guard is opened, before it opens anything.
func (e *Engine) Override(r *Run, o Override) error {
	if !r.FirstWrite.IsZero() {
		return Problemf(Invalid, "run %s has begun to write: there is nothing left to override", r.ID)
	}
	return e.record(r, Event{Kind: EvOverride, Override: &o})
}

// record makes an event durable, applies it to the run and shows it, in this order. An event that
// does not fit the run is a bug and is not written.
func (e *Engine) record(r *Run, ev Event) error {
	if ev.Run == "" {
		ev.Run = r.ID
	}
	ev = e.Veil.event(ev)
	ev.At = e.Clock.Now().UTC().Round(0) // without the monotonic reading, which a journal cannot hold
	next := r.clone()
	if err := next.step(ev); err != nil {
		return Problemf(Bug, "run %s: %w", ev.Run, err)
	}
	if err := e.Journal.Append(ev); err != nil {
		return notDurable(r, ev.Run, err)
	}
	*r = *next
	if e.Show != nil {
		e.Show(ev)
	}
	return nil
}

// Bounds of what Engine asks a node for by itself. They are the last resort behind the node's own
// deadlines and do not follow a lab's pace.
const (
	evidenceTime = 15 * time.Second // for all witnesses together
	maxEvidence  = 256 << 10        // bytes of one piece of evidence
	writeTime    = 5 * time.Minute  // for one settle, without the transfer of its content
	slowestBytes = 4 << 10          // bytes a second of the slowest connection worth waiting for
)
