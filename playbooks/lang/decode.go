package lang

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Header names a block as the playbook does: task "scp" "policy".
func Header(b *hclsyntax.Block) string {
	parts := []string{b.Type}
	for _, l := range b.Labels {
		parts = append(parts, fmt.Sprintf("%q", l))
	}
	return strings.Join(parts, " ")
}

// decoding is one body being read into the structs that share it.
type decoding struct {
	scope   *Scope
	what    string
	header  hcl.Range
	body    *hclsyntax.Body
	targets []target
	unknown bool
	secret  bool // a sensitive value went into a field
	diags   hcl.Diagnostics
}

// Discreet is a target of Decode that wants to know that something sensitive went into one that shares its
// body.
type Discreet interface {
	// HasSecret is called once, after decoding, when something sensitive went into a field of the body.
	HasSecret()
}

type target struct {
	shape shape
	value reflect.Value // of the struct
}

// Decode fills structs from the body of a block, going by their hcl tags; several structs share the
// body. All that is wrong is reported. known is false when a value depends on something that is not
// known yet: its field is left zero. A sensitive value may go only into fields with the tag sensitive:"ok".
func Decode(b *hclsyntax.Block, s *Scope, into ...any) (known bool, diags hcl.Diagnostics) {
	d := decode(b, s, into...)
	for _, p := range into {
		if discreet, ok := p.(Discreet); ok && d.secret {
			discreet.HasSecret()
		}
	}
	return !d.unknown, d.diags
}

func decode(b *hclsyntax.Block, s *Scope, into ...any) *decoding {
	d := &decoding{scope: s, what: Header(b), header: b.DefRange(), body: b.Body}
	for _, p := range into {
		v := reflect.ValueOf(p).Elem()
		d.targets = append(d.targets, target{shapeOf(v.Type()), v})
	}
	d.run()
	return d
}

func (d *decoding) run() {
	for _, name := range slices.Sorted(maps.Keys(d.body.Attributes)) {
		d.attribute(d.body.Attributes[name])
	}
	seen := map[string]*hclsyntax.Block{}
	wrong := map[*hclsyntax.Block]bool{}
	for _, g := range d.generate(d.body.Blocks) {
		before := len(d.diags)
		if !wrong[g.by] {
			d.block(g, seen)
		}
		wrong[g.by] = g.by != nil && len(d.diags) > before // the other blocks of it would say the same
	}
	for _, t := range d.targets {
		for _, name := range slices.Sorted(maps.Keys(t.shape.attrs)) {
			if _, ok := d.body.Attributes[name]; !ok && !t.shape.attrs[name].optional && !hasBlock(d.body, name) {
				d.report(d.header, fmt.Sprintf("%s has no %s", d.what, name), fmt.Sprintf("write %s = ... in it", name))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(t.shape.blocks)) {
			f := t.value.Field(t.shape.blocks[name].index)
			if _, isAttr := d.body.Attributes[name]; f.Kind() == reflect.Struct && seen[name] == nil && !isAttr {
				d.report(d.header, fmt.Sprintf("%s has no block %s", d.what, name), fmt.Sprintf("write %s { ... } in it", name))
			}
		}
	}
}

func hasBlock(body *hclsyntax.Body, name string) bool {
	return slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == name })
}

func (d *decoding) report(rng hcl.Range, what, instead string) {
	d.diags = append(d.diags, Diag(rng, what, instead))
}

func (d *decoding) attribute(a *hclsyntax.Attribute) {
	for _, t := range d.targets {
		if f, ok := t.shape.attrs[a.Name]; ok {
			d.set(t.value.Field(f.index), a, f)
			return
		}
		if f, ok := t.shape.blocks[a.Name]; ok {
			d.report(a.NameRange, fmt.Sprintf("%s is a block, not an attribute", a.Name), "write it without the equals sign: "+d.example(a.Name, t.value.Type().Field(f.index).Type))
			return
		}
	}
	d.report(a.NameRange, fmt.Sprintf("unknown attribute %q in %s", a.Name, d.what), DidYouMean(a.Name, d.names()))
}

