package engine

import (
	"context"
	"encoding/json"
	"fmt"
)

// Engine carries runs out. Nothing else writes to a node.
type Engine struct {
	Journal Journal // of the one run it is used for
	Kinds   []Kind  // to rebuild checks from their journaled fields
	Clock   Clock
	Show    func(Event) // gets every event after it is durable; nil shows nothing
	// Peers connects to the nodes that gates look at: every other node of the playbook's group. A node
	// that cannot be reached is in the error map. nil: there are none.
	Peers func(ctx context.Context) ([]Node, map[string]error)
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
// returns. Nothing has been written to the node.
func (e *Engine) Open(ctx context.Context, id string, o Opened, steps []PlannedStep) (*Run, error) {
	panic("being written")
}

// Override records that a guard is opened, before it opens anything.
func (e *Engine) Override(r *Run, o Override) error { panic("being written") }

// Apply carries the run up to its end, from wherever its cursor stands: given a folded run it resumes.
// A check that fails rolls the node back. nil means landed. Else the error is a *Problem whose code
// says what is true now: Held (a gate, before anything was written), Stale, CannotVerify, Preflight,
// Unreachable (nothing written), RolledBack, Incomplete, Unknown, Conflict, Interrupted, NotDurable.
func (e *Engine) Apply(ctx context.Context, n WritableNode, r *Run) error { panic("being written") }

// Rollback carries the run down to its beginning, from wherever its cursor stands. nil means that the
// node is as it was before the run, and seen to be so.
func (e *Engine) Rollback(ctx context.Context, n WritableNode, r *Run, by, why string) error {
	panic("being written")
}

// Resume takes an open run up again: it records who did, and goes on in the direction in which the run
// was going. Its result is Apply's; a rollback that an operator had asked for ends with nil.
func (e *Engine) Resume(ctx context.Context, n WritableNode, r *Run, user string) error {
	panic("being written")
}

// Ack records that an operator has looked at an eventful run, so that the next node may go.
func (e *Engine) Ack(r *Run, a Ack) error { panic("being written") }

// Preflight asks every check of the plan for its mark, which is how it becomes known before the first
// write what could not be verified after it. It only watches. The error is a *StepError around what
// the check said.
func (e *Engine) Preflight(ctx context.Context, n Node, steps []PlannedStep, say func(string)) (map[int]MarkOf, error) {
	panic("being written")
}
