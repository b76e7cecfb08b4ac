package engine_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// changer is a Changer made of a function.
type changer func(look engine.Look) ([]engine.Change, error)

func (changer) Kind() string { return "changer" }

func (c changer) Plan(_ context.Context, look engine.Look) ([]engine.Change, error) { return c(look) }

func step(name string, c changer) engine.Step { return engine.Step{Name: name, Task: c} }

// TestPlanIsOneRoundTrip holds that every path of every step is fetched at once, and that a later step
// sees what an earlier one will leave.
func TestPlanIsOneRoundTrip(t *testing.T) {
	n := enginetest.NewNode("master1")
	n.Writable = false
	pb := &engine.Playbook{Name: "p", Steps: []engine.Step{
		write("one", "/etc/a", "1"), write("two", "/etc/b", "2"), write("three", "/etc/a", "3"),
		{Name: "skipped", Skip: true, Task: &enginetest.Write{Path: "/etc/c"}}, write("four", "/etc/a", "3"),
	}}
	steps, err := engine.Plan(t.Context(), pb, n.Look)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		for _, c := range s.Changes {
			got = append(got, fmt.Sprint(s.Name, " ", c.Action(), " ", c.At))
		}
	}
	if want := []string{"one create /etc/a", "two create /etc/b", "three replace /etc/a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("planned %q, want %q", got, want)
	}
	if n.Looks() != 1 || !steps[3].Skip {
		t.Errorf("%d looks, skip %v", n.Looks(), steps[3].Skip)
	}
}

// TestPlanRefuses holds what no task may plan.
func TestPlanRefuses(t *testing.T) {
	one := func(c engine.Change) changer {
		return func(look engine.Look) ([]engine.Change, error) {
			images, err := look(context.Background(), c.At)
			if err != nil {
				return nil, err
			}
			if c.Before.Kind == "" {
				c.Before = images[0]
			}
			return []engine.Change{c}, nil
		}
	}
	file := func(size int64) engine.Image {
		return engine.Image{Kind: engine.File, Mode: 0o600, Content: engine.NewContent(strings.Repeat("a", 64), size, nil)}
	}
	tests := map[string]struct {
		task changer
		at   engine.Image // what is at /etc/x
		code engine.Code
		says string
	}{
		"a relative path":     {one(engine.Change{At: "x", After: file(1)}), engine.Image{Kind: engine.Absent}, engine.Bug, "not a clean absolute path"},
		"an unclean path":     {one(engine.Change{At: "/etc/../x", After: file(1)}), engine.Image{Kind: engine.Absent}, engine.Bug, "not a clean absolute path"},
		"through a link":      {one(engine.Change{At: "/etc/x", After: file(1)}), engine.Image{Kind: engine.Link, Target: "/y"}, engine.Security, "neither followed nor replaced"},
		"onto a device":       {one(engine.Change{At: "/etc/x", After: file(1)}), engine.Image{Kind: engine.Other}, engine.Security, "neither followed nor replaced"},
		"a link":              {one(engine.Change{At: "/etc/x", After: engine.Image{Kind: engine.Link}}), engine.Image{Kind: engine.Absent}, engine.Bug, `planned "link"`},
		"a made-up before":    {one(engine.Change{At: "/etc/x", Before: file(3), After: file(1)}), file(2), engine.Bug, "something else than what it looked at"},
		"what cannot be kept": {one(engine.Change{At: "/etc/x", After: engine.Image{Kind: engine.Absent}}), file(3 << 30), engine.Preflight, "could not be kept"},
		"waiting for nothing": {func(engine.Look) ([]engine.Change, error) { return nil, engine.ErrLater }, engine.Image{}, engine.Bug, "has not asked for"},
		"without looking": {func(engine.Look) ([]engine.Change, error) {
			return []engine.Change{{At: "/etc/x", After: file(1)}}, nil
		}, engine.Image{}, engine.Bug, "something else than what it looked at"},
		"an error of its own":   {func(engine.Look) ([]engine.Change, error) { return nil, engine.Problemf(engine.Preflight, "no tabs") }, engine.Image{}, engine.Preflight, "no tabs"},
		"asking without an end": {endless(), engine.Image{Kind: engine.Absent}, engine.Bug, "still asks"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			look := func(_ context.Context, paths ...string) ([]engine.Image, error) {
				images := make([]engine.Image, len(paths))
				for i := range images {
					images[i] = test.at
				}
				return images, nil
			}
			_, err := engine.Plan(t.Context(), &engine.Playbook{Steps: []engine.Step{step("s", test.task)}}, look)
			if err == nil || engine.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.says) {
				t.Errorf("code %d, want %d: %v", engine.CodeOf(err), test.code, err)
			}
		})
	}
}

