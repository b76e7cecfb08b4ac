package playbooks

import (
	"errors"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// elsewhere says of names that are known in some places only where that is.
func elsewhere() map[string]string {
	return map[string]string{
		"each":   "each.key and each.value are known in a task that has for_each",
		"node":   "node.name, node.address, node.failure_domain, node.groups and node.vars are known in tasks, gates and locals",
		"local":  "local values are known in tasks, gates, the schedule and other locals",
		"secret": "secrets are known in the playbook's own tasks and locals; an included file gets one with vars = { NAME = secret.NAME }",
		"var":    "variables are known everywhere but in the playbook block and in a variable's default",
		"host":   "did you mean node?",
		"item":   "did you mean each.value?",
		"task":   "a task cannot see another: all is planned before anything is done; a value that both need is a local",
		"gate":   "a gate cannot be referred to: all is planned before anything is done",
		"self":   "a task cannot refer to itself; a value that it needs twice is a local",
		"count":  "for_each makes many steps of one block; each.key and each.value tell them apart",
		"path":   "local files are named relative to the playbook's root, as in file(\"files/motd\")",
	}
}

// unknownNode stands for the node while there is none.
func unknownNode() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"name":           cty.UnknownVal(cty.String).RefineNotNull(),
		"address":        cty.UnknownVal(cty.String).RefineNotNull(),
		"failure_domain": cty.UnknownVal(cty.String).RefineNotNull(),
		"groups":         cty.UnknownVal(cty.List(cty.String)).RefineNotNull(),
		"vars":           cty.DynamicVal,
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
		"name":           cty.StringVal(n.Name),
		"address":        cty.StringVal(n.Address),
		"failure_domain": cty.StringVal(n.FailureDomain),
		"groups":         groups,
		"vars":           lang.FromGo(vars),
	})
}

// evaluated is a playbook for one node, or for none yet.
type evaluated struct {
	schedule engine.Schedule
	confirm  engine.Confirm
	steps    []made
	gates    []made
}

func (f *File) evaluate(node cty.Value) (evaluated, hcl.Diagnostics) {
	f.base.Budget.Renew()
	m, head, diags := f.make(f.body, f.vars, node)
	head.steps, head.gates = m.steps, m.gates
	return head, diags
}

// make evaluates one file and those that it includes. A schedule, a confirm block and secrets are the playbook's own.
func (f *File) make(p *part, vars, node cty.Value) (*making, evaluated, hcl.Diagnostics) {
	scope := f.base.With("var", vars).With("node", node)
	if p.include == nil {
		scope = scope.With("secret", f.secret)
	}
	locals, diags := evaluateLocals(p.locals, scope)
	scope = scope.With("local", locals)
	var head evaluated
	var more hcl.Diagnostics
	head.schedule, more = decodeSchedule(p.schedule, scope)
	diags = append(diags, more...)
	head.confirm, more = decodeConfirm(p.confirm, scope)
	diags = append(diags, more...)
	if p.schedule != nil {
		f.schedule = lang.Generated(p.schedule, scope)
	}
	m := &making{kinds: f.kinds, scope: scope, part: p}
	for _, b := range p.steps {
		switch b.Type {
		case "gate":
			m.gateBlock(b)
		case "task":
			m.task(b)
		case "include":
			f.included(m, b, node)
		}
	}
	return m, head, p.within(append(diags, m.diags...))
}

// playbook is the engine's form of the steps and gates that are wanted, with what each was made from.
func (f *File) playbook(e evaluated, wanted func(made) bool) (pb *engine.Playbook, steps, gates []made) {
	pb = &engine.Playbook{Name: f.Name(), Description: f.header.Description, Hosts: f.header.Hosts, Schedule: e.schedule, Confirm: e.confirm, Secrets: slices.Clone(f.secrets)}
	for _, m := range e.steps {
		if wanted(m) {
			pb.Steps, steps = append(pb.Steps, m.step), append(steps, m)
		}
	}
	for _, m := range e.gates {
		if wanted(m) {
			pb.Gates, gates = append(pb.Gates, *m.gate), append(gates, m)
		}
	}
	return pb, steps, gates
}

// tryPrepare lets every task that does not depend on the node check itself and its files. The others
// are asked only for the files that they read: what they say waits until their fields are filled.
func (f *File) tryPrepare(e evaluated) hcl.Diagnostics {
	schedule, confirm := e.schedule, e.confirm
	e.schedule, e.confirm = engine.Schedule{}, engine.Confirm{} // checked already, or below
	pb, steps, gates := f.playbook(e, func(m made) bool { return m.known })
	diags := f.explained(pb.Prepare(f.files), steps, gates)
	pb.Schedule, pb.Confirm = schedule, confirm
	diags = append(diags, f.explained(errors.Join(pb.Fits(), pb.Confirms()), steps, gates)...)
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
func (f *File) explained(err error, steps, gates []made) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, one := range flatten(err) {
		if _, ok := errors.AsType[*engine.ScheduleError](one); ok {
			diags = append(diags, scheduleDiag(f.schedule, one))
			continue
		}
		if e, ok := errors.AsType[*engine.ConfirmError](one); ok {
			diags = append(diags, confirmDiag(f.body.confirm, e))
			continue
		}
		step, ok := errors.AsType[*engine.StepError](one)
		if !ok {
			diags = append(diags, lang.DiagOf(f.body.playbook.DefRange(), one, ""))
			continue
		}
		from := steps
		if step.Gate {
			from = gates
		}
		m := from[step.Index]
		for _, part := range flatten(step.Err) {
			diags = append(diags, m.part.within(hcl.Diagnostics{lang.DiagOf(place(m.block, part), part, "")})...)
		}
	}
	return diags
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
