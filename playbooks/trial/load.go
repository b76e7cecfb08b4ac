package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// loading is a test file being read.
type loading struct {
	file     *File
	options  Options
	defaults given
	seen     map[string]hcl.Range
	diags    hcl.Diagnostics
}

const wantsTest = `a test file holds tests: test "NAME" { playbook = "FILE" ... expect { ... } }`

func (l *loading) report(rng hcl.Range, what, instead string) {
	l.diags = append(l.diags, lang.Diag(rng, what, instead))
}

// load reads the defaults first, wherever they stand, then the tests.
func (l *loading) load() {
	body, diags := lang.Parse(l.file.Path, l.file.src, wantsTest)
	l.diags = diags
	if body == nil {
		return
	}
	for _, a := range body.Attributes {
		l.report(a.NameRange, fmt.Sprintf("%s stands outside of any block", a.Name), "what holds for every test belongs into defaults { ... }")
	}
	for _, b := range body.Blocks {
		if b.Type == "defaults" && l.formed(b, 0) {
			l.given(b, &l.defaults)
		}
	}
	for _, b := range body.Blocks {
		switch b.Type {
		case "defaults":
		case "test":
			if l.formed(b, 1) && l.named(b) {
				l.test(b)
			}
		default:
			l.report(b.TypeRange, fmt.Sprintf("unknown block %q", b.Type), lang.DidYouMean(b.Type, []string{"test", "defaults"}))
		}
	}
	if len(l.file.Tests) == 0 && !l.diags.HasErrors() {
		l.report(hcl.Range{Filename: l.file.Path, Start: hcl.InitialPos, End: hcl.InitialPos}, "the file has no test", wantsTest)
	}
}

// formed checks the labels, and that defaults and each name are there once.
func (l *loading) formed(b *hclsyntax.Block, labels int) bool {
	if len(b.Labels) != labels {
		l.report(b.DefRange(), fmt.Sprintf("%s has %d names; it takes %d", b.Type, len(b.Labels), labels), `write test "NAME" { ... }, and defaults { ... }`)
		return false
	}
	key := lang.Header(b)
	if first, ok := l.seen[key]; ok {
		l.report(b.DefRange(), key+" is there twice", fmt.Sprintf("the other one is on line %d", first.Start.Line))
		return false
	}
	l.seen[key] = b.DefRange()
	return true
}

func (l *loading) named(b *hclsyntax.Block) bool {
	name := b.Labels[0]
	if strings.TrimSpace(name) != name || name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		l.report(b.LabelRanges[0], fmt.Sprintf("%q cannot be a name", name), "say in a few words what the test holds")
		return false
	}
	return true
}

// given reads the body of a test or of the defaults.
func (l *loading) given(b *hclsyntax.Block, g *given, more ...any) {
	_, diags := lang.Decode(b, l.file.scope, append(more, g)...)
	l.diags = append(l.diags, diags...)
	g.values = l.object("vars", g.Vars)
	if g.Node != nil {
		g.Node.values = l.object("vars", g.Node.Vars)
	}
}

// object evaluates { name = value }, with the place of each value.
func (l *loading) object(what string, expr hclsyntax.Expression) map[string]playbooks.Value {
	if expr == nil {
		return nil
	}
	v, diags := l.file.scope.Value(expr)
	if l.diags = append(l.diags, diags...); diags.HasErrors() {
		return nil
	}
	if v.IsNull() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		l.report(expr.Range(), what+" must be a map", "write "+what+" = { name = value }")
		return nil
	}
	all := map[string]playbooks.Value{}
	for name, value := range v.AsValueMap() {
		all[name] = playbooks.Value{Name: name, Value: value, At: lang.ElementRange(expr, name)}
	}
	return all
}

// test reads one test and lays it over the defaults.
func (l *loading) test(b *hclsyntax.Block) {
	t := &Test{Name: b.Labels[0], Line: b.TypeRange.Start.Line, file: l.file, block: b}
	body := struct {
		Expect expectation `hcl:"expect,block"`
	}{}
	before := len(l.diags)
	l.given(b, &t.given, &body)
	t.given, t.expect = t.given.over(l.defaults), body.Expect
	l.golden(t)
	if len(l.diags) > before {
		return
	}
	(&judging{loading: l, t: t}).judge()
	l.file.Tests = append(l.file.Tests, t)
}

// golden evaluates the expected diff; that of a file is left alone when it is to be written.
func (l *loading) golden(t *Test) {
	expr := t.expect.Diff
	if expr == nil {
		return
	}
	if call, ok := expr.(*hclsyntax.FunctionCallExpr); ok && call.Name == "file" && len(call.Args) == 1 {
		if v, diags := call.Args[0].Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.IsWhollyKnown() && !v.IsNull() {
			t.golden = v.AsString()
		}
	}
	if t.golden != "" && l.options.Update {
		if err := local(t.golden); err != nil {
			l.report(expr.Range(), fmt.Sprintf("%q %v", t.golden, err), "")
		}
		return
	}
	if _, err := l.file.root.Stat(t.golden); t.golden != "" && errors.Is(err, fs.ErrNotExist) {
		l.report(expr.Range(), fmt.Sprintf("there is no file %q below the test file's folder", t.golden), "`hcrun test --update` writes it")
		return
	}
	v, diags := l.file.scope.Value(expr)
	if l.diags = append(l.diags, diags...); diags.HasErrors() {
		return
	}
	if v.IsNull() || v.Type() != cty.String || !v.IsKnown() {
		l.report(expr.Range(), "diff must be text", `write diff = file("testdata/NAME.diff"); --update writes that file`)
		return
	}
	text := v.AsString()
	t.expect.diff = &text
}

// over is what a test gives, with what it leaves open taken from the defaults.
func (g given) over(d given) given {
	if g.Playbook == "" {
		g.Playbook = d.Playbook
	}
	if g.Peers == nil {
		g.Peers = d.Peers
	}
	if g.Now.t().IsZero() {
		g.Now = d.Now
	}
	if g.Past == nil {
		g.Past = d.Past
	}
	g.Node = g.Node.over(d.Node)
	g.values = union(d.values, g.values)
	g.Env, g.Secrets = union(d.Env, g.Env), union(d.Secrets, g.Secrets)
	for _, c := range d.Checks {
		if !slices.ContainsFunc(g.Checks, func(own check) bool { return own.Step == c.Step }) {
			g.Checks = append(g.Checks, c)
		}
	}
	for _, c := range d.Gates {
		if !slices.ContainsFunc(g.Gates, func(own gate) bool { return own.Gate == c.Gate }) {
			g.Gates = append(g.Gates, c)
		}
	}
	return g
}

// union is both maps; of two values for one key the second counts.
func union[V any](a, b map[string]V) map[string]V {
	all := map[string]V{}
	for _, m := range []map[string]V{a, b} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}
