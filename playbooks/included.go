package playbooks

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// includeBlock is what an include block may hold.
type includeBlock struct {
	Vars hclsyntax.Expression `hcl:"vars,optional"`
}

// included makes the steps of an included file, with the values that its include gives to its variables.
func (f *File) included(m *making, b *hclsyntax.Block, node cty.Value) {
	p := m.part.parts[b]
	if p == nil {
		return // reported
	}
	var block includeBlock
	_, diags := lang.Decode(b, m.scope, &block)
	m.diags = append(m.diags, diags...)
	given, ok := m.givenTo(b, block.Vars)
	if !ok {
		return
	}
	vars, diags := resolve(p.variables, f.base, Options{Hide: f.hide, included: &inclusion{part: p, given: given}})
	m.diags = append(m.diags, p.within(diags)...)
	inner, _, diags := f.make(p, vars, node)
	m.steps, m.gates = append(m.steps, inner.steps...), append(m.gates, inner.gates...)
	m.diags = append(m.diags, diags...)
}

// givenTo evaluates vars, each value with its own place where it is written out.
func (m *making) givenTo(b *hclsyntax.Block, expr hclsyntax.Expression) (map[string]given, bool) {
	values := map[string]given{}
	if expr == nil {
		return values, true
	}
	v, diags := m.scope.Value(expr)
	m.diags = append(m.diags, diags...)
	if diags.HasErrors() {
		return nil, false
	}
	v, marks := v.Unmark()
	if ty := v.Type(); v.IsNull() || !ty.IsObjectType() && !(ty.IsMapType() && v.IsKnown()) {
		m.report(expr.Range(), "vars takes the values of the file's variables by name", "write vars = { name = value }")
		return nil, false
	}
	if !v.IsKnown() {
		for name, ty := range v.Type().AttributeTypes() {
			values[name] = given{cty.UnknownVal(ty).WithMarks(marks), expr.Range()}
		}
		return values, true
	}
	at := map[string]hcl.Range{}
	if object, ok := expr.(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range object.Items {
			key, _ := m.scope.Value(item.KeyExpr)
			if key = lang.Bare(key); key.Type() == cty.String && key.IsKnown() && !key.IsNull() {
				at[key.AsString()] = item.ValueExpr.Range()
			}
		}
	}
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		rng, ok := at[key.AsString()]
		if !ok {
			rng = expr.Range()
		}
		values[key.AsString()] = given{value.WithMarks(marks), rng}
	}
	return values, true
}

// inclusion is what an include gives to the variables of its file. Nothing else reaches them: not -e, not
// a --var-file, not the environment.
type inclusion struct {
	part  *part
	given map[string]given
}

// to hands the values over. A variable without one is reported here, because there is one way only to
// give it.
func (in *inclusion) to(vs *variables) {
	if in == nil {
		return
	}
	for _, v := range vs.all {
		if g, ok := in.given[v.name]; ok {
			vs.given[v.name] = g
			delete(in.given, v.name)
		} else if v.Default == nil {
			vs.report(in.part.include.DefRange(), fmt.Sprintf("variable %q of %s has no value", v.name, in.part.name), fmt.Sprintf("write vars = { %s = ... } in the include, or a default in the file", v.name))
			vs.given[v.name] = given{cty.UnknownVal(v.ty), v.header}
		}
	}
	for name, g := range in.given {
		what := "it declares no variables"
		if len(vs.all) > 0 {
			what = lang.DidYouMean(name, vs.names())
		}
		vs.report(g.from, fmt.Sprintf("%s has no variable %q", in.part.name, name), what)
	}
}

// lineOf names a line in a message about a place in another file, or in the same.
func lineOf(rng, from hcl.Range) string {
	if from.Start.Line > 0 && from.Filename != rng.Filename {
		return fmt.Sprintf("on line %d of %s", rng.Start.Line, rng.Filename)
	}
	return fmt.Sprintf("on line %d", rng.Start.Line)
}
