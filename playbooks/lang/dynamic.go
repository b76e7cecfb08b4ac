package lang

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxDynamic is how many blocks one dynamic block may make.
const maxDynamic = 1000

// generated is a block with the scope that its expressions are evaluated in. A blind one is only checked:
// which blocks there will be is not known, or there are none.
type generated struct {
	block *hclsyntax.Block
	by    *hclsyntax.Block // the dynamic block, nil for one that is written out
	scope *Scope
	blind bool
	none  bool // blind, because there is none
}

// dynamic is what a dynamic block may hold beside its content block.
type dynamic struct {
	ForEach  hclsyntax.Expression `hcl:"for_each"`
	Iterator hclsyntax.Expression `hcl:"iterator,optional"`
	Labels   hclsyntax.Expression `hcl:"labels,optional"`
}

// generate replaces the dynamic blocks among those of a body by what they make.
func (d *decoding) generate(blocks hclsyntax.Blocks) []generated {
	var all []generated
	for _, b := range blocks {
		if b.Type != "dynamic" {
			all = append(all, generated{block: b, scope: d.scope})
			continue
		}
		if one := d.dynamic(b); one != nil {
			all = append(all, one.generate()...)
		}
	}
	return all
}

// Generated is a block whose dynamic blocks are replaced by what they make, so that what was decoded from
// the n-th block of a type can be shown where it is written. What is wrong with them Decode says.
func Generated(b *hclsyntax.Block, s *Scope) *hclsyntax.Block {
	d := &decoding{scope: s, what: Header(b), header: b.DefRange(), body: b.Body}
	whole, body := *b, *b.Body
	body.Blocks = nil
	for _, g := range d.generate(b.Body.Blocks) {
		if !g.blind {
			body.Blocks = append(body.Blocks, g.block)
		}
	}
	whole.Body = &body
	return &whole
}

// generating is one dynamic block that is well formed.
type generating struct {
	*decoding
	block    *hclsyntax.Block
	is       dynamic
	iterator string
	content  *hclsyntax.Block
}

const dynamicForm = `dynamic "BLOCK" { for_each = ..., content { ... } } makes a BLOCK of every element`

func (d *decoding) dynamic(b *hclsyntax.Block) *generating {
	g := &generating{decoding: d, block: b}
	if len(b.Labels) != 1 {
		d.report(b.DefRange(), fmt.Sprintf("dynamic has %d labels; it takes 1", len(b.Labels)), dynamicForm)
		return nil
	}
	rest := &hclsyntax.Body{Attributes: b.Body.Attributes, SrcRange: b.Body.SrcRange, EndRange: b.Body.EndRange}
	for _, inner := range b.Body.Blocks {
		switch {
		case inner.Type != "content":
			rest.Blocks = append(rest.Blocks, inner)
		case g.content != nil:
			d.report(inner.DefRange(), "dynamic has two blocks content", fmt.Sprintf("the other one is on line %d; one is enough", g.content.TypeRange.Start.Line))
		case len(inner.Labels) > 0:
			d.report(inner.DefRange(), "content takes no labels", "write labels = [ ... ] in the dynamic block")
			return nil
		default:
			g.content = inner
		}
	}
	outer := *b
	outer.Body = rest
	_, diags := Decode(&outer, d.scope, &g.is)
	d.diags = append(d.diags, diags...)
	if g.content == nil {
		d.report(b.DefRange(), "dynamic has no block content", dynamicForm)
	}
	if g.is.ForEach == nil || g.content == nil || !g.named() {
		return nil
	}
	return g
}

// named finds what the element is called in the content.
func (g *generating) named() bool {
	g.iterator = g.block.Labels[0]
	if g.is.Iterator != nil {
		if g.iterator = hcl.ExprAsKeyword(g.is.Iterator); g.iterator == "" {
			g.report(g.is.Iterator.Range(), "iterator is a name without quotes", "write iterator = item, and item.key and item.value in the content")
			return false
		}
	}
	if slices.Contains([]string{"var", "local", "node", "each", "secret"}, g.iterator) {
		g.report(g.block.DefRange(), fmt.Sprintf("%s is something else already", g.iterator), "write iterator = item, and item.key and item.value in the content")
		return false
	}
	return true
}

// generate makes the blocks.
func (g *generating) generate() []generated {
	blind := []generated{g.one(nil, g.with(cty.DynamicVal, cty.DynamicVal), true)}
	at := g.is.ForEach.Range()
	v, diags := g.scope.Value(g.is.ForEach)
	g.diags = append(g.diags, diags...)
	if diags.HasErrors() || !v.IsKnown() {
		g.unknown = true
		return blind
	}
	ty := v.Type()
	switch {
	case v.IsMarked():
		g.report(at, "for_each is sensitive, and how many blocks there are would show it", "nonsensitive() says that a value may be shown after all")
		return blind
	case v.IsNull() || !ty.IsMapType() && !ty.IsObjectType() && !ty.IsListType() && !ty.IsTupleType() && !ty.IsSetType():
		g.report(at, "for_each takes a list, a set or a map", "")
		return blind
	case v.LengthInt() > maxDynamic:
		g.report(at, fmt.Sprintf("for_each would make %d blocks; at most %d are made", v.LengthInt(), maxDynamic), "")
		return blind
	case v.LengthInt() == 0:
		blind[0].none = true
		return blind
	}
	var all []generated
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		scope := g.with(key, value)
		before := len(g.diags)
		labels, ok := g.labelsOf(scope)
		all = append(all, g.one(labels, scope, !ok))
		if len(g.diags) > before {
			break // the others would say the same
		}
	}
	return all
}

func (g *generating) with(key, value cty.Value) *Scope {
	return g.scope.With(g.iterator, cty.ObjectVal(map[string]cty.Value{"key": key, "value": value}))
}

// one is a block as if it were written out, at the place of its content.
func (g *generating) one(labels []string, scope *Scope, blind bool) generated {
	b := *g.content
	b.Type, b.Labels, b.TypeRange, b.LabelRanges = g.block.Labels[0], labels, g.block.LabelRanges[0], nil
	for range labels {
		b.LabelRanges = append(b.LabelRanges, g.is.Labels.Range())
	}
	return generated{block: &b, by: g.block, scope: scope, blind: blind}
}

// labelsOf are the labels of one block; ok is false when they are not known yet, or wrong.
func (g *generating) labelsOf(scope *Scope) (labels []string, ok bool) {
	if g.is.Labels == nil {
		return nil, true
	}
	v, diags := scope.Value(g.is.Labels)
	g.diags = append(g.diags, diags...)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		g.unknown = true
		return nil, false
	}
	wrong := v.IsNull() || v.ContainsMarked() || !v.CanIterateElements() || v.Type().IsMapType() || v.Type().IsObjectType()
	if !wrong {
		for it := v.ElementIterator(); it.Next(); {
			_, l := it.Element()
			if wrong = l.IsNull() || l.Type() != cty.String; wrong {
				break
			}
			labels = append(labels, l.AsString())
		}
	}
	if wrong {
		g.report(g.is.Labels.Range(), "labels must be a list of texts that are not sensitive", `write labels = ["${item.key}"]`)
	}
	return labels, !wrong
}
