package lang

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func testScope() *Scope {
	files := fstest.MapFS{
		"a.txt":         {Data: []byte("hello")},
		"t.tmpl":        {Data: []byte("%{ for n in names ~}\n${upper(n)}\n%{ endfor ~}")},
		"bad.tmpl":      {Data: []byte("x\n${nope}")},
		"deep.tmpl":     {Data: []byte(strings.Repeat("${\"", 70))},
		"bin":           {Data: []byte{0xff}},
		"tree/one.conf": {Data: []byte("1")},
		"tree/d/two.md": {Data: []byte("2")},
	}
	fs := Functions(func(name string) (string, bool) {
		v, ok := map[string]string{"SET": "x", "EMPTY": ""}[name]
		return v, ok
	})
	maps.Copy(fs, FileFunctions(files, fs, NewBudget()))
	return &Scope{Functions: fs, Values: map[string]cty.Value{
		"unknown": cty.ObjectVal(map[string]cty.Value{"text": cty.UnknownVal(cty.String), "any": cty.DynamicVal}),
	}}
}

// worked has at least one call of every function: expression, and the same value written out.
var worked = [][2]string{
	{`abs(-2)`, `2`}, {`ceil(1.2)`, `2`}, {`floor(1.8)`, `1`}, {`log(8, 2)`, `3`}, {`max(1, 3, 2)`, `3`}, {`min(3, 1)`, `1`},
	{`parseint("0600", 8)`, `384`}, {`pow(2, 10)`, `1024`}, {`signum(-5)`, `-1`}, {`sum([1, 2.5])`, `3.5`}, {`sum([])`, `0`},
	{`chomp("a\n")`, `"a"`}, {`endswith("a.b", ".b")`, `true`}, {`format("%s-%03d", "n", 7)`, `"n-007"`},
	{`formatlist("%s.x", ["a", "b"])`, `tolist(["a.x", "b.x"])`}, {`indent(2, "a\nb")`, `"a\n  b"`}, {`join(",", ["a", "b"])`, `"a,b"`},
	{`lower("AB")`, `"ab"`}, {`regex("[0-9]+", "a12b")`, `"12"`}, {`regexall("[0-9]", "a1b2")`, `tolist(["1", "2"])`},
	{`replace("aXbX", "X", "-")`, `"a-b-"`}, {`replace("a1b2", "/[0-9]/", "")`, `"ab"`}, {`split(",", "a,b")`, `tolist(["a", "b"])`},
	{`startswith("ab", "a")`, `true`}, {`strcontains("abc", "b")`, `true`}, {`strlen("äb")`, `2`}, {`strrev("ab")`, `"ba"`}, {`substr("abc", 1, 1)`, `"b"`},
	{`title("ab cd")`, `"Ab Cd"`}, {`trim("xax", "x")`, `"a"`}, {`trimprefix("ab", "a")`, `"b"`}, {`trimspace(" a ")`, `"a"`}, {`trimsuffix("ab", "b")`, `"a"`},
	{`upper("a")`, `"A"`}, {`formatdate("YYYY", "2026-01-02T03:04:05Z")`, `"2026"`}, {`timeadd("2026-01-02T03:04:05Z", "1h")`, `"2026-01-02T04:04:05Z"`},
	{`basename("/a/b")`, `"b"`}, {`dirname("/a/b")`, `"/a"`},
	{`alltrue([true, false])`, `false`}, {`alltrue([])`, `true`}, {`anytrue([false, true])`, `true`}, {`anytrue([])`, `false`},
	{`chunklist(["a", "b", "c"], 2)`, `tolist([tolist(["a", "b"]), tolist(["c"])])`}, {`coalesce("", "a")`, `""`}, {`coalesce(null, "a")`, `"a"`},
	{`coalescelist([], ["a"])`, `["a"]`}, {`compact(["a", "", "b"])`, `tolist(["a", "b"])`}, {`concat(["a"], ["b"])`, `["a", "b"]`},
	{`contains(["a"], "a")`, `true`}, {`distinct(["a", "a"])`, `tolist(["a"])`}, {`element(["a", "b"], 3)`, `"b"`}, {`flatten([["a"], ["b"]])`, `["a", "b"]`},
	{`index(["a", "b"], "b")`, `1`}, {`keys({ b = 1, a = 2 })`, `["a", "b"]`}, {`length([1, 2])`, `2`}, {`length("äb")`, `2`}, {`length({ a = 1 })`, `1`},
	{`lookup({ a = 1 }, "a", 2)`, `1`}, {`lookup({ a = 1 }, "b", "x")`, `"x"`}, {`merge({ a = 1 }, { b = 2 })`, `{ a = 1, b = 2 }`}, {`one(["a"])`, `"a"`}, {`one([])`, `null`},
	{`range(3)`, `tolist([0, 1, 2])`}, {`reverse(["a", "b"])`, `["b", "a"]`}, {`setintersection(["a", "b"], ["b"])`, `toset(["b"])`},
	{`length(setproduct(["a", "b"], ["c", "d"]))`, `4`}, {`setsubtract(["a", "b"], ["b"])`, `toset(["a"])`}, {`setunion(["a"], ["b"])`, `toset(["a", "b"])`},
	{`slice(["a", "b", "c"], 1, 2)`, `["b"]`}, {`sort(["b", "a"])`, `tolist(["a", "b"])`}, {`values({ b = 1, a = 2 })`, `[2, 1]`}, {`zipmap(["a"], [1])`, `{ a = 1 }`},
	{`base64decode("aGk=")`, `"hi"`}, {`base64encode("hi")`, `"aGk="`}, {`base64sha256("")`, `"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="`},
	{`csvdecode("a,b\n1,2")[0].b`, `"2"`}, {`jsondecode("{\"a\":[1,true,null]}")`, `{ a = [1, true, null] }`}, {`jsonencode({ a = [1] })`, `"{\"a\":[1]}"`},
	{`md5("")`, `"d41d8cd98f00b204e9800998ecf8427e"`}, {`sha1("")`, `"da39a3ee5e6b4b0d3255bfef95601890afd80709"`},
	{`sha256("hello")`, `"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"`}, {`strlen(sha512(""))`, `128`}, {`urlencode("a b")`, `"a+b"`},
	{`yamldecode("a: [1, x]")`, `{ a = [1, "x"] }`}, {`yamlencode({ a = [1] })`, `"a:\n- 1\n"`},
	{`tobool("true")`, `true`}, {`tolist(["a"])`, `tolist(["a"])`}, {`tomap({ a = "x" })`, `tomap({ a = "x" })`}, {`tonumber("7")`, `7`}, {`toset(["a", "a"])`, `toset(["a"])`}, {`tostring(7)`, `"7"`},
	{`env("SET")`, `"x"`}, {`env("NOT", "d")`, `"d"`}, {`env("EMPTY", "d")`, `"d"`}, {`env("NOT", "")`, `""`}, {`try(jsondecode("{"), "x")`, `"x"`}, {`can(jsondecode("{"))`, `false`},
	{`file("a.txt")`, `"hello"`}, {`file("./a.txt")`, `"hello"`}, {`filebase64("bin")`, `"/w=="`}, {`filesha256("a.txt")`, `sha256("hello")`}, {`strlen(filesha512("a.txt"))`, `128`},
	{`fileexists("a.txt")`, `true`}, {`fileexists("nope")`, `false`}, {`fileexists("tree")`, `false`}, {`fileset("tree", "*.conf")`, `toset(["one.conf"])`},
	{`fileset("tree", "**")`, `toset(["one.conf", "d/two.md"])`}, {`fileset(".", "tree/**/*.md")`, `toset(["tree/d/two.md"])`}, {`length(fileset("tree", "*.none"))`, `0`},
	{`fileset("tree/**")`, `toset(["tree/one.conf", "tree/d/two.md"])`}, {`fileset("a.txt")`, `toset(["a.txt"])`}, {`fileset("tree", "d/*")`, `toset(["d/two.md"])`}, {`fileset("./tree/*")`, `toset(["tree/one.conf"])`},
	{`templatefile("t.tmpl", { names = ["a", "b"] })`, `"A\nB\n"`},
}

