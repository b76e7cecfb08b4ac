package splice

import (
	"errors"
	"strings"
	"testing"
)

func TestRefusals(t *testing.T) {
	s := sample(t)
	with := func(old, fresh string) string {
		t.Helper()
		if !strings.Contains(s, old) {
			t.Fatalf("the sample has no %q", old)
		}
		return strings.Replace(s, old, fresh, 1)
	}
	audit := flagship(t)
	one := func(o ...Op) []Op { return o }
	for _, c := range []struct {
		name, text string
		ops        []Op
		line       int
		why        string
	}{
		{"byte order mark", "\ufeff" + s, audit, 1, "byte order mark"},
		{"UTF-16", "\xff\xfea\x00", audit, 1, "byte order mark"},
		{"not UTF-8", with("priority: 2", "x: \xff\n  priority: 2"), audit, 98, "UTF-8"},
		{"tab as indentation", with("    image:", "\timage:"), audit, 42, "tab"},
		{"tab behind spaces", with("    image:", "  \timage:"), audit, 42, ""},
		{"lone CR", with("v1\n", "v1\r"), audit, 1, "carriage return"},
		{"NEL", with("tier: control-plane", "tier: a\u0085b"), audit, 8, "NEL"},
		{"LS", with("tier: control-plane", "tier: a\u2028b"), audit, 8, "line separator"},
		{"PS", with("tier: control-plane", "tier: a\u2029b"), audit, 8, "paragraph separator"},
		{"NUL", with("tier: control-plane", "tier: a\x00b"), audit, 8, "NUL"},
		{"duplicate key", with("hostNetwork: true", "hostNetwork: true\n  hostNetwork: true"), audit, 98, `"hostNetwork" is there twice; first on line 97`},
		{"duplicate key deep below", with("path: /readyz", "path: /readyz\n        path: /x"), audit, 64, "twice"},
		{"two documents", s + "---\na: 1\n", audit, 125, "more than one document"},
		{"an empty second document", s + "---\n", audit, 125, "more than one document"},
		{"content behind the end", s + "...\na: 1\n", audit, 126, "behind the end"},
		{"directive", "%YAML 1.1\n---\n" + s, audit, 1, "directive"},
		{"empty", "", audit, 1, "empty"},
		{"only a comment", "# x\n", audit, 1, "empty"},
		{"root is a list", "- a\n", audit, 1, "not a mapping"},
		{"root is text", "a\n", audit, 1, "not a mapping"},
		{"root in flow style", "{spec: {volumes: []}}\n", one(set(t, "a", 1)), 1, "flow style"},
		{"not YAML", with("    image:", "   image:"), audit, 42, "not YAML"},
		{"anchor on the list", with("- command:", "- command: &c"), audit, 13, "anchor"},
		{"anchor on a parent", with("spec:", "spec: &s"), audit, 11, "anchor"},
		{"anchor in the list", with("- --secure-port=6443", "- &p --secure-port=6443"), audit, 35, "anchor"},
		{"tag on a parent", with("spec:", "spec: !!map"), audit, 11, "tag"},
		{"merge key", with("spec:\n", "x: &x\n  k: 1\nspec:\n  <<: *x\n"), audit, 14, "merge key"},
		{"command in flow style", "c:\n  command: [k, --a=1]\n", one(flags(t, "c.command", "a=2")), 2, "flow style"},
		{"last item is a block scalar", "c:\n  command:\n  - k\n  - |\n    --x\n", one(flags(t, "c.command", "a=2")), 4, "block scalar"},
		{"last item goes over two lines", "c:\n  command:\n  - k\n  - \"--x=1\n    2\"\n", one(flags(t, "c.command", "a=2")), 4, "several lines"},
		{"plain item over two lines", "c:\n  command:\n  - k\n  - --x=1\n    2\n", one(flags(t, "c.command", "a=2")), 4, "several lines"},
		{"flag twice", with("- --secure-port=6443", "- --secure-port=6443\n    - --secure-port=6444"), one(flags(t, container+".command", "secure-port=6445")), 36, "twice with different values"},
		{"flag in args", with("    image:", "    args:\n    - --a=1\n    image:"), one(flags(t, container+".command", "a=2")), 43, "--a is in spec.containers[name=kube-apiserver].args"},
		{"flag in both", "c:\n  command:\n  - k\n  - --a=1\n  args:\n  - --a=2\n", one(flags(t, "c", "a=2")), 6, "too"},
		{"flag with its value behind it", with("- --secure-port=6443", "- --secure-port\n    - \"6443\""), one(flags(t, container+".command", "secure-port=6445")), 35, "cannot be told"},
		{"shell", "c:\n  command:\n  - /bin/sh\n  - -c\n  - exec k\n", one(flags(t, "c.command", "a=2")), 3, "script"},
		{"end of flags", "c:\n  command:\n  - k\n  - --\n  - x\n", one(flags(t, "c.command", "a=2")), 4, "ends them"},
		{"no such container", s, one(flags(t, "spec.containers[name=apiserver].command", "a=1")), 13, "there is kube-apiserver"},
		{"two containers", with("    name: kube-apiserver\n", "    name: kube-apiserver\n  - name: kube-apiserver\n"), audit, 55, "two items"},
		{"no command", "spec:\n  containers:\n  - name: kube-apiserver\n", audit, 3, "has no command"},
		{"item is no text", "c:\n  command:\n  - k\n  - 5\n", one(flags(t, "c.command", "a=2")), 4, "not text"},
		{"volume with another source", with("  volumes:\n", "  volumes:\n  - name: audit-log\n    emptyDir: {}\n"), audit, 110, `"emptyDir"`},
		{"two volumes", "v:\n- name: a\n- name: a\n", one(put(t, "v", "name", map[string]any{"name": "a"})), 3, "two items"},
		{"bare yes", with("hostNetwork: true", "hostNetwork: yes"), audit, 97, "YAML parsers differ on spec.hostNetwork"},
		{"bare y as a key", with("hostNetwork: true", "hostNetwork: true\n  y: 1"), audit, 98, "quotes"},
		{"large number", with("2000001000", "123456789012345678901"), audit, 98, "2^53"},
		{"2^53+1", with("2000001000", "9007199254740993"), audit, 98, "2^53"},
		{"through a single value", s, one(set(t, "kind.x", 1)), 2, "a single value"},
		{"through a list", s, one(set(t, "spec.containers.x", 1)), 13, "a list"},
		{"item of a map", s, one(set(t, "spec[0]", 1)), 12, "no items"},
		{"item that is not there", s, one(set(t, "spec.volumes[9].name", "x")), 0, "no item 9"},
		{"comment would be lost", "a:\n- 1 # c\nb: 1\n", one(set(t, "a", []any{2})), 2, "comment"},
		{"comment between keys", "l:\n- a: 1\n  # c\n  b: 2\n", one(Remove{must(t, "l[0].a")}), 3, "in the way"},
		{"only key of an item", "l:\n- a: 1\n", one(Remove{must(t, "l[0].a")}), 2, "cannot be left empty"},
		{"item removed by its number", s, one(Remove{must(t, "spec.volumes[0]")}), 1, "by what is in it"},
		{"contradiction", s, one(set(t, "spec.x", 1), set(t, "spec.x", 2)), 0, "contradicts itself"},
		{"too deep", "a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n", one(set(t, "b", 1)), 1, "deeper"},
		{"too large", "a: " + strings.Repeat("x", MaxSize), one(set(t, "b", 1)), 1, "more than"},
		{"alias bomb", bomb(), one(set(t, "b", 1)), 0, "too large"},
		{"alias in itself", "a: &a\n  b: *a\n", one(set(t, "b", 1)), 0, ""},
		{"unusual key", "? a\n: b: 1\n", one(set(t, "a", 5)), 1, "unusual"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Apply([]byte(c.text), c.ops...)
			refusal, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("not refused: %v\n%s", err, out)
			}
			if c.line > 0 && refusal.Line != c.line || !strings.Contains(refusal.Why, c.why) {
				t.Errorf("line %d: %s (%q)\nwant line %d and %q", refusal.Line, refusal.Why, refusal.Source, c.line, c.why)
			}
		})
	}
}

