package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// maxRounds bounds how often a plan may ask for further paths.
const maxRounds = 20

// MaxKept is the size in bytes up to which a file's before-image can be kept.
const MaxKept = 2 << 30

// Plan works out what the playbook would change on the node that look sees. It holds nothing to
// write with. Each step sees what the earlier steps will leave. Errors are *StepError, or look's own.
func Plan(ctx context.Context, pb *Playbook, look Look) ([]PlannedStep, error) {
	p := planner{seen: map[string]Image{}, needless: map[int]bool{}, hidden: map[string]bool{}}
	for range maxRounds {
		steps, err := p.round(ctx, pb)
		if err != nil {
			return nil, err
		}
		if len(p.want) == 0 {
			if p.drop(pb, steps) {
				continue
			}
			if p.refused != nil {
				return nil, p.refused
			}
			p.keepSecrets(steps)
			return steps, nil
		}
		images, err := look(ctx, p.want...)
		if err != nil {
			return nil, err
		}
		for i, at := range p.want {
			p.seen[at] = images[i]
		}
		p.want = nil
	}
	return nil, fmt.Errorf("the plan still asks for further paths after %d rounds", maxRounds)
}

// planner collects the paths that the steps ask for, so that each round of planning costs one round
// trip whatever the number of steps.
type planner struct {
	seen map[string]Image // what is on the node
	want []string         // asked for in this round and not seen yet

	hidden map[string]bool // paths that sensitive steps have to do with, also when there is nothing to do

	needless map[int]bool // precautions against nothing, and what follows nothing
	refused  error        // what a precaution said that may turn out to be needless
}

// drop marks the precautions whose paths no later step changes, and what follows paths that no step does, and reports whether there was one: then
// the steps have to be planned again, without what it would have left.
func (p *planner) drop(pb *Playbook, steps []PlannedStep) bool {
	dropped := false
	for i, s := range pb.Steps {
		if s.Skip || p.needless[i] {
			continue
		}
		changed := func(steps []PlannedStep, paths []string) bool {
			return slices.ContainsFunc(Changes(steps), func(c Change) bool { return slices.Contains(paths, c.At) })
		}
		needed := true
		switch t := s.Task.(type) {
		case Precaution:
			needed = changed(steps[i+1:], t.Guards())
		case Follower:
			needed = t.Follows() == nil || changed(steps, t.Follows())
		}
		if !needed {
			p.needless[i], dropped = true, true
		}
	}
	return dropped
}

// round plans every step on what is seen so far. When it leaves p.want filled, its result is void:
// steps behind one that had to wait were planned on a view that lacks its changes.
func (p *planner) round(ctx context.Context, pb *Playbook) ([]PlannedStep, error) {
	view := map[string]Image{}
	for at, img := range p.seen {
		view[at] = img
	}
	steps := make([]PlannedStep, len(pb.Steps))
	p.refused = nil
	for i, s := range pb.Steps {
		steps[i] = PlannedStep{Kind: s.Task.Kind(), Name: s.Name, OnRollback: s.OnRollback, OnFailure: s.OnFailure, Skip: s.Skip,
			Tags: s.Tags, Timeout: s.Timeout, Retry: s.Retry, RetryPause: s.RetryPause, DelegateTo: s.DelegateTo}
		if s.Skip || p.needless[i] {
			continue
		}
		var err error
		_, precaution := s.Task.(Precaution)
		switch t := s.Task.(type) {
		case Changer:
			steps[i].Changes, err = p.changes(ctx, t, s.Sensitive, view)
		case Checker:
			steps[i].Check, err = json.Marshal(t)
		}
		switch {
		case err != nil && len(p.want) > 0: // also an error that the missing view may have caused
			continue
		case errors.Is(err, ErrLater):
			err = errors.New("the task waits for a path that it has not asked for")
			fallthrough
		case err != nil:
			refused := &StepError{Index: i, Kind: s.Task.Kind(), Name: s.Name, Err: err}
			if !precaution {
				return nil, refused
			}
			if p.refused == nil {
				p.refused = refused
			}
		}
	}
	return steps, nil
}

