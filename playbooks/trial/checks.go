package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hcrun/hcrun/engine"
)

// script is what checks and gates answer, instead of looking at a world that is not there.
type script struct {
	kinds  []engine.Kind
	checks map[string]check           // by "kind.name"
	gates  map[string]gate            // likewise
	real   map[string]json.RawMessage // the fields of the checks that are asked for real
	played map[string]bool            // answers that were given: "check kind.name fails"
	asked  map[string]int             // how often a gate was asked about a node
	yes    bool                       // from here on all say yes
}

func newScript(g given, kinds []engine.Kind) *script {
	s := &script{kinds: kinds, checks: map[string]check{}, gates: map[string]gate{}, real: map[string]json.RawMessage{}, played: map[string]bool{}, asked: map[string]int{}}
	for _, c := range g.Checks {
		s.checks[c.Step] = c
	}
	for _, g := range g.Gates {
		s.gates[g.Gate] = g
	}
	return s
}

// cast puts the script in the place of every check of a plan.
func (s *script) cast(steps []engine.PlannedStep) error {
	for i, step := range steps {
		if step.Check == nil {
			continue
		}
		s.real[step.ID()] = step.Check
		var err error
		if steps[i].Check, err = json.Marshal(player{ID: step.ID()}); err != nil {
			return err
		}
	}
	return nil
}

// castGates does the same for gates.
func (s *script) castGates(gates []engine.PlannedGate) error {
	for i, g := range gates {
		var err error
		if gates[i].Check, err = json.Marshal(player{ID: g.ID(), Gate: true}); err != nil {
			return err
		}
	}
	return nil
}

// roles are the kinds that an engine rebuilds the cast from.
func (s *script) roles() []engine.Kind {
	var all []engine.Kind
	for _, k := range s.kinds {
		all = append(all, engine.Kind{Name: k.Name, New: func() engine.Task { return &player{kind: k, script: s} }})
	}
	return all
}

// player answers for one check or gate.
type player struct {
	ID   string `json:"id"`
	Gate bool   `json:"gate,omitempty"`

	kind   engine.Kind
	script *script
}

var _ engine.Checker = (*player)(nil)

// Kind is the kind of the check that it stands for.
func (p *player) Kind() string { return p.kind.Name }

// itself is the check that it stands for.
func (p *player) itself() (engine.Checker, error) {
	t := p.kind.New()
	if err := json.Unmarshal(p.script.real[p.ID], t); err != nil {
		return nil, fmt.Errorf("%s: %w", p.ID, err)
	}
	c, ok := t.(engine.Checker)
	if !ok {
		return nil, fmt.Errorf("%s is no check", p.ID)
	}
	return c, nil
}

// Mark implements engine.Checker.
func (p *player) Mark(ctx context.Context, w engine.Watch, planned []engine.Change) (engine.Mark, error) {
	answer, real := p.script.checks[p.ID], false
	if !p.Gate {
		real = answer.Real
	}
	switch {
	case real:
		c, err := p.itself()
		if err != nil {
			return nil, err
		}
		return c.Mark(ctx, w, planned)
	case !p.Gate && !w.Undoing && answer.Unavailable != "" && !p.script.yes:
		p.script.played[unavailable(p.ID)] = true
		return nil, &engine.Unavailable{Why: answer.Unavailable}
	}
	return engine.Mark(`{}`), nil
}

// Check implements engine.Checker.
func (p *player) Check(ctx context.Context, w engine.Watch, m engine.Mark) error {
	switch answer := p.script.checks[p.ID]; {
	case p.Gate:
		return p.gate(w.Name())
	case answer.Real:
		c, err := p.itself()
		if err != nil {
			return err
		}
		return c.Check(ctx, w, m)
	case p.script.yes:
	case w.Undoing && answer.FailsOnRollback != "":
		p.script.played[failsOnRollback(p.ID)] = true
		return &engine.Failed{Why: answer.FailsOnRollback}
	case !w.Undoing && answer.Fails != "":
		p.script.played[fails(p.ID)] = true
		return &engine.Failed{Why: answer.Fails}
	}
	return nil
}

// gate answers about a node: it is asked before the first write, and once more after the last check.
func (p *player) gate(node string) error {
	if p.script.yes {
		return nil
	}
	key := p.ID + " " + node
	p.script.asked[key]++
	switch g := p.script.gates[p.ID]; {
	case p.script.asked[key] == 1 && g.Refuses != "":
		p.script.played[refuses(p.ID)] = true
		return errors.New(g.Refuses)
	case p.script.asked[key] > 1 && g.RefusesAfter != "":
		p.script.played[refusesAfter(p.ID)] = true
		return errors.New(g.RefusesAfter)
	}
	return nil
}

func fails(id string) string           { return "check " + id + " fails" }
func failsOnRollback(id string) string { return "check " + id + " fails_on_rollback" }
func unavailable(id string) string     { return "check " + id + " unavailable" }
func refuses(id string) string         { return "gate " + id + " refuses" }
func refusesAfter(id string) string    { return "gate " + id + " refuses_after" }
