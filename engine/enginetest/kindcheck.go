package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/hcrun/hcrun/engine"
)

func checkerRules() []rule {
	return []rule{
		{"proves what is true", proves},
		{"disproves what is not", disproves},
		{"takes an interruption for neither", interrupted},
		{"takes a lost node for neither", lostNode},
	}
}

// asked is a check at the moment between its mark and its question.
type asked struct {
	node  *Node
	check engine.Checker
	mark  engine.Mark
	skip  bool // it said that it is not needed
}

// ask takes the mark, and rebuilds the check from its fields, as a process would that takes up the run.
func (s Sample) ask(ctx context.Context, k engine.Kind) (*asked, error) {
	l, err := s.life(k)
	if err != nil {
		return nil, err
	}
	a := &asked{node: l.node}
	a.node.Journal, a.node.Writable = nil, false
	a.mark, err = l.pb.Steps[0].Task.(engine.Checker).Mark(ctx, watch(a.node), nil)
	if errors.Is(err, engine.ErrNotNeeded) {
		a.skip, err = true, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mark: %w", err)
	}
	if !a.skip && len(a.mark) > 0 && !json.Valid(a.mark) {
		return nil, fmt.Errorf("its mark is not JSON: %s", a.mark)
	}
	fields, err := json.Marshal(s.Make())
	if err != nil {
		return nil, err
	}
	a.check, err = (&engine.Engine{Kinds: []engine.Kind{k}}).Checker(k.Name, fields)
	return a, err
}

func (s Sample) asked(ctx context.Context, k engine.Kind, then func(*Node) error) (*asked, error) {
	if then == nil {
		return nil, errors.New("the sample of a check needs Prove and Refute")
	}
	a, err := s.ask(ctx, k)
	if err != nil {
		return nil, err
	}
	return a, then(a.node)
}

func proves(ctx context.Context, k engine.Kind, s Sample) error {
	a, err := s.asked(ctx, k, s.Prove)
	if err != nil {
		return err
	}
	if err := a.check.Check(ctx, watch(a.node), a.mark); err != nil {
		return fmt.Errorf("it did not prove what is true: %w", err)
	}
	return nil
}

func disproves(ctx context.Context, k engine.Kind, s Sample) error {
	a, err := s.asked(ctx, k, s.Refute)
	if err != nil {
		return err
	}
	err = a.check.Check(ctx, watch(a.node), a.mark)
	if !isVerdict(err) {
		return fmt.Errorf("what is not true it met with %v (%T); want a *engine.Failed or *engine.Unavailable", err, err)
	}
	return nil
}

// isVerdict reports whether a check's error is about what it was to prove.
func isVerdict(err error) bool {
	_, failed := errors.AsType[*engine.Failed](err)
	_, unavailable := errors.AsType[*engine.Unavailable](err)
	return failed || unavailable
}

func interrupted(ctx context.Context, k engine.Kind, s Sample) error {
	a, err := s.asked(ctx, k, s.Refute)
	if err != nil {
		return err
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := a.check.Check(ended, watch(a.node), a.mark); err == nil || isVerdict(err) {
		return fmt.Errorf("its context had ended, and it said of the node: %v (%T)", err, err)
	}
	return nil
}

func lostNode(ctx context.Context, k engine.Kind, s Sample) error {
	a, err := s.asked(ctx, k, s.Refute)
	if err != nil {
		return err
	}
	gone := &engine.LostError{Node: "master1", Op: "anything", Err: errors.New("reset")}
	a.node.OnLook = func([]string) error { return gone }
	a.node.OnObserve = func([]string) ([]byte, error) { return nil, gone }
	a.node.OnDial = func(context.Context, string, string) (net.Conn, error) { return nil, gone }
	if err := a.check.Check(ctx, watch(a.node), a.mark); err == nil || isVerdict(err) {
		return fmt.Errorf("the node was away, and it said of it: %v (%T)", err, err)
	}
	return nil
}
