package playbooks

import (
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// schedule is the block as it is written.
type schedule struct {
	Order    any              `hcl:"order,optional"`
	Soak     engine.Duration  `hcl:"soak,optional"`
	PerDay   int              `hcl:"per_day,optional"`
	Timezone string           `hcl:"timezone,optional"`
	Needs    *engine.Duration `hcl:"needs,optional"` // nil: worked out
	Windows  []window         `hcl:"window,block"`
	Freezes  []freeze         `hcl:"freeze,block"`
}

type window struct {
	Days     []string `hcl:"days,optional"`
	From     string   `hcl:"from"`
	To       string   `hcl:"to"`
	Timezone string   `hcl:"timezone,optional"`
}

type freeze struct {
	From     string `hcl:"from"`
	To       string `hcl:"to"`
	Reason   string `hcl:"reason"`
	Timezone string `hcl:"timezone,optional"`
}

// decodeSchedule reads the schedule block; nil is the schedule that always allows.
func decodeSchedule(b *hclsyntax.Block, scope *lang.Scope) (engine.Schedule, hcl.Diagnostics) {
	if b == nil {
		return engine.Schedule{}, nil
	}
	var raw schedule
	known, diags := lang.Decode(b, scope, &raw)
	if diags.HasErrors() {
		return engine.Schedule{}, diags
	}
	if !known {
		return engine.Schedule{}, lang.Here(b.DefRange(), "the schedule depends on the node", "it says when each node's turn comes, so it is the same for all: use var and local values without node in them")
	}
	s := engine.Schedule{Soak: raw.Soak, PerDay: raw.PerDay, Zone: raw.Timezone}
	for _, w := range raw.Windows {
		s.Windows = append(s.Windows, engine.Window{Days: w.Days, From: w.From, To: w.To, Zone: w.Timezone})
	}
	for _, f := range raw.Freezes {
		s.Freezes = append(s.Freezes, engine.Freeze{From: f.From, To: f.To, Reason: f.Reason, Zone: f.Timezone})
	}
	if raw.Needs != nil {
		s.Needs = *raw.Needs
	}
	if raw.Needs != nil && s.Needs == 0 {
		return s, lang.Here(b.Body.Attributes["needs"].Expr.Range(), "needs is 0, and no run is done in no time", "write how long one node's run may take, or leave it out: then it is worked out from the timeouts of the tasks")
	}
	order, ok := orderOf(raw.Order)
	if !ok {
		return s, lang.Here(b.Body.Attributes["order"].Expr.Range(), "order must be a list of node names", `write order = ["master1", "master2"], or order = "inventory" for the inventory's order`)
	}
	s.Order = order
	return s, validateSchedule(lang.Generated(b, scope), s)
}

func orderOf(raw any) ([]string, bool) {
	if raw == nil || raw == "inventory" {
		return nil, true
	}
	list, ok := raw.([]any)
	var names []string
	for _, e := range list {
		name, isText := e.(string)
		ok = ok && isText
		names = append(names, name)
	}
	return names, ok
}

// validateSchedule shows what the engine says of the schedule where it belongs.
func validateSchedule(b *hclsyntax.Block, s engine.Schedule) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, err := range flatten(s.Validate()) {
		diags = append(diags, scheduleDiag(b, err))
	}
	return diags
}

// scheduleDiag points an error of a schedule at its attribute, else at its block. What to write instead
// stands at its end.
func scheduleDiag(b *hclsyntax.Block, err error) *hcl.Diagnostic {
	e, ok := errors.AsType[*engine.ScheduleError](err)
	if !ok {
		return lang.DiagOf(b.DefRange(), err, "")
	}
	if inner := nth(b, e.Block, e.Index); inner != nil {
		b = inner
	}
	rng, what := b.DefRange(), e.Err.Error()
	if a := b.Body.Attributes[e.Field]; a != nil {
		rng, what = a.Expr.Range(), e.Field+": "+what
	}
	what, instead, _ := strings.Cut(what, ": write ")
	if instead != "" {
		instead = "write " + instead
	}
	d := lang.Diag(rng, what, instead)
	d.Extra = err
	return d
}

// nth is one of the blocks of a type, nil if there is none.
func nth(b *hclsyntax.Block, name string, index int) *hclsyntax.Block {
	for _, inner := range b.Body.Blocks {
		if inner.Type != name {
			continue
		}
		if index == 0 {
			return inner
		}
		index--
	}
	return nil
}
