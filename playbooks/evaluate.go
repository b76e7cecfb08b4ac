package playbooks

import (
	"errors"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// elsewhere says of names that are known in some places only where that is.
func elsewhere() map[string]string {
	return map[string]string{
		"each":  "each.key and each.value are known in a task that has for_each",
		"node":  "node.name, node.address, node.groups and node.vars are known in tasks, gates and locals",
		"local": "local values are known in tasks, gates, the schedule and other locals",
		"var":   "variables are known everywhere but in the playbook block and in a variable's default",
		"host":  "did you mean node?",
		"item":  "did you mean each.value?",
	}
}

// unknownNode stands for the node while there is none.
func unknownNode() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"name":    cty.UnknownVal(cty.String).RefineNotNull(),
		"address": cty.UnknownVal(cty.String).RefineNotNull(),
		"groups":  cty.UnknownVal(cty.List(cty.String)).RefineNotNull(),
		"vars":    cty.DynamicVal,
	})
}

func (n Node) value() cty.Value {
	groups := cty.ListValEmpty(cty.String)
	if len(n.Groups) > 0 {
		var all []cty.Value
		for _, g := range n.Groups {
			all = append(all, cty.StringVal(g))
		}
		groups = cty.ListVal(all)
	}
	vars := n.Vars
	if vars == nil {
		vars = map[string]any{}
	}
	return cty.ObjectVal(map[string]cty.Value{
		"name":    cty.StringVal(n.Name),
		"address": cty.StringVal(n.Address),
		"groups":  groups,
		"vars":    lang.FromGo(vars),
	})
}

// evaluated is a playbook for one node, or for none yet.
type evaluated struct {
	schedule engine.Schedule
	steps    []made
	gates    []made
}

func (f *File) evaluate(node cty.Value) (evaluated, hcl.Diagnostics) {
	scope := f.base.With("var", f.vars).With("node", node)
	locals, diags := evaluateLocals(f.body.locals, scope)
	scope = scope.With("local", locals)
	s, more := decodeSchedule(f.body.schedule, scope)
	diags = append(diags, more...)
	m := &making{kinds: f.kinds, scope: scope}
	for _, b := range f.body.gates {
		m.gateBlock(b)
	}
	for _, b := range f.body.tasks {
		m.task(b)
	}
	return evaluated{schedule: s, steps: m.steps, gates: m.gates}, append(diags, m.diags...)
}

// playbook is the engine's form of the steps and gates that are wanted, with the block of each.
func (f *File) playbook(e evaluated, wanted func(made) bool) (pb *engine.Playbook, steps, gates []*hclsyntax.Block) {
	pb = &engine.Playbook{Name: f.Name(), Description: f.header.Description, Hosts: f.header.Hosts, Schedule: e.schedule}
	for _, m := range e.steps {
		if wanted(m) {
			pb.Steps, steps = append(pb.Steps, m.step), append(steps, m.block)
		}
	}
	for _, m := range e.gates {
		if wanted(m) {
			pb.Gates, gates = append(pb.Gates, *m.gate), append(gates, m.block)
		}
	}
	return pb, steps, gates
}

// tryPrepare lets every task that does not depend on the node check itself and its files. The others
// are asked only for the files that they read: what they say waits until their fields are filled.
func (f *File) tryPrepare(e evaluated) hcl.Diagnostics {
	schedule := e.schedule
	e.schedule = engine.Schedule{} // checked already
	pb, steps, gates := f.playbook(e, func(m made) bool { return m.known })
	diags := f.explained(pb.Prepare(f.files), steps, gates)
	pb.Schedule = schedule
	diags = append(diags, f.explained(pb.Fits(), steps, gates)...)
	for _, m := range e.steps {
		if p, ok := m.step.Task.(engine.Preparer); ok && !m.known {
			_ = p.Prepare(f.files)
		}
	}
	return diags
}

// For evaluates the playbook for one node and prepares it. The error is a *lang.Error.
func (f *File) For(n Node) (*engine.Playbook, error) {
	e, diags := f.evaluate(n.value())
	if err := lang.AsError(diags, f.sources); err != nil {
		return nil, err
	}
	pb, steps, gates := f.playbook(e, func(made) bool { return true })
	if err := lang.AsError(f.explained(pb.Prepare(f.files), steps, gates), f.sources); err != nil {
		return nil, err
	}
	pb.Inputs = maps.Clone(f.inputs)
	for _, name := range f.shared {
		hash, err := f.files.hash(name)
		if err != nil {
			return nil, lang.AsError(hcl.Diagnostics{lang.DiagOf(f.body.playbook.DefRange(), err, "")}, f.sources)
		}
		pb.Inputs["file "+name] = hash
	}
	return pb, nil
}

// explained turns what the engine says of a playbook into findings at the lines it is about.
func (f *File) explained(err error, steps, gates []*hclsyntax.Block) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, one := range flatten(err) {
		if _, ok := errors.AsType[*engine.ScheduleError](one); ok {
			diags = append(diags, scheduleDiag(f.body.schedule, one))
			continue
		}
		step, ok := errors.AsType[*engine.StepError](one)
		if !ok {
			diags = append(diags, lang.DiagOf(f.body.playbook.DefRange(), one, ""))
			continue
		}
		for _, part := range flatten(step.Err) {
			diags = append(diags, lang.DiagOf(place(blockOf(step, steps, gates), part), part, ""))
		}
	}
	return diags
}

func blockOf(e *engine.StepError, steps, gates []*hclsyntax.Block) *hclsyntax.Block {
	if e.Gate {
		return gates[e.Index]
	}
	return steps[e.Index]
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return slices.Clip(all)
}