// changes plans one Changer and lays what it will leave over the view.
func (p *planner) changes(ctx context.Context, t Changer, sensitive bool, view map[string]Image) ([]Change, error) {
	planned, err := t.Plan(ctx, func(_ context.Context, paths ...string) ([]Image, error) {
		images := make([]Image, len(paths))
		later := false
		for i, at := range paths {
			if probe, ok := ProbeOf(at); ok {
				if err := ReadOnly(probe); err != nil {
					return nil, err
				}
			} else if at != path.Clean(at) || !path.IsAbs(at) {
				return nil, fmt.Errorf("%q is not a clean absolute path", at)
			}
			img, ok := view[at]
			if images[i] = img; !ok {
				later = true
				if !slices.Contains(p.want, at) {
					p.want = append(p.want, at)
				}
			}
		}
		if later {
			return nil, ErrLater
		}
		return images, nil
	})
	if err != nil {
		return nil, err
	}
	var kept []Change
	touched := map[string]bool{}
	for _, c := range planned {
		p.hidden[c.At] = p.hidden[c.At] || sensitive || SecretPath(c.At)
		was, looked := view[c.At]
		if _, probe := ProbeOf(c.At); probe && p.hidden[c.At] {
			return nil, Problemf(Security, "what a probe says is shown and kept on record, so it must not read a secret: %s", c.At)
		}
		switch {
		case looked && (was.Kind == Link || was.Kind == Other):
			return nil, Problemf(Security, "%s is %s: it is neither followed nor replaced", c.At, was)
		case c.Cmd == nil && c.After.Kind != Absent && c.After.Kind != File && c.After.Kind != Dir, c.Cmd != nil && c.After.Kind != Answer:
			return nil, fmt.Errorf("the task planned %q to be at %s", c.After.Kind, c.At)
		case c.Cmd != nil && strings.HasPrefix(c.At, untold):
			if touched[c.At] {
				return nil, fmt.Errorf("the task planned %s twice", c.At)
			}
		case !looked || !c.Before.Matches(was) || touched[c.At]:
			return nil, fmt.Errorf("the task planned %s on something else than what it looked at", c.At)
		case c.Before.Kind == File && !c.Before.AnyContent && c.Before.Content.Size() > MaxKept:
			return nil, Problemf(Preflight, "%s has %d bytes; files above %d bytes are not changed, because what was there could not be kept", c.At, c.Before.Content.Size(), int64(MaxKept))
		case c.Action() == Nothing:
			continue
		}
		touched[c.At] = true
		kept = append(kept, c)
	}
	for _, c := range kept {
		view[c.At] = c.After
	}
	return kept, nil
}

// keepSecrets marks the changes whose content no display may show: those of paths that are secret or that a
// sensitive step has to do with, the same bytes wherever else they go, and what else becomes of those paths.
func (p *planner) keepSecrets(steps []PlannedStep) {
	bytes := map[string]bool{}
	note := func(at string, images ...Image) {
		for _, img := range images {
			if p.hidden[at] && img.Content.Size() > 0 {
				bytes[img.Content.Hash()] = true
			}
		}
	}
	for at := range p.seen {
		p.hidden[at] = p.hidden[at] || SecretPath(at)
	}
	for before := -1; before < len(bytes); {
		before = len(bytes)
		for at, img := range p.seen {
			note(at, img)
		}
		for _, c := range Changes(steps) {
			p.hidden[c.At] = p.hidden[c.At] || bytes[c.Before.Content.Hash()] || bytes[c.After.Content.Hash()]
			note(c.At, c.Before, c.After)
		}
	}
	for i := range steps {
		for j := range steps[i].Changes {
			steps[i].Changes[j].Secret = p.hidden[steps[i].Changes[j].At]
		}
	}
}

// PlanGates is the playbook's gates as a run remembers them.
func PlanGates(pb *Playbook) ([]PlannedGate, error) {
	var gates []PlannedGate
	for i, g := range pb.Gates {
		fields, err := json.Marshal(g.Task)
		if err != nil {
			return nil, &StepError{Index: i, Gate: true, Kind: g.Task.Kind(), Name: g.Name, Err: err}
		}
		gates = append(gates, PlannedGate{Kind: g.Task.Kind(), Name: g.Name, On: g.On, Check: fields, OnFailure: g.OnFailure})
	}
	return gates, nil
}
