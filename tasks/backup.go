package tasks

import (
	"context"

	"github.com/hcrun/hcrun/engine"
)

type Backup struct {
	Path         string `hcl:"path" json:"path"`
	To           string `hcl:"to" json:"to"`
	OnDifference string `hcl:"on_difference,optional" json:"on_difference,omitempty"`
}

func (t *Backup) Kind() string { return "backup" }

func (t *Backup) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	panic("being written")
}
