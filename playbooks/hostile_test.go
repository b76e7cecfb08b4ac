package playbooks

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestHostile: a playbook that would never end, or fill the memory, ends with an error and has not made much
// until then.
func TestHostile(t *testing.T) {
	const head = "playbook \"p\" { hosts = \"all\" }\n"
	doubled := func(first, next string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "locals {\n  a0 = %s\n", first)
		for i := range 60 {
			fmt.Fprintf(&b, "  a%d = %s\n", i+1, strings.ReplaceAll(next, "X", fmt.Sprintf("local.a%d", i)))
		}
		return b.String() + "}\n"
	}
	nested := func(depth int, each string) string {
		return strings.Repeat("[for i in range(1000) : ", depth) + each + strings.Repeat("]", depth)
	}
	local := func(expr string) string { return "locals { a = " + expr + " }\n" }
	for name, text := range map[string]string{
		"for in for":           local(nested(5, "i")),
		"for in for in fields": local("{ for a in range(1000) : a => { for b in range(1000) : b => [for c in range(1000) : c] } }"),
		"for with an if":       local("[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c if c < 0]]]"),
		"many ranges":          local("[for i in range(1000) : [" + strings.Repeat("range(1000), ", 1000) + "]]"),
		"calls in for":         local("[for i in range(1000) : sort([for j in range(1000) : \"${i}${j}\"])]"),
		"a hundred locals": local(nested(1, "i")) + "locals {\n" + func() (s string) {
			for i := range 900 {
				s += fmt.Sprintf("  b%d = [for i in local.a : [for j in range(1000) : i]]\n", i)
			}
			return s
		}() + "}\n",
		"in a template":          local("\"%{ for a in range(1000) }%{ for b in range(1000) }%{ for c in range(1000) }x%{ endfor }%{ endfor }%{ endfor }\""),
		"try":                    local("try(" + nested(5, "i") + ", 1)"),
		"can":                    local("can(" + nested(5, "i") + ")"),
		"try in try":             local(strings.Repeat("try(", 50) + "1" + strings.Repeat(")", 50)),
		"text doubled":           doubled(`"0123456789abcdef"`, `"${X}${X}"`),
		"text joined":            doubled(`"0123456789abcdef"`, `join(X, [X, X])`),
		"text replaced":          doubled(`"0123456789abcdef"`, `replace(X, "0", X)`),
		"text matched":           doubled(`"0123456789abcdef"`, `replace(X, "/./", X)`),
		"lists doubled":          doubled("[1]", "concat(X, X)"),
		"lists in lists":         doubled("[1]", "[X, X]"),
		"lists compared":         doubled("[1]", "[X, X]") + "task \"probe\" \"x\" {\n  when = local.a50 == local.a51\n  url = \"x\"\n}\n",
		"a tree in for":          local("[for a in [[1, 1]] : " + strings.Repeat("[for a in [[a, a]] : ", 40) + "a == a" + strings.Repeat("]", 41)),
		"setproduct":             local("setproduct(range(1000), range(1000), range(1000))"),
		"distinct":               local("distinct(flatten([for i in range(300) : [for j in range(300) : i * j]]))"),
		"indent":                 local(`indent(1000000000, "a\nb")`),
		"format":                 local(`[for i in range(1000) : format("` + strings.Repeat("%999d", 100) + `", ` + strings.Repeat("1, ", 99) + `1)]`),
		"regexall":               local(`[for i in range(1000) : regexall("(((.)))", join("", range(1000)))]`),
		"json":                   doubled(`"[1]"`, `jsonencode([X, X])`),
		"a long number":          local(`"x${1e99999999}"`),
		"a long number as a key": local("{ (1e99999999) = 1 }"),
		"a long number in for":   local("{ for a in [1e99999999] : a => a }"),
		"a long number, rest":    local("1e99999999 % 7"),
		"a long number, whole":   local("floor(1e99999999) + ceil(1e-99999999)"),
		"a long number as text":  local("tostring(1e99999999)"),
		"numbers multiplied":     doubled("10", "X * X"),
		"splat":                  local("[for i in range(1000) : range(1000)[*]][*][*]"),
		"blocks in blocks":       "task \"patch\" \"x\" {\n  path = \"x\"\n  judge {}\n" + "  dynamic \"flags\" {\n    for_each = range(1000)\n    labels = [\"x[${flags.key}]\"]\n    content {\n      set = { for i in range(1000) : i => [for j in range(1000) : j] }\n    }\n  }\n}\n",
		"errors in blocks": local(nested(5, "i")) + "task \"patch\" \"x\" {\n  path = \"x\"\n  judge {}\n  dynamic \"flags\" {\n    for_each = range(1000)\n    labels = [nothing]\n    content {\n" + func() (s string) {
			for i := range 2000 {
				s += fmt.Sprintf("      a%d = nothing\n", i)
			}
			return s
		}() + "    }\n  }\n}\n",
		"steps of steps":     "task \"probe\" \"x\" {\n  for_each = [for i in range(1000) : \"n${i}\"]\n  url = \"x\"\n  args = [for i in range(1000) : \"n${i}\"]\n}\n",
		"variables":          "variable \"x\" { default = [for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]] }\n",
		"variables together": "variable \"x\" {\n  type = list(any)\n  default = [for a in range(999) : [for b in range(999) : b]]\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			end := "task \"probe\" \"end\" { url = \"x\" }\n"
			path := write(t, "p.hcl", head+text+end)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(path, Options{Kinds: testKinds()})
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), "this asks for more than") && !strings.Contains(err.Error(), "600 digits") {
				t.Errorf("%.500v", err)
			}
			if made := (after.TotalAlloc - before.TotalAlloc) >> 20; made > 2048 {
				t.Errorf("it took %d MiB", made)
			}
		})
	}
}

// TestHostileTemplates: what a template asks for counts with the rest.
func TestHostileTemplates(t *testing.T) {
	const head = "playbook \"p\" { hosts = \"all\" }\ntask \"probe\" \"x\" {\n  url = "
	for name, c := range map[string]struct{ expr, template, want string }{
		"loops":     {`templatefile("t", {})`, "%{ for a in range(1000) }%{ for b in range(1000) }%{ for c in range(1000) }x%{ endfor }%{ endfor }%{ endfor }", "this asks for more than"},
		"many":      {`join("", [for i in range(1000) : templatefile("t", { i = i })])`, "%{ for a in range(1000) }${a}${i}%{ endfor }", "this asks for more than"},
		"tried":     {`try(templatefile("t", {}), "x")`, "%{ for a in range(1000) }%{ for b in range(1000) }%{ for c in range(1000) }x%{ endfor }%{ endfor }%{ endfor }", "this asks for more than"},
		"deep":      {`templatefile("t", {})`, strings.Repeat("${[", 70), "nested more than 64 deep"},
		"deep ifs":  {`templatefile("t", {})`, strings.Repeat("%{ if true }", 1000), "more than 256 operators"},
		"JSON":      {`jsondecode(file("t"))`, strings.Repeat("[", 100000), "deep"},
		"YAML":      {`yamldecode(file("t"))`, strings.Repeat("[", 100000), "deep"},
		"functions": {`templatefile("t", {})`, `${templatefile("t", {})}`, "there is no function templatefile()"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, "p.hcl", head+c.expr+"\n}\n", "t", c.template), Options{Kinds: testKinds()})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.500v; want %q", err, c.want)
			}
		})
	}
}
