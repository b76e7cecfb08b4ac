package playbooks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// variable is what a variable block declares.
type variable struct {
	Type        hclsyntax.Expression `hcl:"type,optional"`
	Default     hclsyntax.Expression `hcl:"default,optional"`
	Description string               `hcl:"description,optional"`
	Sensitive   bool                 `hcl:"sensitive,optional"`
	Validations []validation         `hcl:"validation,block"`

	name     string
	header   hcl.Range
	ty       cty.Type
	defaults *typeexpr.Defaults
}

type validation struct {
	Condition    hclsyntax.Expression `hcl:"condition"`
	ErrorMessage hclsyntax.Expression `hcl:"error_message"`
}

// given is a value for a variable and where it came from.
type given struct {
	value cty.Value
	from  hcl.Range
}

// variables are the declared variables and the values they got.
type variables struct {
	all     []*variable
	given   map[string]given
	record  map[string][]given // all that were given, the last one counts
	sources map[string][]byte
	scope   *lang.Scope // functions only
	hide    func(...engine.Secret)
	diags   hcl.Diagnostics
}

// EnvPrefix is what the environment variable for a playbook's variable begins with.
const EnvPrefix = "HCRUN_VAR_"

// resolve reads the declarations and settles each variable's value: -e before --var-file before
// HCRUN_VAR_name before the default; of two in the same place the later.
func resolve(blocks []*hclsyntax.Block, scope *lang.Scope, o Options) (cty.Value, hcl.Diagnostics) {
	vs := &variables{given: map[string]given{}, sources: scope.Sources, scope: scope, hide: o.Hide}
	for _, b := range blocks {
		vs.declare(b)
	}
	for _, v := range vs.all {
		vs.fromEnv(v, o.Env)
	}
	for _, path := range o.VarFiles {
		vs.fromFile(path)
	}
	for _, arg := range o.Vars {
		vs.fromArg(arg)
	}
	vs.fromProgram(o.Values)
	o.included.to(vs)
	if o.keep != nil {
		o.keep(vs)
	}
	values := map[string]cty.Value{}
	for _, v := range vs.all {
		values[v.name] = vs.settle(v)
	}
	object := cty.ObjectVal(values)
	for _, v := range vs.all {
		vs.validate(v, scope.With("var", object))
	}
	return object, vs.diags
}

func (vs *variables) report(rng hcl.Range, what, instead string) {
	vs.diags = append(vs.diags, lang.Diag(rng, what, instead))
}

func (vs *variables) declare(b *hclsyntax.Block) {
	v := &variable{name: b.Labels[0], header: b.DefRange(), ty: cty.DynamicPseudoType}
	_, diags := lang.Decode(b, vs.scope, v)
	vs.diags = append(vs.diags, diags...)
	vs.all = append(vs.all, v)
	if v.Type != nil {
		vs.typed(v)
	}
}

func (vs *variables) typed(v *variable) {
	ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(v.Type)
	if !diags.HasErrors() {
		v.ty, v.defaults = ty, defaults
		return
	}
	word := hcl.ExprAsKeyword(v.Type)
	if text, d := v.Type.Value(nil); word == "" && !d.HasErrors() && text.Type() == cty.String && text.IsKnown() && !text.IsNull() {
		vs.report(v.Type.Range(), "a type is written without quotes", "write type = "+text.AsString())
		return
	}
	if word != "" {
		vs.report(v.Type.Range(), fmt.Sprintf("there is no type %s", word), lang.DidYouMean(word, []string{"string", "number", "bool", "any", "list(string)", "set(string)", "map(string)", "object({...})"}))
		return
	}
	vs.diags = append(vs.diags, diags...)
}

func (vs *variables) names() []string {
	var names []string
	for _, v := range vs.all {
		names = append(names, v.name)
	}
	return names
}

func (vs *variables) find(name string, rng hcl.Range) (*variable, bool) {
	for _, v := range vs.all {
		if v.name == name {
			return v, true
		}
	}
	what := "this playbook declares no variables"
	if len(vs.all) > 0 {
		what = lang.DidYouMean(name, vs.names())
	}
	vs.report(rng, fmt.Sprintf("the playbook has no variable %q", name), what)
	return nil, false
}

func (vs *variables) fromEnv(v *variable, lookup func(string) (string, bool)) {
	if lookup == nil {
		return
	}
	if text, ok := lookup(EnvPrefix + v.name); ok {
		vs.text(v, text, hcl.Range{Filename: EnvPrefix + v.name})
	}
}

func (vs *variables) fromArg(arg string) {
	from := hcl.Range{Filename: "-e " + arg}
	name, text, ok := strings.Cut(arg, "=")
	if !ok || name == "" {
		vs.report(from, "this is not name=value", "write -e name=value, such as -e retention_days=7")
		return
	}
	if v, ok := vs.find(name, from); ok {
		vs.text(v, text, from)
	}
}

