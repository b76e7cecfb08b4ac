package lang

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func TestLimits(t *testing.T) {
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, c := range map[string]struct{ src, want string }{
		"200 KB of parentheses":  {"a = " + many("(", 200<<10), "nested more than 64 deep"},
		"closed parentheses":     {"a = " + many("(", 65) + "1" + many(")", 65), "nested more than 64 deep"},
		"brackets":               {"a = " + many("[", 1<<19), "nested more than 64 deep"},
		"braces":                 {many("a {", 1<<18), "nested more than 64 deep"},
		"templates":              {"a = " + many(`"${`, 1<<17), "nested more than 64 deep"},
		"bangs":                  {"a = " + many("!", 1<<19) + "true", "more than 256 operators"},
		"minuses":                {"a = " + many("-", 1<<19) + "1", "more than 256 operators"},
		"sums":                   {"a = 1" + many("+1", 1<<18), "more than 256 operators"},
		"sums in parentheses":    {"a = (1" + many("\n+1", 1<<18) + ")", "more than 256 operators"},
		"conditionals":           {"a = " + many("x ? y : ", 1<<16) + "z", "more than 256 operators"},
		"indexes":                {"a = x" + many("[0]", 1<<17), "more than 256 operators"},
		"splats":                 {"a = x" + many(".*.y", 1<<17), "more than 256 operators"},
		"ifs in a template":      {"a = \"" + many("%{if true}", 1<<16) + "\"", "more than 256 operators"},
		"percents":               {"a = \"" + many("%d", 20000) + "\"", "more than 10000 lines"},
		"a long heredoc":         {"a = <<E\n" + many("x\n", 20000) + "E\n", "more than 10000 lines"},
		"many texts":             {"a = [" + many("\"x\",", 20000) + "]", ""},
		"50 MB":                  {many("# x\n", 50<<18), "larger than 1024 KiB"},
		"a million blocks":       {many("a{}\n", 1<<17), "blocks; at most 2000"},
		"blocks in a block":      {"b {\n" + many("a{}\n", 2001) + "}", "blocks; at most 2000"},
		"UTF-16":                 {"\xff\xfea\x00", "UTF-16"},
		"bytes":                  {"a = \"\xc3(\"", "not UTF-8"},
		"sixty deep":             {"a = " + many("(", 60) + "1" + many(")", 60), ""},
		"many operators in many": {"a = [\n" + many("1 + 2 + 3,\n", 1000) + "]", ""},
		"long list of lists":     {"a = [" + many("[1],", 1000) + "]", ""},
	} {
		_, diags := Parse("x.hcl", []byte(c.src), "write something")
		err := AsError(diags, nil)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %.200v; want %q", name, err, c.want)
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, 3*MaxSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := ReadFile(big); err != nil || len(b) != MaxSize+1 {
		t.Errorf("%d bytes, %v: the reading is not bounded", len(b), err)
	}
	for path, want := range map[string]string{dir: "is a folder", filepath.Join(dir, "no"): "no such file", "/dev/null": "not a regular file"} {
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
}

func TestSnippetEscapes(t *testing.T) {
	src := []byte("\ta = \"\x1b[2J\u202e\u200b\xff\" # ä\r\nb")
	at := strings.Index(string(src), "#")
	rng := hcl.Range{Start: hcl.Pos{Line: 1, Column: 1, Byte: at}, End: hcl.Pos{Byte: at + 1}}
	want := "   1 |  a = \"\\u{1b}[2J\\u{202e}\\u{200b}\\xff\" # ä\n     | " + strings.Repeat(" ", 37) + "^\n"
	if got := Snippet(rng, src); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	for _, rng := range []hcl.Range{{Start: hcl.Pos{Byte: -5}}, {Start: hcl.Pos{Byte: 999}, End: hcl.Pos{Byte: 1}}} {
		_ = Snippet(rng, src) // what is out of bounds is shown as well as can be
	}
}

func TestSuggest(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"destinaton", "destination"}, {"Mode", "mode"}, {"log-dir", "log_dir"}, {"x", ""}, {"completely", ""}, {"mdoe", ""}, {"mod", "mode"},
	} {
		if got := Suggest(c.given, []string{"destination", "mode", "log_dir"}); got != c.want {
			t.Errorf("%q: %q; want %q", c.given, got, c.want)
		}
	}
}

