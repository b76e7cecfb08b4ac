package playbooks

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// copyTask, probeTask and patchTask stand for the kinds of tasks: they have every type of field.
type copyTask struct {
	Source      string         `hcl:"source" json:"source"`
	Destination string         `hcl:"destination" json:"destination"`
	Mode        engine.Mode    `hcl:"mode,optional" json:"mode,omitempty"`
	Vars        map[string]any `hcl:"vars,optional" json:"vars,omitempty" sensitive:"ok"`
	content     string
}

func (t *copyTask) Kind() string { return "copy" }

func (t *copyTask) Prepare(files fs.FS) error {
	var errs []error
	if t.Destination != "" && !strings.HasPrefix(t.Destination, "/") {
		errs = append(errs, &engine.FieldError{Field: "destination", Err: errors.New("must be absolute, such as /etc/motd")})
	}
	f, err := files.Open(t.Source)
	if err != nil {
		return errors.Join(append(errs, &engine.FieldError{Field: "source", Err: err})...)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	t.content = string(b)
	return errors.Join(append(errs, err)...)
}

func (t *copyTask) Plan(context.Context, engine.Look) ([]engine.Change, error) { return nil, nil }

type probeTask struct {
	URL     string            `hcl:"url" json:"url"`
	Passes  int               `hcl:"passes,optional" json:"passes,omitempty"`
	Ratio   float64           `hcl:"ratio,optional" json:"ratio,omitempty"`
	Timeout engine.Duration   `hcl:"timeout,optional" json:"timeout,omitempty"`
	TLS     *bool             `hcl:"tls,optional" json:"tls,omitempty"`
	Match   map[string]string `hcl:"match,optional" json:"match,omitempty"`
	Args    []string          `hcl:"args,optional" json:"args,omitempty"`
	Token   string            `hcl:"token,optional" json:"token,omitempty" sensitive:"ok"` // against the rule
	Node    *probeNode        `hcl:"node,block" json:"node,omitempty"`
}

type probeNode struct {
	Label string `hcl:"label" json:"label"`
}

func (t *probeTask) Kind() string { return "probe" }

func (t *probeTask) Mark(context.Context, engine.Watch, []engine.Change) (engine.Mark, error) {
	return nil, nil
}
func (t *probeTask) Check(context.Context, engine.Watch, engine.Mark) error { return nil }

type patchTask struct {
	Path  string       `hcl:"path" json:"path"`
	Flags []patchFlags `hcl:"flags,block" json:"flags,omitempty"`
	Lists []patchList  `hcl:"list,block" json:"list,omitempty"`
	Judge patchJudge   `hcl:"judge,block" json:"judge"`
}

type patchFlags struct {
	At     string            `hcl:"at,label" json:"at"`
	Set    map[string]string `hcl:"set,optional" json:"set,omitempty" sensitive:"ok"`
	Remove []string          `hcl:"remove,optional" json:"remove,omitempty"`
}

type patchList struct {
	At  string           `hcl:"at,label" json:"at"`
	Key string           `hcl:"key" json:"key"`
	Set []map[string]any `hcl:"set,optional" json:"set,omitempty"`
}

type patchJudge struct {
	By string `hcl:"by,optional" json:"by,omitempty"`
}

func (t *patchTask) Kind() string { return "patch" }

func (t *patchTask) Prepare(fs.FS) error {
	for _, f := range t.Flags {
		if !strings.Contains(f.At, "[") {
			return &engine.FieldError{Field: "flags.set", Err: errors.New("which container is not said")}
		}
	}
	return nil
}

func (t *patchTask) Plan(context.Context, engine.Look) ([]engine.Change, error) { return nil, nil }

// glanceTask is a check without a timeout of its own.
type glanceTask struct{}

func (t *glanceTask) Kind() string { return "glance" }
func (t *glanceTask) Mark(context.Context, engine.Watch, []engine.Change) (engine.Mark, error) {
	return nil, nil
}
func (t *glanceTask) Check(context.Context, engine.Watch, engine.Mark) error { return nil }

func testKinds() []engine.Kind {
	return []engine.Kind{
		{Name: "copy", New: func() engine.Task { return new(copyTask) }},
		{Name: "probe", New: func() engine.Task { return new(probeTask) }},
		{Name: "glance", New: func() engine.Task { return new(glanceTask) }},
		{Name: "patch", New: func() engine.Task { return new(patchTask) }},
	}
}

// env answers from pairs: name, value.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}