// text reads a value that came as text, by the variable's type.
func (vs *variables) text(v *variable, text string, from hcl.Range) {
	if v.Sensitive {
		vs.hide(engine.NewSecret(text)) // also when it turns out to be no value of the type
	}
	ty := v.ty
	if ty == cty.DynamicPseudoType && v.Default != nil {
		if d, diags := v.Default.Value(nil); !diags.HasErrors() && d.Type().IsPrimitiveType() {
			ty = d.Type() // a default says what a variable without a type is
		}
	}
	if ty == cty.String || ty == cty.DynamicPseudoType {
		vs.give(v, given{cty.StringVal(text), from})
		return
	}
	if ty.IsPrimitiveType() {
		value, err := convert.Convert(cty.StringVal(text), ty)
		if err != nil {
			vs.report(from, fmt.Sprintf("variable %q is %s; %q is not", v.name, typeNoun(ty), text), "")
			value = cty.DynamicVal
		}
		vs.give(v, given{value, from})
		return
	}
	expr, diags := lang.ParseExpression(from.Filename, []byte(text))
	var value = cty.DynamicVal
	if !diags.HasErrors() {
		value, diags = (&lang.Scope{}).Value(expr)
	}
	if diags.HasErrors() {
		vs.report(from, fmt.Sprintf("variable %q is %s; this cannot be read as one", v.name, typeNoun(ty)), "write it as in a playbook, such as "+example(ty)+"\n"+diags[0].Summary+": "+diags[0].Detail)
	}
	vs.give(v, given{value, from})
}

func typeNoun(ty cty.Type) string {
	switch {
	case ty == cty.Number:
		return "a number"
	case ty == cty.Bool:
		return "true or false"
	}
	return ty.FriendlyName()
}

func example(ty cty.Type) string {
	if ty.IsMapType() || ty.IsObjectType() {
		return `{ name = "value" }`
	}
	return `["a", "b"]`
}

func (vs *variables) fromFile(path string) {
	src, err := lang.ReadFile(path)
	if err != nil {
		vs.report(hcl.Range{}, "--var-file: "+err.Error(), "")
		return
	}
	if !slices.ContainsFunc(vs.all, func(v *variable) bool { return v.Sensitive }) {
		vs.sources[path] = src // else no line of it is quoted: a secret may stand in any that is wrong
	}
	body, diags := lang.Parse(path, src, "a variable file holds lines such as: retention_days = 7")
	vs.diags = append(vs.diags, diags...)
	if body == nil {
		return
	}
	for _, b := range body.Blocks {
		vs.report(b.TypeRange, "a variable file holds values, not blocks", "write NAME = VALUE, one a line")
	}
	plain := &lang.Scope{Sources: vs.sources}
	for _, a := range sorted(body.Attributes) {
		v, ok := vs.find(a.Name, a.NameRange)
		if !ok {
			continue
		}
		value, diags := plain.Value(a.Expr)
		vs.diags = append(vs.diags, diags...)
		vs.give(v, given{value, a.Expr.Range()})
	}
}

// settle is the variable's value in its type; unknown after an error.
func (vs *variables) settle(v *variable) cty.Value {
	g, ok := vs.given[v.name]
	if !ok {
		if v.Default == nil {
			vs.report(v.header, fmt.Sprintf("variable %q has no value", v.name), fmt.Sprintf("give it with -e %s=..., in a --var-file or as %s%s, or write a default", v.name, EnvPrefix, v.name))
			return cty.UnknownVal(v.ty)
		}
		value, diags := vs.scope.Value(v.Default)
		vs.diags = append(vs.diags, diags...)
		g = given{value, v.Default.Range()}
		vs.given[v.name] = g
	}
	value := g.value
	if v.defaults != nil && value.IsKnown() && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	if v.Sensitive {
		vs.hide(lang.Texts(value)...)
	}
	value, err := convert.Convert(value, v.ty)
	if err != nil {
		vs.report(g.from, fmt.Sprintf("variable %q is %s: %s", v.name, typeNoun(v.ty), err), "")
		return cty.UnknownVal(v.ty)
	}
	if v.Sensitive {
		return vs.sensitive(v, value, g.from)
	}
	return value
}

// sensitive marks a variable's value, whose texts have to be long enough to be kept out of output.
func (vs *variables) sensitive(v *variable, value cty.Value, from hcl.Range) cty.Value {
	for _, s := range lang.Texts(value) {
		if err := fitsSecret(s.Reveal()); err != nil && s.Reveal() != "" {
			vs.report(v.header, fmt.Sprintf("variable %q is sensitive: %v", v.name, err), "")
		}
	}
	return lang.Sensitive(value)
}

func (vs *variables) validate(v *variable, scope *lang.Scope) {
	for _, rule := range v.Validations {
		if rule.Condition == nil || rule.ErrorMessage == nil {
			continue // reported
		}
		ok, diags := scope.Value(rule.Condition)
		vs.diags = append(vs.diags, diags...)
		ok = lang.Bare(ok)
		switch {
		case diags.HasErrors() || !ok.IsKnown():
			continue
		case ok.IsNull() || ok.Type() != cty.Bool:
			vs.report(rule.Condition.Range(), "condition must be true or false", "compare something, such as var."+v.name+" > 0")
			continue
		case ok.True():
			continue
		}
		message, diags := scope.Value(rule.ErrorMessage)
		vs.diags = append(vs.diags, diags...)
		if diags.HasErrors() {
			continue
		}
		if lang.IsSensitive(message) {
			message = cty.StringVal("its value does not keep its rule")
		}
		if message.IsNull() || message.Type() != cty.String || !message.IsKnown() {
			vs.report(rule.ErrorMessage.Range(), "error_message must be text", "")
			continue
		}
		vs.report(vs.given[v.name].from, fmt.Sprintf("variable %q: %s", v.name, message.AsString()), "the rule is "+lineOf(rule.Condition.Range(), vs.given[v.name].from))
	}
}

// sorted are attributes in the order of the file.
func sorted(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	return slices.SortedFunc(maps.Values(attrs), func(a, b *hclsyntax.Attribute) int {
		return a.NameRange.Start.Byte - b.NameRange.Start.Byte
	})
}
