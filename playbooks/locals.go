package playbooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// localValues evaluates locals, each after those it refers to.
type localValues struct {
	scope  *lang.Scope
	attrs  map[string]*hclsyntax.Attribute
	values map[string]cty.Value
	path   []string // being evaluated, outermost first
	diags  hcl.Diagnostics
}

// maxLocals bounds the work: each local is evaluated with all the others in reach.
const maxLocals = 1000

// evaluateLocals is the object that "local" stands for.
func evaluateLocals(attrs []*hclsyntax.Attribute, scope *lang.Scope) (cty.Value, hcl.Diagnostics) {
	l := &localValues{scope: scope, attrs: map[string]*hclsyntax.Attribute{}, values: map[string]cty.Value{}}
	if len(attrs) > maxLocals {
		return cty.DynamicVal, lang.Here(attrs[maxLocals].NameRange, fmt.Sprintf("there are more than %d locals", maxLocals), "a map or a list holds many values in one")
	}
	for _, a := range attrs {
		l.attrs[a.Name] = a
	}
	for _, a := range attrs {
		l.evaluate(a)
	}
	return cty.ObjectVal(l.values), l.diags
}

func (l *localValues) evaluate(a *hclsyntax.Attribute) {
	if _, done := l.values[a.Name]; done {
		return
	}
	l.path = append(l.path, a.Name)
	defer func() { l.path = l.path[:len(l.path)-1] }()
	for _, t := range a.Expr.Variables() {
		next, ok := l.refers(t)
		if !ok {
			continue
		}
		if i := slices.Index(l.path, next.Name); i >= 0 {
			l.diags = append(l.diags, l.cycle(t.SourceRange(), l.path[i:])...)
			l.values[a.Name] = cty.DynamicVal
			return
		}
		l.evaluate(next)
	}
	if _, done := l.values[a.Name]; done {
		return // part of a cycle that was found on the way
	}
	v, diags := l.scope.With("local", l.known()).Value(a.Expr)
	l.diags = append(l.diags, diags...)
	l.values[a.Name] = v
}

// refers is the local that a reference names.
func (l *localValues) refers(t hcl.Traversal) (*hclsyntax.Attribute, bool) {
	if t.RootName() != "local" || len(t) < 2 {
		return nil, false
	}
	step, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return nil, false
	}
	a, ok := l.attrs[step.Name]
	return a, ok
}

func (l *localValues) cycle(at hcl.Range, path []string) hcl.Diagnostics {
	round := append(slices.Clone(path), path[0])
	return lang.Here(at, fmt.Sprintf("local.%s needs itself", path[0]), "local."+strings.Join(round, " -> local."))
}

// known is "local" as far as it is evaluated; the rest has no value yet, so that its names are known.
func (l *localValues) known() cty.Value {
	values := map[string]cty.Value{}
	for name := range l.attrs {
		values[name] = cty.DynamicVal
	}
	for name, v := range l.values {
		values[name] = v
	}
	return cty.ObjectVal(values)
}