func value(t *testing.T, s *Scope, text string) (cty.Value, string) {
	t.Helper()
	expr, diags := ParseExpression("test", []byte(text))
	if !diags.HasErrors() {
		var v cty.Value
		if v, diags = s.Value(expr); !diags.HasErrors() {
			return v, ""
		}
	}
	summary, detail := plain(diags[0])
	return cty.DynamicVal, strings.TrimSpace(summary + " " + detail)
}

func TestFunctionsWork(t *testing.T) {
	s := testScope()
	called := map[string]bool{}
	for _, c := range worked {
		got, failed := value(t, s, c[0])
		want, _ := value(t, s, c[1])
		if failed != "" || !got.RawEquals(want) && !(got.IsNull() && want.IsNull()) {
			t.Errorf("%s = %#v %s; want %#v", c[0], got, failed, want)
		}
		expr, _ := ParseExpression("test", []byte(c[0]))
		_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
			if call, ok := n.(*hclsyntax.FunctionCallExpr); ok {
				called[call.Name] = true
			}
			return nil
		})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Functions)) {
		if !called[name] {
			t.Errorf("%s() is never called here", name)
		}
	}
}

func TestFunctionsRefuse(t *testing.T) {
	s := testScope()
	for expr, want := range map[string]string{
		`env("NOT")`:                    "NOT is not set",
		`env("EMPTY")`:                  "EMPTY is empty",
		`env("A", "b", "c")`:            "at most one default",
		`sum(["x"])`:                    "a number is required",
		`sum([null])`:                   "null",
		`alltrue("x")`:                  "list of bool required",
		`length(3)`:                     "has no length",
		`index(["a"], "b")`:             "not in the list",
		`index("a", "b")`:               "not a list",
		`lookup({ a = 1 }, "b")`:        `there is no "b" in the map (it has: a)`,
		`lookup({}, "b", 1, 2)`:         "at most one default",
		`lookup([], "b")`:               "not a map",
		`one(["a", "b"])`:               "2 elements",
		`one("a")`:                      "not a list",
		`base64decode("%")`:             "not base64",
		`base64decode("/w==")`:          "not UTF-8",
		`replace("a", "/(/", "")`:       "not a regular expression",
		`jsondecode("{")`:               "not JSON",
		`yamldecode("a: [")`:            "not YAML",
		`yamldecode("a: 1\na: 2")`:      "not YAML",
		`format("%99999d", 1)`:          "at most 999",
		`formatlist("%99999d", [1])`:    "at most 999",
		`file("nope")`:                  `no file "nope"`,
		`file("bin")`:                   "not UTF-8",
		`filesha256("nope")`:            `no file "nope"`,
		`fileset("nope", "*")`:          "no file",
		`fileset("a", "b", "c")`:        "takes a pattern, or",
		`fileset("tree", "[")`:          "not a pattern",
		`templatefile("nope", {})`:      `no file "nope"`,
		`templatefile("bad.tmpl", {})`:  `bad.tmpl:2:3: "nope" is not known here`,
		`templatefile("deep.tmpl", {})`: "nested more than",
		`templatefile("t.tmpl", "x")`:   "{ name = value }",
		`timestamp()`:                   "asks the clock",
		`uuid()`:                        "randomness",
		`lowr("x")`:                     `did you mean "lower"?`,
		`var.x`:                         "known here",
		`unknown.txt`:                   "did you mean unknown.text?",
	} {
		if _, got := value(t, s, expr); !strings.Contains(got, want) {
			t.Errorf("%s: %q; want %q", expr, got, want)
		}
	}
}

// TestFunctionsBounded: what would take the process along is refused before anything recurses.
func TestFunctionsBounded(t *testing.T) {
	for name, decode := range map[string]func(string) (cty.Value, error){"json": jsonDecode, "yaml": yamlDecode} {
		for _, text := range []string{strings.Repeat("[", 300000), strings.Repeat("{\"a\":", 100000), strings.Repeat("- ", 100000), strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
			if _, err := decode(text); err == nil {
				t.Errorf("%s: %.20s was taken", name, text)
			}
		}
	}
}

func TestFunctionsOfUnknown(t *testing.T) {
	s := testScope()
	for _, expr := range []string{`upper(unknown.text)`, `length(unknown.any)`, `lookup(unknown.any, "a", 1)`, `one(unknown.any)`, `index([unknown.text], "a")`,
		`sum(unknown.any)`, `yamlencode(unknown.any)`, `file(unknown.text)`, `jsondecode(unknown.text)`, `templatefile("t.tmpl", { names = [unknown.text] })`, `env(unknown.text)`} {
		if v, failed := value(t, s, expr); failed != "" || v.IsKnown() {
			t.Errorf("%s = %#v %s", expr, v, failed)
		}
	}
}
