package tasks

import (
	"context"
	"errors"
	"net"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// tree is a node in memory: what is at which path. Folders above what is there are made by newTree.
type tree struct {
	at      map[string]engine.Image
	looks   int
	outputs map[string]string // what commands print, by their words
}

func newTree(at map[string]engine.Image) *tree {
	t := &tree{at: map[string]engine.Image{}, outputs: map[string]string{}}
	for p, img := range at {
		t.at[p] = img
		for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
			if _, ok := t.at[dir]; !ok && at[dir].Kind == "" {
				t.at[dir] = engine.Image{Kind: engine.Dir, Mode: 0o755}
			}
		}
	}
	return t
}

// file is a file of root's with mode 0644.
func file(text string) engine.Image {
	return engine.Image{Kind: engine.File, Mode: 0o644, Links: 1, Content: engine.Bytes([]byte(text))}
}

func dir() engine.Image { return engine.Image{Kind: engine.Dir, Mode: 0o755} }

func (t *tree) Name() string { return "master1" }

func (t *tree) Look(_ context.Context, paths ...string) ([]engine.Image, error) {
	t.looks++
	images := make([]engine.Image, len(paths))
	for i, p := range paths {
		img, ok := t.at[p]
		if p == "/" {
			img, ok = dir(), true
		}
		if images[i] = img; !ok {
			images[i] = engine.Image{Kind: engine.Absent}
		}
	}
	return images, nil
}

func (t *tree) Observe(_ context.Context, argv ...string) ([]byte, error) {
	if err := engine.ReadOnly(argv); err != nil {
		return nil, err
	}
	out, ok := t.outputs[strings.Join(argv, " ")]
	if !ok {
		return nil, &engine.ExitError{Argv: argv, Code: 1, Stderr: "no such thing"}
	}
	return []byte(out), nil
}

func (t *tree) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}

// apply does what was planned.
func (t *tree) apply(tt *testing.T, steps []engine.PlannedStep) {
	tt.Helper()
	for _, c := range engine.Changes(steps) {
		got, _ := t.Look(tt.Context(), c.At)
		if !c.Before.Matches(got[0]) {
			tt.Fatalf("%s is %s, the plan saw %s", c.At, got[0], c.Before)
		}
		if c.After.AnyContent {
			c.After.Content, c.After.AnyContent = got[0].Content, false
		}
		t.at[c.At] = c.After
		if c.After.Kind == engine.Absent {
			delete(t.at, c.At)
		}
	}
}

// plan plans tasks in order on the tree.
func (t *tree) plan(tt *testing.T, list ...engine.Task) ([]engine.PlannedStep, error) {
	tt.Helper()
	pb := &engine.Playbook{Name: "test"}
	for i, task := range list {
		pb.Steps = append(pb.Steps, engine.Step{Name: string(rune('a' + i)), Task: task})
	}
	return engine.Plan(tt.Context(), pb, t.Look)
}

// mustPlan plans, and checks that after applying it there is nothing left to do.
func (t *tree) mustPlan(tt *testing.T, list ...engine.Task) []engine.PlannedStep {
	tt.Helper()
	steps, err := t.plan(tt, list...)
	if err != nil {
		tt.Fatal(err)
	}
	t.apply(tt, steps)
	again, err := t.plan(tt, list...)
	if err != nil {
		tt.Fatalf("the second plan: %v", err)
	}
	if engine.HasChanges(again) {
		tt.Errorf("the second plan still changes %v", engine.Changes(again))
	}
	return steps
}

// summary is the planned changes in words.
func summary(steps []engine.PlannedStep) []string {
	var all []string
	for _, c := range engine.Changes(steps) {
		all = append(all, string(c.Action())+" "+c.At+" "+c.After.String())
	}
	return all
}

func wantChanges(t *testing.T, steps []engine.PlannedStep, want ...string) {
	t.Helper()
	if got := summary(steps); !slices.Equal(got, want) {
		t.Errorf("planned %q\nwant    %q", got, want)
	}
}

// wantProblem checks an error's code and words; code 0 takes any error.
func wantProblem(t *testing.T, err error, code engine.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", words)
	}
	if code != 0 && engine.CodeOf(err) != code {
		t.Errorf("code %d, want %d: %v", engine.CodeOf(err), code, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q:\n%v", w, err)
		}
	}
}

func watch(t *tree) engine.Watch { return engine.Watch{Node: t, Say: func(string) {}} }
