package playbooks

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// confirm is the block as it is written.
type confirm struct {
	Within *engine.Duration `hcl:"within,optional"` // nil: worked out
	Off    *string          `hcl:"off,optional"`
}

// decodeConfirm reads the confirm block; nil is a switch that waits as long as a run may take.
func decodeConfirm(b *hclsyntax.Block, scope *lang.Scope) (c engine.Confirm, diags hcl.Diagnostics) {
	if b == nil {
		return c, nil
	}
	var raw confirm
	known, diags := lang.Decode(b, scope, &raw)
	if diags.HasErrors() {
		return c, diags
	}
	if !known {
		return c, lang.Here(b.DefRange(), "confirm depends on the node", "it says how long a node waits for its confirmation, and is the same for all: use var and local values without node in them")
	}
	if raw.Within != nil {
		if c.Within = *raw.Within; c.Within == 0 {
			return c, lang.Here(b.Body.Attributes["within"].Expr.Range(), "within is 0, and nothing is confirmed in no time", `write how long the node waits, or leave it out; a node that shall not undo anything by itself needs off = "WHY"`)
		}
	}
	if raw.Off != nil {
		if c.Off = strings.TrimSpace(*raw.Off); c.Off == "" {
			return c, lang.Here(b.Body.Attributes["off"].Expr.Range(), "off needs a reason", "write why a node that nobody can reach any more may stay changed and unverified; it is recorded with every run")
		}
	}
	return c, nil
}

// confirmDiag points what is wrong with the switch at its attribute.
func confirmDiag(b *hclsyntax.Block, e *engine.ConfirmError) *hcl.Diagnostic {
	rng := b.DefRange()
	if a := b.Body.Attributes[e.Field]; a != nil {
		rng = a.Expr.Range()
	}
	what, instead, _ := strings.Cut(e.Field+": "+e.Err.Error(), ": write ")
	if instead != "" {
		instead = "write " + instead
	}
	d := lang.Diag(rng, what, instead)
	d.Extra = e
	return d
}
