package tasks

import (
	"context"

	"github.com/hcrun/hcrun/engine"
)

type Scp struct {
	Source      string         `hcl:"source,optional" json:"source,omitempty"`
	Content     string         `hcl:"content,optional" json:"content,omitempty"`
	Template    string         `hcl:"template,optional" json:"template,omitempty"`
	Vars        map[string]any `hcl:"vars,optional" json:"vars,omitempty"`
	Destination string         `hcl:"destination" json:"destination"`
	Owner       string         `hcl:"owner,optional" json:"owner,omitempty"`
	Group       string         `hcl:"group,optional" json:"group,omitempty"`
	Mode        engine.Mode    `hcl:"mode,optional" json:"mode,omitempty"`
	Validate    string         `hcl:"validate,optional" json:"validate,omitempty"`
}

func (t *Scp) Kind() string { return "scp" }

func (t *Scp) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	panic("being written")
}
