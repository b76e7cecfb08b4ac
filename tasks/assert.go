package tasks

import (
	"context"

	"github.com/hcrun/hcrun/engine"
)

type Assert struct {
	That     *bool       `hcl:"that,optional" json:"that,omitempty"`
	Message  string      `hcl:"message,optional" json:"message,omitempty"`
	Path     string      `hcl:"path,optional" json:"path,omitempty"`
	Is       string      `hcl:"is,optional" json:"is,omitempty"`
	Mode     engine.Mode `hcl:"mode,optional" json:"mode,omitempty"`
	Owner    string      `hcl:"owner,optional" json:"owner,omitempty"`
	Contains string      `hcl:"contains,optional" json:"contains,omitempty"`
	Free     string      `hcl:"free,optional" json:"free,omitempty"`
	Command  []string    `hcl:"command,optional" json:"command,omitempty"`
	Output   string      `hcl:"output,optional" json:"output,omitempty"`
	After    bool        `hcl:"after,optional" json:"after,omitempty"`
}

func (t *Assert) Kind() string { return "assert" }

func (t *Assert) Mark(ctx context.Context, w engine.Watch, planned []engine.Change) (engine.Mark, error) {
	panic("being written")
}

func (t *Assert) Check(ctx context.Context, w engine.Watch, m engine.Mark) error {
	panic("being written")
}