type length time.Duration

func (l *length) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*l = length(d)
	return err
}

type everything struct {
	S    string               `hcl:"s,optional"`
	B    bool                 `hcl:"b,optional"`
	PB   *bool                `hcl:"pb,optional"`
	I    int                  `hcl:"i,optional"`
	I64  int64                `hcl:"i64,optional"`
	F    float64              `hcl:"f,optional"`
	D    length               `hcl:"d,optional"`
	List []string             `hcl:"list,optional"`
	M    map[string]string    `hcl:"m,optional"`
	A    any                  `hcl:"a,optional"`
	MA   map[string]any       `hcl:"ma,optional"`
	LM   []map[string]any     `hcl:"lm,optional"`
	E    hclsyntax.Expression `hcl:"e,optional"`
	Blk  []inner              `hcl:"blk,block"`
}

type inner struct {
	Label string `hcl:"label,label"`
	X     int    `hcl:"x"`
}

func decodeText(t *testing.T, text string, into any) (bool, string) {
	t.Helper()
	src := []byte("top {\n" + text + "\n}\n")
	body, diags := Parse("x.hcl", src, "")
	if diags.HasErrors() {
		t.Fatal(AsError(diags, nil))
	}
	s := testScope()
	s.Sources = map[string][]byte{"x.hcl": src}
	known, diags := Decode(body.Blocks[0], s, into)
	if err := AsError(diags, s.Sources); err != nil {
		return known, err.Error()
	}
	return known, ""
}

func TestDecodeEveryType(t *testing.T) {
	var got everything
	known, failed := decodeText(t, `
	s = "x"
	b = true
	pb = false
	i = 3
	i64 = -4
	f = 1.5
	d = "90s"
	list = ["a", "b"]
	m = { a = 14, b = true, c = "x", d = 1.5, "e-f" = 200 }
	a = [1, 1.5, "x", true, null, { k = [] }]
	ma = { n = 2 }
	lm = [{ name = "a", readOnly = true }]
	e = nothing.evaluated
	blk "one" { x = 1 }
	blk "two" { x = 2 }`, &got)
	no := false
	want := everything{S: "x", B: true, PB: &no, I: 3, I64: -4, F: 1.5, D: length(90 * time.Second), List: []string{"a", "b"},
		M:   map[string]string{"a": "14", "b": "true", "c": "x", "d": "1.5", "e-f": "200"},
		A:   []any{int64(1), 1.5, "x", true, nil, map[string]any{"k": []any{}}},
		MA:  map[string]any{"n": int64(2)},
		LM:  []map[string]any{{"name": "a", "readOnly": true}},
		Blk: []inner{{"one", 1}, {"two", 2}}}
	if got.E == nil {
		t.Error("the expression was not kept")
	}
	got.E = nil
	if !known || failed != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %s\n%#v\n%#v", known, failed, got, want)
	}
}

// TestDecodeUnknown: what is not known yet stays zero, and is still judged by its type.
func TestDecodeUnknown(t *testing.T) {
	var got everything
	known, failed := decodeText(t, `
	s = "a${unknown.text}"
	list = ["a", unknown.text]
	m = { a = unknown.text }
	a = unknown.any
	lm = unknown.any
	i = unknown.any`, &got)
	if known || failed != "" || !reflect.DeepEqual(got, everything{}) {
		t.Errorf("%v %s %#v", known, failed, got)
	}
	if _, failed := decodeText(t, `i = unknown.text`, &got); !strings.Contains(failed, "i must be a number, not text") {
		t.Error(failed)
	}
}

func TestCheckType(t *testing.T) {
	if err := CheckType(reflect.TypeFor[everything]()); err != nil {
		t.Error(err)
	}
	type hidden struct {
		x string `hcl:"x"`
	}
	for want, ty := range map[string]reflect.Type{
		"not exported": reflect.TypeFor[hidden](),
		"not a struct": reflect.TypeFor[int](),
		"cannot name an attribute": reflect.TypeFor[struct {
			X string `hcl:"1x"`
		}](),
		"there is no tag": reflect.TypeFor[struct {
			X string `hcl:"x,maybe"`
		}](),
		"a label is a string": reflect.TypeFor[struct {
			X int `hcl:"x,label"`
		}](),
		"cannot be filled": reflect.TypeFor[struct {
			X chan int `hcl:"x"`
		}](),
		"int is not a struct": reflect.TypeFor[struct {
			X []int `hcl:"x,block"`
		}](),
	} {
		if err := CheckType(ty); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", ty, err, want)
		}
	}
	_ = hidden{x: ""}
}

