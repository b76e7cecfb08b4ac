package playbooks

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// Why is a value and the reasons for it.
type Why struct {
	Name        string   `json:"name"` // "var.retention_days"
	Value       Shown    `json:"value"`
	Description string   `json:"description,omitempty"`
	Origins     []Origin `json:"origins,omitempty"` // the one that counts first; the others are hidden by it
	At          string   `json:"at,omitempty"`      // of a local: file:line:col
	Expression  string   `json:"expression,omitempty"`
	Uses        []Why    `json:"uses,omitempty"` // what a local refers to, without their own reasons' reasons
}

// Origin is one value that a name was given, and where.
type Origin struct {
	Level      Level  `json:"level"`
	At         string `json:"at"` // file:line:col, "-e", or an environment variable
	Value      Shown  `json:"value"`
	Expression string `json:"expression,omitempty"` // of a default that is worked out
}

// Shown is a value as it may be shown.
type Shown struct {
	Text string          // as it is written in a playbook
	JSON json.RawMessage // for programs
}

// MarshalJSON is the JSON form.
func (s Shown) MarshalJSON() ([]byte, error) { return s.JSON, nil }

// What is shown instead of a value that may not be, or that there is not.
const (
	Sensitive = "(sensitive)"
	Unknown   = "(depends on the node)"
)

// show makes a value visible, unless it or a part of it is marked as sensitive, or secret says so.
func show(v cty.Value, secret bool) Shown {
	instead := ""
	switch {
	case secret || v.ContainsMarked():
		instead = Sensitive
	case !v.IsWhollyKnown():
		instead = Unknown
	}
	if instead == "" {
		if b, err := ctyjson.Marshal(v, v.Type()); err == nil {
			return Shown{lang.Text(v), b}
		}
		instead = Unknown
	}
	b, err := json.Marshal(instead)
	if err != nil {
		b = []byte("null")
	}
	return Shown{instead, b}
}

// Show makes a value of the inventory visible.
func Show(x any) Shown { return show(lang.FromGo(x), false) }

// Names are what the playbook has: "var.NAME", "local.NAME" and "secret.NAME".
func (f *File) Names() []string {
	var names []string
	for _, v := range f.declared.all {
		names = append(names, "var."+v.name)
	}
	for _, a := range f.body.locals {
		names = append(names, "local."+a.Name)
	}
	for _, b := range f.body.secrets {
		names = append(names, "secret."+b.Labels[0])
	}
	return names
}

// WhyVar explains a variable.
func (f *File) WhyVar(name string) (Why, bool) {
	i := slices.IndexFunc(f.declared.all, func(v *variable) bool { return v.name == name })
	if i < 0 {
		return Why{}, false
	}
	v := f.declared.all[i]
	value := f.vars.GetAttr(name)
	secret := value.ContainsMarked()
	w := Why{Name: "var." + name, Value: show(value, secret), Description: v.Description}
	for _, g := range slices.Backward(f.declared.record[name]) {
		w.Origins = append(w.Origins, Origin{Level: g.level(), At: g.place(), Value: show(v.asTyped(g.value), secret)})
	}
	if v.Default != nil {
		o := Origin{Level: ByDefault, At: lang.Place(v.Default.Range())}
		byDefault, diags := f.declared.scope.Value(v.Default)
		if diags.HasErrors() {
			byDefault = cty.DynamicVal
		}
		o.Value = show(v.asTyped(byDefault), secret)
		if !secret && calls(v.Default) > 0 {
			o.Expression = f.text(v.Default.Range())
		}
		w.Origins = append(w.Origins, o)
	}
	return w, true
}

// WhySecret says where a secret comes from, and never what it is.
func (f *File) WhySecret(name string) (Why, bool) {
	i := slices.IndexFunc(f.body.secrets, func(b *hclsyntax.Block) bool { return b.Labels[0] == name })
	if i < 0 {
		return Why{}, false
	}
	b := f.body.secrets[i]
	w := Why{Name: "secret." + name, Value: show(f.secret.GetAttr(name), true), At: lang.Place(b.DefRange())}
	for _, a := range sorted(b.Body.Attributes) {
		if a.Name == "description" {
			continue
		}
		if w.Expression != "" {
			w.Expression += ", "
		}
		w.Expression += f.text(a.SrcRange)
	}
	return w, true
}

// calls counts the function calls of an expression.
func calls(expr hclsyntax.Expression) int {
	n := 0
	hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if _, ok := node.(*hclsyntax.FunctionCallExpr); ok {
			n++
		}
		return nil
	})
	return n
}

// asTyped is a value in the variable's type, where it can be converted.
func (v *variable) asTyped(value cty.Value) cty.Value {
	if v.defaults != nil && value.IsKnown() && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	if c, err := convert.Convert(value, v.ty); err == nil {
		return c
	}
	return value
}

// place is where a value was given, without the value: that may be sensitive.
func (g given) place() string {
	if g.level() == ByArg {
		return string(ByArg)
	}
	return lang.Place(g.from)
}

// WhyLocal explains a local for a node, or for none yet. The error is a *lang.Error: what the local
// needs and this node does not have.
func (f *File) WhyLocal(name string, n *Node) (w Why, ok bool, err error) {
	i := slices.IndexFunc(f.body.locals, func(a *hclsyntax.Attribute) bool { return a.Name == name })
	if i < 0 {
		return Why{}, false, nil
	}
	a := f.body.locals[i]
	node := unknownNode()
	if n != nil {
		node = n.value()
	}
	scope := f.base.With("var", f.vars).With("secret", f.secret).With("node", node)
	locals, diags := evaluateLocals(f.body.locals, scope)
	if err := lang.AsError(diags, f.sources); err != nil {
		return Why{}, true, err
	}
	scope = scope.With("local", locals)
	w = Why{Name: "local." + name, Value: show(locals.GetAttr(name), false), At: lang.Place(a.Expr.Range()), Expression: f.text(a.Expr.Range())}
	for _, t := range a.Expr.Variables() {
		used, ok := f.use(t, scope)
		if ok && !slices.ContainsFunc(w.Uses, func(u Why) bool { return u.Name == used.Name }) {
			w.Uses = append(w.Uses, used)
		}
	}
	return w, true, nil
}

// use is what a reference stands for: a variable, a local, or what the inventory says of the node.
func (f *File) use(t hcl.Traversal, scope *lang.Scope) (Why, bool) {
	depth := 2
	names := []string{t.RootName()}
	for i, step := range t[1:] {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok || i+1 >= depth {
			break
		}
		names = append(names, attr.Name)
		if strings.Join(names, ".") == "node.vars" {
			depth = 3
		}
	}
	if len(names) == 2 && names[0] == "var" {
		return f.WhyVar(names[1])
	}
	v, diags := t[:len(names)].TraverseAbs(&hcl.EvalContext{Variables: scope.Values})
	if diags.HasErrors() {
		return Why{}, false // within try(), for example
	}
	w := Why{Name: strings.Join(names, "."), Value: show(v, false)}
	if names[0] == "local" && len(names) == 2 {
		if i := slices.IndexFunc(f.body.locals, func(a *hclsyntax.Attribute) bool { return a.Name == names[1] }); i >= 0 {
			w.At = lang.Place(f.body.locals[i].Expr.Range())
		}
	}
	return w, true
}

// text is the source of a range.
func (f *File) text(rng hcl.Range) string {
	if src := f.sources[rng.Filename]; rng.CanSliceBytes(src) {
		return string(rng.SliceBytes(src))
	}
	return ""
}
