package playbooks

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// maxEach is how many steps one for_each may make.
const maxEach = 1000

// each is one round of a for_each.
type each struct{ key, value cty.Value }

func (m *making) task(b *hclsyntax.Block) {
	expr := attribute(b, "for_each")
	if expr == nil {
		m.one(b, m.part.prefix+b.Labels[1], m.scope)
		return
	}
	v, diags := m.scope.Value(expr)
	m.diags = append(m.diags, diags...)
	if diags.HasErrors() || !v.IsKnown() {
		m.blind(b, each{cty.UnknownVal(cty.String), cty.DynamicVal})
		return
	}
	rounds, ok := m.rounds(v, expr.Range())
	if !ok || len(rounds) == 0 {
		m.blind(b, each{cty.UnknownVal(cty.String), cty.DynamicVal})
		return
	}
	for _, r := range rounds {
		before := len(m.diags)
		m.one(b, fmt.Sprintf("%s%s[%s]", m.part.prefix, b.Labels[1], r.key.AsString()), m.scope.With("each", r.object()))
		if len(m.diags) > before {
			return // the other rounds would say the same
		}
	}
}

func (r each) object() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"key": r.key, "value": r.value})
}

// blind checks a block of which no step is made: the names in it and the shape of its values.
func (m *making) blind(b *hclsyntax.Block, r each) {
	scope := m.scope.With("each", r.object())
	_, diags := m.body(b, unknownAll(scope), new(taskCommon))
	m.diags = append(m.diags, diags...)
}

// unknownAll is a scope in which every name is known and no value is.
func unknownAll(s *lang.Scope) *lang.Scope {
	for name, v := range s.Values {
		attrs := map[string]cty.Value{}
		if !v.Type().IsObjectType() {
			continue
		}
		for attr, ty := range v.Type().AttributeTypes() {
			attrs[attr] = cty.UnknownVal(ty)
		}
		s = s.With(name, cty.ObjectVal(attrs))
	}
	return s
}

var keyRE = regexp.MustCompile(`^[A-Za-z0-9_./:-]{1,64}$`)

// rounds are the keys and values that a for_each goes through, in order.
func (m *making) rounds(v cty.Value, at hcl.Range) ([]each, bool) {
	ty := v.Type()
	byName := ty.IsMapType() || ty.IsObjectType()
	switch {
	case v.IsMarked() || !byName && v.ContainsMarked():
		m.report(at, "for_each is sensitive, and its keys are parts of steps' names", "give the names in for_each, and look what is sensitive up by each.key")
		return nil, false
	case v.IsNull() || !byName && !ty.IsListType() && !ty.IsTupleType() && !ty.IsSetType():
		m.report(at, "for_each takes a map, or a list or set of texts", `write for_each = ["a", "b"] or for_each = { a = 1, b = 2 }`)
		return nil, false
	case v.LengthInt() > maxEach:
		m.report(at, fmt.Sprintf("for_each would make %d steps; at most %d are made", v.LengthInt(), maxEach), "")
		return nil, false
	}
	var rounds []each
	seen := map[string]bool{}
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if !byName {
			key = value
		}
		switch {
		case !key.IsKnown():
			return nil, false
		case key.IsNull() || key.Type() != cty.String:
			m.report(at, "for_each takes a list of texts, or a map for anything else", `write for_each = { name = value }`)
			return nil, false
		case !keyRE.MatchString(key.AsString()):
			m.report(at, fmt.Sprintf("for_each: %q cannot be part of a step's name", key.AsString()), `write ASCII letters, digits, "_", ".", "/", ":" and "-", at most 64; a map has such keys and any values`)
			return nil, false
		case seen[key.AsString()]:
			m.report(at, fmt.Sprintf("for_each: %q is there twice", key.AsString()), "")
			return nil, false
		}
		seen[key.AsString()] = true
		rounds = append(rounds, each{key, value})
	}
	return rounds, true
}