func TestGoValues(t *testing.T) {
	want := map[string]any{"s": "x", "n": int64(1), "f": 1.5, "b": true, "z": nil, "l": []any{"a", int64(2)}, "m": map[string]any{}}
	got := ToGo(FromGo(want))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%#v", got)
	}
	huge, _ := ParseExpression("x", []byte("1e999"))
	v, _ := (&Scope{}).Value(huge)
	if _, err := json.Marshal(ToGo(v)); err != nil {
		t.Errorf("what was decoded cannot be journaled: %v", err)
	}
	if FromGo(make(chan int)).Type() != cty.DynamicPseudoType || ToGo(cty.UnknownVal(cty.String)) != nil {
		t.Error("what has no value is not null")
	}
}

func TestLongMessages(t *testing.T) {
	rng := hcl.Range{Filename: "x.hcl", Start: hcl.InitialPos, End: hcl.Pos{Line: 1, Column: 2, Byte: 1}}
	err := AsError(Here(rng, "one\n  two\x1b", "three\nfour"), map[string][]byte{"x.hcl": []byte("abc")})
	want := "x.hcl:1:1: one\n   1 | abc\n     | ^\n    two\\u{1b}\n  three\n  four"
	if err.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", err, want)
	}
}

func TestErrorsAreOrdered(t *testing.T) {
	at := func(file string, b int) hcl.Range {
		return hcl.Range{Filename: file, Start: hcl.Pos{Line: 1, Column: b, Byte: b}}
	}
	warn := Diag(at("a", 0), "warning", "")
	warn.Severity = hcl.DiagWarning
	err := AsError(hcl.Diagnostics{Diag(at("b", 1), "3", ""), Diag(at("a", 2), "2", ""), Diag(at("a", 2), "2", ""), Diag(at("a", 1), "1", ""), warn}, nil)
	if got := err.Error(); got != "a:1:1: 1\n\na:1:2: 2\n\nb:1:1: 3" {
		t.Errorf("%q", got)
	}
	if AsError(hcl.Diagnostics{warn}, nil) != nil {
		t.Error("a warning is no error")
	}
	var many hcl.Diagnostics
	for i := range 25 {
		many = append(many, Diag(at("a", i), "x", ""))
	}
	if got := AsError(many, nil).Error(); !strings.HasSuffix(got, "and 5 more") {
		t.Error(got)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"", "a = 1", "a \"b\" {\n c = \"${d}\"\n}", "a = <<E\n${x}\nE\n", "a = ((((", "a = !!!x", "x = [for a in b : a if c]", "\xef\xbb\xbf", "%{if x}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		body, diags := Parse("x.hcl", src, "")
		if err := AsError(diags, map[string][]byte{"x.hcl": src}); err != nil {
			_ = err.Error()
			return
		}
		s := testScope()
		for _, a := range body.Attributes {
			_, diags := s.Value(a.Expr)
			if err := AsError(diags, map[string][]byte{"x.hcl": src}); err != nil {
				_ = err.Error()
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`s = "x"`, `m = { a = 1 }`, `blk "x" { x = 1 }`, `lm = [{}]`, `d = 3`, `a = unknown.any`, `i = 1e99`, `blk {}`, `list = toset(["a"])`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		src := []byte("top {\n" + string(text) + "\n}\n")
		body, diags := Parse("x.hcl", src, "")
		if diags.HasErrors() || len(body.Blocks) == 0 {
			return
		}
		s := testScope()
		s.Sources = map[string][]byte{"x.hcl": src}
		var e everything
		known, diags := Decode(body.Blocks[0], s, &e)
		if err := AsError(diags, s.Sources); err != nil {
			_ = err.Error()
			return
		}
		if e.E = nil; known {
			if _, err := json.Marshal(e); err != nil {
				t.Error(err)
			}
		}
	})
}
