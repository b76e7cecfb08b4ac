package playbooks

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// schedule is the block as it is written.
type schedule struct {
	Order    any             `hcl:"order,optional"`
	Soak     engine.Duration `hcl:"soak,optional"`
	PerDay   int             `hcl:"per_day,optional"`
	Timezone string          `hcl:"timezone,optional"`
	Windows  []window        `hcl:"window,block"`
}

type window struct {
	Days     []string `hcl:"days,optional"`
	From     string   `hcl:"from"`
	To       string   `hcl:"to"`
	Timezone string   `hcl:"timezone,optional"`
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

// validateSchedule asks the engine about the schedule and each of its windows by itself, so that each
// answer can be shown where it belongs.
func validateSchedule(b *hclsyntax.Block, s engine.Schedule) hcl.Diagnostics {
	outer := s
	outer.Windows = nil
	diags := scheduleDiag(b, outer.Validate(), "timezone")
	if diags.HasErrors() {
		return diags
	}
	var windows []*hclsyntax.Block
	for _, inner := range b.Body.Blocks {
		if inner.Type == "window" {
			windows = append(windows, inner)
		}
	}
	for i, w := range s.Windows {
		one := engine.Schedule{Zone: s.Zone, Windows: []engine.Window{w}}
		diags = append(diags, scheduleDiag(windows[i], one.Validate(), "timezone")...)
	}
	return diags
}

// scheduleDiag points an error of the engine at the attribute that its text begins with.
func scheduleDiag(b *hclsyntax.Block, err error, otherwise string) hcl.Diagnostics {
	if err == nil {
		return nil
	}
	what, instead, _ := strings.Cut(strings.TrimPrefix(err.Error(), "window: "), ": write ")
	if instead != "" {
		instead = "write " + instead
	}
	field, rest, ok := strings.Cut(what, ": ")
	switch {
	case ok && b.Body.Attributes[field] != nil:
		what = fmt.Sprintf("%s: %s", field, rest)
	case strings.HasPrefix(what, "per_day"):
		field = "per_day"
	case strings.Contains(what, "is not a day"):
		field = "days"
	case strings.Contains(what, "is empty"):
		field = "from"
	default:
		field = otherwise
	}
	rng := b.DefRange()
	if a := b.Body.Attributes[field]; a != nil {
		rng = a.Expr.Range()
	}
	d := lang.Diag(rng, what, instead)
	d.Extra = err
	return hcl.Diagnostics{d}
}
