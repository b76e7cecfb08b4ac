package tasks

import (
	"context"

	"github.com/hcrun/hcrun/engine"
)

type Mkdir struct {
	Path    string      `hcl:"path" json:"path"`
	Owner   string      `hcl:"owner,optional" json:"owner,omitempty"`
	Group   string      `hcl:"group,optional" json:"group,omitempty"`
	Mode    engine.Mode `hcl:"mode,optional" json:"mode,omitempty"`
	Parents *bool       `hcl:"parents,optional" json:"parents,omitempty"`
}

func (t *Mkdir) Kind() string { return "mkdir" }

func (t *Mkdir) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	panic("being written")
}
