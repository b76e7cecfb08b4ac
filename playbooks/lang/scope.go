package lang

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Scope is what the expressions at one place may use.
type Scope struct {
	Values    map[string]cty.Value // by first name: "var", "local"
	Functions map[string]function.Function
	// Elsewhere says of first names that are not known here where they are.
	Elsewhere map[string]string
	Sources   map[string][]byte // to quote from in messages
	Budget    *Budget           // of all expressions together; nil: each has its own
}

// With is the scope with one more name.
func (s *Scope) With(name string, v cty.Value) *Scope {
	values := map[string]cty.Value{name: v}
	for k, old := range s.Values {
		if k != name {
			values[k] = old
		}
	}
	return &Scope{Values: values, Functions: s.Functions, Elsewhere: s.Elsewhere, Sources: s.Sources, Budget: s.Budget}
}

// Value evaluates an expression. Names are checked first, so that all unknown ones are found and get
// a suggestion. After an error the value is unknown, which causes no further errors.
func (s *Scope) Value(expr hclsyntax.Expression) (cty.Value, hcl.Diagnostics) {
	if diags := s.checkNames(expr); diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	v, diags := s.value(expr)
	if diags.HasErrors() && touches(expr, &hcl.EvalContext{Variables: s.Values}) {
		return cty.DynamicVal, discreet(expr, diags)
	}
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	return v, nil
}

func (s *Scope) checkNames(expr hclsyntax.Expression) hcl.Diagnostics {
	var diags hcl.Diagnostics
	tries := false
	diags = append(diags, hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		call, ok := n.(*hclsyntax.FunctionCallExpr)
		if !ok {
			return nil
		}
		tries = tries || call.Name == "try" || call.Name == "can"
		return s.checkFunction(call)
	})...)
	for _, t := range expr.Variables() {
		diags = append(diags, s.checkTraversal(t, tries)...)
	}
	return diags
}

func (s *Scope) checkFunction(call *hclsyntax.FunctionCallExpr) hcl.Diagnostics {
	if _, ok := s.Functions[call.Name]; ok || call.Name == meterName {
		return nil
	}
	instead := unwelcome()[call.Name]
	if instead == "" {
		instead = DidYouMean(call.Name, keys(s.Functions))
	}
	return Here(call.NameRange, fmt.Sprintf("there is no function %s()", call.Name), instead)
}

// checkTraversal follows a reference as far as the values' types are known. In an expression that
// tries, only the first name below var, local, node or each must exist.
func (s *Scope) checkTraversal(t hcl.Traversal, tries bool) hcl.Diagnostics {
	root := t.RootName()
	v, ok := s.Values[root]
	if !ok {
		return Here(t.SourceRange(), fmt.Sprintf("%q is not known here", root), s.otherRoot(t))
	}
	ty, path := v.Type(), root
	for i, step := range t[1:] {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok || !ty.IsObjectType() || tries && i > 0 {
			return nil
		}
		if !ty.HasAttribute(attr.Name) {
			return Here(attr.SrcRange, fmt.Sprintf("there is no %s.%s", path, attr.Name), prefixed(path, attr.Name, keys(ty.AttributeTypes())))
		}
		ty, path = ty.AttributeType(attr.Name), path+"."+attr.Name
	}
	return nil
}

func prefixed(path, given string, names []string) string {
	if s := Suggest(given, names); s != "" {
		return fmt.Sprintf("did you mean %s.%s?", path, s)
	}
	return fmt.Sprintf("%s has: %s", path, List(names))
}

// otherRoot says what to write for a first name that is not known: the place where it is known, a
// variable or local of that name, text that lacks its quotes, or the nearest name.
func (s *Scope) otherRoot(t hcl.Traversal) string {
	root := t.RootName()
	if where, ok := s.Elsewhere[root]; ok {
		return where
	}
	for _, under := range []string{"var", "local"} {
		if v, ok := s.Values[under]; ok && v.Type().IsObjectType() && v.Type().HasAttribute(root) {
			return fmt.Sprintf("did you mean %s.%s?", under, root)
		}
	}
	if len(t) == 1 && root == strings.ToUpper(root) {
		return fmt.Sprintf("an environment variable is env(%q); ${ that is meant as it stands is written $${", root)
	}
	if near := Suggest(root, keys(s.Values)); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(t) == 1 {
		return fmt.Sprintf("text is written in quotes: %q; known here: %s", root, List(keys(s.Values)))
	}
	return "known here: " + List(keys(s.Values))
}

func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	return all
}

// unwelcome are functions that operators know from elsewhere, and what to do instead.
func unwelcome() map[string]string {
	const clock = "a playbook means the same whenever it is read: nothing in it asks the clock or for randomness"
	return map[string]string{
		"timestamp": clock, "plantimestamp": clock, "uuid": clock, "uuidv5": clock, "bcrypt": clock,
		"abspath":    "local files are named relative to the playbook's root",
		"pathexpand": "local files are named relative to the playbook's root",
		"getenv":     `write env("NAME") or env("NAME", "default")`,
		"sensitive":  "an inventory holds no secrets; a playbook has secret \"NAME\" { ... }",
	}
}
