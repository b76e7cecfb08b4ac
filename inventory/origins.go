package inventory

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// Origin is one value that the inventory has for a variable of a host, and where.
type Origin struct {
	From  string // "host", "group NAME" or "defaults"
	At    string // file:line:col
	Value any
}

// Levels say by which block a host's variable gets its value, the strongest first. Two groups that give
// one host different values are an error.
func Levels() []string { return []string{"host", "group", "defaults"} }

// Origins are the values that a host's variables have in the inventory's file, by name, the one that
// counts first. env answers the function env, as for Load.
func (i *Inventory) Origins(host string, env func(string) (string, bool)) (map[string][]Origin, error) {
	h, ok := i.Host(host)
	if !ok {
		return nil, fmt.Errorf("there is no host %q in %s", host, i.Path)
	}
	src, err := lang.ReadFile(i.Path)
	if err != nil {
		return nil, err
	}
	body, diags := lang.Parse(i.Path, src, "")
	if body == nil {
		return nil, lang.AsError(diags, map[string][]byte{i.Path: src})
	}
	scope := &lang.Scope{Values: map[string]cty.Value{}, Functions: lang.Functions(env)}
	all := map[string][]Origin{}
	for _, level := range Levels() {
		for _, b := range body.Blocks {
			if b.Type != level || !concerns(b, h) {
				continue
			}
			for name, o := range varsOf(b, scope) {
				all[name] = append(all[name], o)
			}
		}
	}
	return all, nil
}

// concerns reports whether what a block says holds for the host.
func concerns(b *hclsyntax.Block, h Host) bool {
	switch b.Type {
	case "host":
		return b.Labels[0] == h.Name
	case "group":
		for _, g := range h.Groups {
			if b.Labels[0] == g {
				return true
			}
		}
		return false
	}
	return b.Type == "defaults"
}

// varsOf are the variables that a block gives. The file was loaded before, so what is wrong with it is
// known.
func varsOf(b *hclsyntax.Block, scope *lang.Scope) map[string]Origin {
	a := b.Body.Attributes["vars"]
	if a == nil {
		return nil
	}
	v, diags := scope.Value(a.Expr)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || !v.CanIterateElements() {
		return nil
	}
	from := b.Type
	if len(b.Labels) == 1 && b.Type == "group" {
		from += " " + b.Labels[0]
	}
	all := map[string]Origin{}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if k.Type() != cty.String {
			continue
		}
		all[k.AsString()] = Origin{From: from, At: lang.Place(lang.ElementRange(a.Expr, k.AsString())), Value: lang.ToGo(e)}
	}
	return all
}
