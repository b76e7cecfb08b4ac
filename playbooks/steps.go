package playbooks

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// taskCommon is what every task block may hold beside its kind's fields.
type taskCommon struct {
	When       hclsyntax.Expression `hcl:"when,optional"`
	ForEach    hclsyntax.Expression `hcl:"for_each,optional"`
	OnRollback bool                 `hcl:"on_rollback,optional"`
	OnFailure  string               `hcl:"on_failure,optional"`
	Tags       []string             `hcl:"tags,optional"`
	Sensitive  bool                 `hcl:"sensitive,optional"`
	Retry      int                  `hcl:"retry,optional"`
	RetryPause engine.Duration      `hcl:"retry_pause,optional"`
	DelegateTo string               `hcl:"delegate_to,optional"`
}

// deadline is what a task may hold whose kind has no timeout of its own.
type deadline struct {
	Timeout engine.Duration `hcl:"timeout,optional"`
}

// discreet notes that something sensitive went into a task.
type discreet struct{ secret bool }

// HasSecret implements lang.Discreet.
func (d *discreet) HasSecret() { d.secret = true }

// gateCommon is what every gate block may hold beside its kind's fields.
type gateCommon struct {
	On        string `hcl:"on"`
	OnFailure string `hcl:"on_failure,optional"`
}

// CommonAttributes are the attributes that belong to every task, and that no kind may use for itself. A
// timeout belongs to every check as well, but a kind that asks again and again has its own.
func CommonAttributes() []string {
	return []string{"when", "for_each", "on_rollback", "on_failure", "on", "tags", "sensitive", "retry", "retry_pause", "delegate_to"}
}

// made is a step or gate and the block that it came from.
type made struct {
	part  *part
	block *hclsyntax.Block
	step  engine.Step
	gate  *engine.Gate
	known bool // nothing in it waits for the node
}

// making turns the blocks of one file into steps.
type making struct {
	part  *part
	kinds []engine.Kind
	scope *lang.Scope
	steps []made
	gates []made
	diags hcl.Diagnostics
}

func (m *making) report(rng hcl.Range, what, instead string) {
	m.diags = append(m.diags, lang.Diag(rng, what, instead))
}

// one makes one step. A step whose when is false is kept, skipped, so that plans can show it.
func (m *making) one(b *hclsyntax.Block, name string, scope *lang.Scope) {
	kind, _ := kindOf(m.kinds, b.Labels[0])
	skip, decided := m.when(b, scope)
	if skip {
		_, diags := m.body(b, unknownAll(scope), new(taskCommon))
		m.diags = append(m.diags, diags...)
		m.steps = append(m.steps, made{part: m.part, block: b, known: decided, step: engine.Step{Name: name, Task: kind.New(), Skip: true}})
		return
	}
	common := new(taskCommon)
	one, diags := m.body(b, scope, common)
	m.diags = append(m.diags, diags...)
	if diags.HasErrors() {
		return
	}
	one.known = one.known && decided
	one.step.Name, one.step.OnRollback = name, common.OnRollback
	one.step.OnFailure = m.onFailure(b, common.OnFailure)
	one.step.Tags, one.step.Sensitive = common.Tags, one.step.Sensitive || common.Sensitive
	one.step.Retry, one.step.RetryPause, one.step.DelegateTo = common.Retry, common.RetryPause, common.DelegateTo
	if _, ok := one.step.Task.(engine.Checker); !ok {
		for _, attr := range []string{"on_rollback", "on_failure", "timeout", "retry", "retry_pause", "delegate_to"} {
			if a := b.Body.Attributes[attr]; a != nil {
				m.report(a.NameRange, fmt.Sprintf("%s belongs to checks; %s changes the node", attr, b.Labels[0]), "")
			}
		}
		one.step.OnRollback, one.step.OnFailure = false, engine.RollBack
		one.step.Timeout, one.step.Retry, one.step.RetryPause, one.step.DelegateTo = 0, 0, 0, ""
	}
	m.steps = append(m.steps, one)
}

// body fills the kind's struct and the common one from a block.
func (m *making) body(b *hclsyntax.Block, scope *lang.Scope, common any) (made, hcl.Diagnostics) {
	kind, _ := kindOf(m.kinds, b.Labels[0])
	task, limit, d := kind.New(), new(deadline), new(discreet)
	into := []any{common, task, d}
	if _, gate := common.(*gateCommon); !gate && !lang.Has(task, "timeout") {
		into = append(into, limit)
	}
	known, diags := lang.Decode(b, scope, into...)
	if _, changes := task.(engine.Changer); d.secret && !changes {
		diags = append(diags, lang.Diag(b.DefRange(), fmt.Sprintf("%s is a check, whose fields are kept in the journal, and one of them is sensitive", lang.Header(b)), "nonsensitive() says that a value may be shown after all"))
	}
	return made{part: m.part, block: b, known: known, step: engine.Step{Task: task, Timeout: limit.Timeout, Sensitive: d.secret}}, diags
}

func (m *making) when(b *hclsyntax.Block, scope *lang.Scope) (skip, decided bool) {
	expr := attribute(b, "when")
	if expr == nil {
		return false, true
	}
	v, diags := scope.Value(expr)
	m.diags = append(m.diags, diags...)
	if lang.IsSensitive(v) {
		m.report(expr.Range(), "when depends on a sensitive value, and a plan shows whether a step is skipped", "nonsensitive() says that a value may be shown after all")
		return false, false
	}
	switch {
	case diags.HasErrors() || !v.IsKnown() && (v.Type() == cty.Bool || v.Type() == cty.DynamicPseudoType):
		return false, false
	case v.IsNull() || v.Type() != cty.Bool:
		m.report(expr.Range(), "when must be true or false", `compare something, such as node.name == "master1"`)
		return false, false
	}
	return v.False(), true
}

func (m *making) onFailure(b *hclsyntax.Block, s string) engine.OnFailure {
	switch s {
	case "", "rollback":
		return engine.RollBack
	case string(engine.Eventful):
		return engine.Eventful
	}
	m.report(b.Body.Attributes["on_failure"].Expr.Range(), fmt.Sprintf("on_failure is %q", s), `write "rollback" (the default: undo everything on the node) or "eventful" (keep the change and hold the next node until someone acks)`)
	return engine.RollBack
}

func (m *making) gateBlock(b *hclsyntax.Block) {
	common := new(gateCommon)
	one, diags := m.body(b, m.scope, common)
	m.diags = append(m.diags, diags...)
	if diags.HasErrors() {
		return
	}
	check, ok := one.step.Task.(engine.Checker)
	if !ok {
		m.report(b.LabelRanges[0], fmt.Sprintf("%s changes the node; a gate only looks", b.Labels[0]), "a gate is a check, such as http-check")
		return
	}
	on := engine.GateOn(common.On)
	if a := b.Body.Attributes["on"]; on != engine.Peers && on != engine.Self && on != engine.All && one.known {
		m.report(a.Expr.Range(), fmt.Sprintf("on is %q", common.On), `write "peers" (every other node of the group), "self" or "all"`)
		return
	}
	one.gate = &engine.Gate{Name: m.part.prefix + b.Labels[1], On: on, Task: check, OnFailure: m.onFailure(b, common.OnFailure)}
	m.gates = append(m.gates, one)
}

func attribute(b *hclsyntax.Block, name string) hclsyntax.Expression {
	if a := b.Body.Attributes[name]; a != nil {
		return a.Expr
	}
	return nil
}