// endless asks for another path each time.
func endless() changer {
	n := 0
	return func(look engine.Look) ([]engine.Change, error) {
		n++
		_, err := look(context.Background(), fmt.Sprint("/etc/", n))
		return nil, err
	}
}

// TestPlanGivesBackTheLooksError holds that a node that cannot be looked at is not a step's fault.
func TestPlanGivesBackTheLooksError(t *testing.T) {
	_, err := engine.Plan(t.Context(), &engine.Playbook{Steps: []engine.Step{write("w", "/etc/x", "")}},
		func(context.Context, ...string) ([]engine.Image, error) { return nil, errLost })
	if err != error(errLost) {
		t.Errorf("got %v", err)
	}
}

// TestPreflight holds what Preflight answers, and that it names the step.
func TestPreflight(t *testing.T) {
	w := newWorld(runbook()...)
	w.oracle.Mark = func(_ context.Context, name string, _ engine.Watch) error {
		return map[string]error{"pod": engine.ErrNotNeeded, "events": &engine.Unavailable{Why: "down"}}[name]
	}
	steps := must2(engine.Plan(t.Context(), &engine.Playbook{Steps: w.steps}, w.node.Look))
	w.node.Writable = false
	_, err := w.engine().Preflight(t.Context(), w.node, steps, func(string) {})
	var at *engine.StepError
	var down *engine.Unavailable
	if !errors.As(err, &at) || at.Index != 7 || at.Name != "events" || !errors.As(err, &down) {
		t.Errorf("got %v", err)
	}
	marks, err := w.engine().Preflight(t.Context(), w.node, steps[:7], func(string) {})
	if err != nil || len(marks) != 2 || !marks[6].Skip || len(marks[0].Mark) == 0 {
		t.Errorf("got %v, %v", marks, err)
	}
	w.sound(t)
}

// TestPrepare holds what is refused before any connection, each with the step that it belongs to.
func TestPrepare(t *testing.T) {
	on := check("c")
	on.OnRollback = true
	tests := map[string]struct {
		pb   engine.Playbook
		says []string // one a message, in order; none: it is fine
	}{
		"fine":            {engine.Playbook{Name: "p", Steps: []engine.Step{write("a", "/x", ""), on}, Gates: []engine.Gate{{Name: "g", On: engine.All, Task: &enginetest.Check{}}}}, nil},
		"no name":         {engine.Playbook{}, []string{"cannot name a playbook"}},
		"a bad schedule":  {engine.Playbook{Name: "p", Schedule: engine.Schedule{PerDay: -1}}, []string{"per_day"}},
		"two of a name":   {engine.Playbook{Name: "p", Steps: []engine.Step{check("a"), check("a")}}, []string{"two of this kind and name"}},
		"a bad name":      {engine.Playbook{Name: "p", Steps: []engine.Step{check("a b")}}, []string{"cannot be a name"}},
		"no task":         {engine.Playbook{Name: "p", Steps: []engine.Step{{Name: "a"}}, Gates: []engine.Gate{{Name: "g"}}}, []string{"has no task", "has no task"}},
		"on_rollback":     {engine.Playbook{Name: "p", Steps: []engine.Step{{Name: "a", OnRollback: true, Task: &enginetest.Write{}}}}, []string{"belong to checks"}},
		"on_failure":      {engine.Playbook{Name: "p", Steps: []engine.Step{{Name: "a", OnFailure: "shrug", Task: &enginetest.Check{}}}}, []string{"on_failure"}},
		"gate on nothing": {engine.Playbook{Name: "p", Gates: []engine.Gate{{Name: "g", Task: &enginetest.Check{}}}}, []string{`on: "" is none`}},
		"skipped":         {engine.Playbook{Name: "p", Steps: []engine.Step{{Name: "a b", Skip: true, Task: &enginetest.Check{}}}}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.pb.Prepare(fstest.MapFS{})
			lines := strings.Split(fmt.Sprint(err), "\n")
			if err == nil {
				lines = nil
			}
			if len(lines) != len(test.says) {
				t.Fatalf("it says %q, want %q", lines, test.says)
			}
			for i := range lines {
				if !strings.Contains(lines[i], test.says[i]) {
					t.Errorf("it says %q, want %q", lines[i], test.says[i])
				}
			}
		})
	}
}