// bomb is a small text that becomes huge when its aliases are followed.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		p, n := string(rune('0'+i-1)), string(rune('0'+i))
		b.WriteString("a" + n + ": &a" + n + " [" + strings.TrimSuffix(strings.Repeat("*a"+p+", ", 10), ", ") + "]\n")
	}
	return b.String()
}

func TestNothingToDoIsTheSameText(t *testing.T) {
	for _, v := range variants(t) {
		out, err := Apply([]byte(v.text), set(t, "kind", "Pod"), flags(t, container, "secure-port=6443"), Remove{must(t, "spec.nothing")})
		if err != nil || string(out) != v.text {
			t.Errorf("%s: %v", v.name, err)
		}
	}
}

func TestJudge(t *testing.T) {
	d, err := parse([]byte("a: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []Op{liar{edits: []edit{{3, 4, "2"}}}, liar{edits: []edit{{3, 4, "1 "}}}, liar{edits: []edit{{0, 5, "b: ["}}}, liar{}, liar{edits: []edit{{4, 4, ""}}}} {
		if _, err := d.run(op); err == nil {
			t.Errorf("%v passes the judge", op)
		}
	}
}

// liar is an operation whose text is not what it says.
type liar struct{ edits []edit }

func (l liar) step(*document) ([]edit, error) { return l.edits, nil }
func (l liar) object(any) (any, error)        { return map[string]any{"a": "3"}, nil }
func (l liar) String() string                 { return "lie" }