// example is how a block of that name is written.
func (d *decoding) example(name string, t reflect.Type) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	for _, l := range shapeOf(t).labels {
		name += fmt.Sprintf(" %q", strings.ToUpper(l.name))
	}
	return name + " { ... }"
}

// names are all that the body may hold.
func (d *decoding) names() []string {
	var all []string
	for _, t := range d.targets {
		all = append(all, keys(t.shape.attrs)...)
		all = append(all, keys(t.shape.blocks)...)
	}
	return all
}

func (d *decoding) set(dst reflect.Value, a *hclsyntax.Attribute, f field) {
	if dst.Type() == expressionType {
		dst.Set(reflect.ValueOf(a.Expr))
		return
	}
	v, diags := d.scope.Value(a.Expr)
	d.diags = append(d.diags, diags...)
	if diags.HasErrors() {
		d.unknown = true
		return
	}
	if v.IsNull() && !f.optional {
		d.report(a.Expr.Range(), fmt.Sprintf("%s is null, but %s needs it", a.Name, d.what), "")
		return
	}
	secret := IsSensitive(v)
	if secret && !f.secret {
		d.report(a.Expr.Range(), fmt.Sprintf("%s shows its value in plans and journals, and this one is sensitive", a.Name), "only what becomes the content of a file may be sensitive; nonsensitive() says that a value may be shown after all")
		return
	}
	d.secret = d.secret || secret
	known, err := assign(dst, Bare(v), nil)
	if err != nil && secret {
		d.report(a.Expr.Range(), a.Name+" cannot have this value", "it is sensitive, so why is not shown")
		return
	}
	if err != nil {
		rng, what := locate(a, err)
		if err.quote {
			err.instead = quoted(a, rng, d.scope.Sources, err.text)
		}
		diag := Diag(rng, what+" "+err.what, err.instead)
		if err.cause != nil {
			diag.Extra = err.cause
		}
		d.diags = append(d.diags, diag)
		return
	}
	d.unknown = d.unknown || !known
}

func (d *decoding) block(g generated, seen map[string]*hclsyntax.Block) {
	b := g.block
	for _, t := range d.targets {
		if f, ok := t.shape.blocks[b.Type]; ok {
			d.nested(t.value.Field(f.index), g, seen[b.Type])
			if !g.none {
				seen[b.Type] = b
			}
			return
		}
		if _, ok := t.shape.attrs[b.Type]; ok {
			d.report(b.TypeRange, fmt.Sprintf("%s is an attribute, not a block", b.Type), fmt.Sprintf("write it with an equals sign: %s = { ... }", b.Type))
			return
		}
	}
	d.report(b.TypeRange, fmt.Sprintf("unknown block %q in %s", b.Type, d.what), DidYouMean(b.Type, d.names()))
}

func (d *decoding) nested(dst reflect.Value, g generated, earlier *hclsyntax.Block) {
	t, b := dst.Type(), g.block
	many := t.Kind() == reflect.Slice
	if !many && earlier != nil {
		d.report(b.DefRange(), fmt.Sprintf("%s has two blocks %s", d.what, b.Type), fmt.Sprintf("the other one is on line %d; one is enough", earlier.TypeRange.Start.Line))
		return
	}
	if many || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	v := reflect.New(t)
	if !g.blind {
		d.labels(v.Elem(), b)
	}
	inner := decode(b, g.scope, v.Interface())
	d.diags = append(d.diags, inner.diags...)
	if g.blind {
		return
	}
	d.unknown, d.secret = d.unknown || inner.unknown, d.secret || inner.secret
	switch {
	case many:
		dst.Set(reflect.Append(dst, v.Elem()))
	case dst.Kind() == reflect.Pointer:
		dst.Set(v)
	default:
		dst.Set(v.Elem())
	}
}

func (d *decoding) labels(v reflect.Value, b *hclsyntax.Block) {
	want := shapeOf(v.Type()).labels
	if len(want) != len(b.Labels) {
		d.report(b.DefRange(), fmt.Sprintf("%s has %d labels; it takes %d", b.Type, len(b.Labels), len(want)), "write "+d.example(b.Type, v.Type()))
		return
	}
	for i, l := range want {
		v.Field(l.index).SetString(b.Labels[i])
	}
}
