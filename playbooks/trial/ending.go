package trial

import (
	"errors"
	"slices"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// undone are the steps that a journal tells were undone, in that order.
func undone(events []engine.Event) []string {
	var steps []engine.PlannedStep
	var names []string
	for _, e := range events {
		switch {
		case e.Kind == engine.EvPlanned:
			steps = e.Planned
		case e.Kind == engine.EvSettled && e.Op.Down:
			names = append(names, steps[e.Op.Step].ID())
		}
	}
	return slices.Compact(names)
}

// words is an error as apply says it.
func words(err error) string {
	step, ok := errors.AsType[*engine.StepError](err)
	if _, loading := errors.AsType[*lang.Error](err); ok && !loading {
		return step.Kind + "." + step.Name + ": " + step.Err.Error()
	}
	return err.Error()
}

// codeOf is the exit status of apply for an error.
func codeOf(err error) engine.Code {
	if p, ok := errors.AsType[*engine.Problem](err); ok {
		return p.Code
	}
	if wrong, ok := errors.AsType[*lang.Error](err); ok {
		if slices.ContainsFunc(wrong.Causes(), func(cause error) bool { return engine.CodeOf(cause) == engine.Security }) {
			return engine.Security
		}
		return engine.Invalid
	}
	if _, ok := errors.AsType[*engine.StepError](err); ok {
		return engine.Preflight
	}
	return engine.CodeOf(err)
}
