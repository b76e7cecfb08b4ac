package enginetest

import (
	"context"
	"encoding/json"

	"github.com/hcrun/hcrun/engine"
)

// Write is a Changer: a file at a path.
type Write struct {
	Path    string      `json:"path"`
	Content string      `json:"content"`
	Mode    engine.Mode `json:"mode"`
	Log     bool        `json:"log,omitempty"` // others go on writing it
}

// Kind implements engine.Task.
func (*Write) Kind() string { return "write" }

// Plan implements engine.Changer.
func (w *Write) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	images, err := look(ctx, w.Path)
	if err != nil {
		return nil, err
	}
	after := engine.Image{Kind: engine.File, Mode: w.Mode, Content: engine.Bytes([]byte(w.Content)), AnyContent: w.Log}
	return []engine.Change{{At: w.Path, Before: images[0], After: after}}, nil
}

// Folder is a Changer: a folder at a path.
type Folder struct {
	Path string      `json:"path"`
	Mode engine.Mode `json:"mode"`
}

// Kind implements engine.Task.
func (*Folder) Kind() string { return "folder" }

// Plan implements engine.Changer.
func (f *Folder) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	images, err := look(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	return []engine.Change{{At: f.Path, Before: images[0], After: engine.Image{Kind: engine.Dir, Mode: f.Mode}}}, nil
}

// Do is a Changer: a command, and the state that a probe tells.
type Do struct {
	engine.Command
	Probe []string `json:"probe,omitempty"`
	Want  string   `json:"want,omitempty"`
	After []string `json:"after,omitempty"` // Follows
}

// Kind implements engine.Task.
func (*Do) Kind() string { return "do" }

// Follows implements engine.Follower.
func (d *Do) Follows() []string { return d.After }

// Plan implements engine.Changer.
func (d *Do) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	var was engine.Image
	if len(d.Probe) > 0 {
		images, err := look(ctx, engine.Probe(d.Probe...))
		if err != nil {
			return nil, err
		}
		was = images[0]
	}
	return []engine.Change{engine.CommandChange(d.Probe, was, d.Want, d.Command)}, nil
}

// Oracle decides what checks answer; it outlives the processes that ask.
type Oracle struct {
	// Mark and Check answer for the check of a name, on a node, on the way up or down; nil is yes.
	Mark, Check func(ctx context.Context, check string, w engine.Watch) error
	// Evidence is what a witness of a name has seen.
	Evidence func(check string) []engine.Evidence
	// Planned, when set, is told what a check was shown when it was asked for its mark.
	Planned func(check string, undoing bool, planned []engine.Change)
}

// Check is a Checker and Witness whose answers are the oracle's.
type Check struct {
	Name   string `json:"name"`
	oracle *Oracle
}

// Kinds are the kinds of this file, answering as the oracle says.
func (o *Oracle) Kinds() []engine.Kind {
	return []engine.Kind{
		{Name: "write", New: func() engine.Task { return &Write{} }},
		{Name: "folder", New: func() engine.Task { return &Folder{} }},
		{Name: "do", New: func() engine.Task { return &Do{} }},
		{Name: "check", New: func() engine.Task { return &Check{oracle: o} }},
	}
}

// Kind implements engine.Task.
func (*Check) Kind() string { return "check" }

// Mark implements engine.Checker.
func (c *Check) Mark(ctx context.Context, w engine.Watch, planned []engine.Change) (engine.Mark, error) {
	if c.oracle.Planned != nil {
		c.oracle.Planned(c.Name, w.Undoing, planned)
	}
	if c.oracle.Mark != nil {
		if err := c.oracle.Mark(ctx, c.Name, w); err != nil {
			return nil, err
		}
	}
	return json.Marshal(map[string]any{"check": c.Name, "undoing": w.Undoing})
}

// Check implements engine.Checker. It needs the mark that it made for the same direction.
func (c *Check) Check(ctx context.Context, w engine.Watch, m engine.Mark) error {
	var mark struct {
		Check   string `json:"check"`
		Undoing bool   `json:"undoing"`
	}
	if err := json.Unmarshal(m, &mark); err != nil || mark.Check != c.Name || mark.Undoing != w.Undoing {
		return &engine.Failed{Why: "this is not the mark it made: " + string(m)}
	}
	w.Say("looking")
	w.Say("looking")
	if c.oracle.Check != nil {
		return c.oracle.Check(ctx, c.Name, w)
	}
	return nil
}

// Evidence implements engine.Witness.
func (c *Check) Evidence(context.Context, engine.Watch) []engine.Evidence {
	if c.oracle.Evidence == nil {
		return nil
	}
	return c.oracle.Evidence(c.Name)
}
