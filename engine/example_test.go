package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// Motd is a Changer: the message of the day.
type Motd struct {
	// Text is what people see when they log in.
	Text string `hcl:"text" json:"text"`
}

// Kind is "motd".
func (m *Motd) Kind() string { return "motd" }

// Prepare refuses what cannot work anywhere.
func (m *Motd) Prepare(fs.FS) error {
	if m.Text == "" {
		return &engine.FieldError{Field: "text", Err: errors.New("is empty")}
	}
	return nil
}

// Plan says what should stand at /etc/motd.
func (m *Motd) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	images, err := look(ctx, "/etc/motd")
	if err != nil {
		return nil, err // ErrLater among others
	}
	after := engine.Image{Kind: engine.File, Mode: 0o644, Content: engine.Bytes([]byte(m.Text + "\n"))}
	return []engine.Change{{At: "/etc/motd", Before: images[0], After: after}}, nil
}

// Readable is a Checker: a file has no mode bits but those for reading.
type Readable struct {
	// Path is the file's.
	Path string `hcl:"path" json:"path"`
}

// Kind is "readable".
func (r *Readable) Kind() string { return "readable" }

// Mark has nothing to remember: what it proves does not depend on what was there before.
func (r *Readable) Mark(context.Context, engine.Watch, []engine.Change) (engine.Mark, error) {
	return engine.Mark("{}"), nil
}

// Check looks once.
func (r *Readable) Check(ctx context.Context, w engine.Watch, _ engine.Mark) error {
	images, err := w.Look(ctx, r.Path)
	if err != nil {
		return err // the node was away: neither proven nor disproven
	}
	if got := images[0]; got.Kind != engine.File || got.Mode != 0o444 {
		return &engine.Failed{Why: fmt.Sprintf("%s is %s; expected is a file with mode 0444", r.Path, got)}
	}
	return nil
}

func kinds() []engine.Kind {
	return []engine.Kind{
		{Name: "motd", New: func() engine.Task { return new(Motd) }},
		{Name: "readable", New: func() engine.Task { return new(Readable) }},
	}
}

// A plan is data: what is at each path now, and what will be.
func ExamplePlan() {
	node := enginetest.NewNode("master1")
	pb := &engine.Playbook{Name: "welcome", Steps: []engine.Step{{Name: "hello", Task: &Motd{Text: "hello"}}}}
	if err := pb.Prepare(nil); err != nil {
		fmt.Println(err)
		return
	}
	steps, err := engine.Plan(context.Background(), pb, node.Look)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range engine.Changes(steps) {
		fmt.Println(c.Action(), c.At)
		fmt.Println("from", c.Before)
		fmt.Println("to  ", c.After)
	}
	// Output:
	// create /etc/motd
	// from absent
	// to   file 0644 0:0, 6 bytes sha256:5891b5b522d5
}

// A check that fails undoes the run; what it said is in the error, and the node is as it was.
func ExampleEngine_Apply() {
	node := enginetest.NewNode("master1")
	before := node.Digest()
	pb := &engine.Playbook{Name: "welcome", Steps: []engine.Step{
		{Name: "hello", Task: &Motd{Text: "hello"}},
		{Name: "hello", Task: &Readable{Path: "/etc/motd"}},
	}}
	ctx := context.Background()
	steps, err := engine.Plan(ctx, pb, node.Look)
	if err != nil {
		fmt.Println(err)
		return
	}
	e := &engine.Engine{Journal: &enginetest.Journal{}, Kinds: kinds(), Show: func(e engine.Event) { fmt.Println(e.Kind) }}
	r, err := e.Open(ctx, "20260302-200000-master1-abcd", engine.Opened{Playbook: pb.Name, Node: node.Name()}, steps)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = e.Apply(ctx, node, r)
	fmt.Println(engine.CodeOf(err) == engine.RolledBack, node.Digest() == before)
	fmt.Println(err)
	// Output:
	// opened
	// planned
	// marked
	// intent
	// settled
	// checking
	// failed
	// turned
	// intent
	// settled
	// rolled-back
	// true true
	// readable.hello: /etc/motd is file 0644 0:0, 6 bytes sha256:5891b5b522d5; expected is a file with mode 0444
}

// Guards say why a node may not start now, and from when it may.
func ExampleGuards() {
	pb := &engine.Playbook{Name: "welcome", Schedule: engine.Schedule{Order: []string{"master1", "master2"}}}
	err := engine.Guards(pb, "master2", time.Date(2026, 3, 2, 20, 0, 0, 0, time.UTC), nil)
	held, ok := errors.AsType[*engine.NotYetError](err)
	fmt.Println(ok)
	for _, h := range held.Holds {
		fmt.Printf("%s: %s\n", h.Guard, h.Why)
	}
	// Output:
	// true
	// order: master1 comes first and has not landed
}

// Errors of one field name it, so that a playbook's line can be shown.
func ExampleFieldError() {
	pb := &engine.Playbook{Name: "welcome", Steps: []engine.Step{{Name: "hello", Task: &Motd{}}}}
	err := pb.Prepare(nil)
	field, _ := errors.AsType[*engine.FieldError](err)
	fmt.Println(field.Field)
	fmt.Println(err)
	// Output:
	// text
	// motd "hello": text: is empty
}
