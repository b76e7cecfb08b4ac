package tasks

import (
	"context"

	"github.com/hcrun/hcrun/engine"
)

type Touch struct {
	Path  string      `hcl:"path" json:"path"`
	Mode  engine.Mode `hcl:"mode" json:"mode"`
	Owner string      `hcl:"owner,optional" json:"owner,omitempty"`
	Group string      `hcl:"group,optional" json:"group,omitempty"`
}

func (t *Touch) Kind() string { return "touch" }

func (t *Touch) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	panic("being written")
}
