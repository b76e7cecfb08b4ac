package splice

import (
	"strings"
	"testing"
)

// set, put and friends keep the tables short.
func set(t testing.TB, at string, v any) Op {
	t.Helper()
	n, err := Normal(v)
	if err != nil {
		t.Fatal(err)
	}
	return Set{must(t, at), n}
}

func put(t testing.TB, at, keys string, item map[string]any) Put {
	t.Helper()
	n, err := Normal(item)
	if err != nil {
		t.Fatal(err)
	}
	return Put{List: must(t, at), Keys: strings.Split(keys, ","), Item: n.(map[string]any)}
}

func flags(t testing.TB, at string, words ...string) Op {
	t.Helper()
	o := SetFlags{At: must(t, at)}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		o.Flags = append(o.Flags, Flag{name, value})
	}
	return o
}

func replace(o Put) Put { o.Replace = true; return o }

func exclusive(o Put) Put { o.Exclusive = true; return o }

func TestEdits(t *testing.T) {
	m := func(kv ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i].(string)] = kv[i+1]
		}
		return out
	}
	rm := func(at string) Op { return Remove{must(t, at)} }
	unflag := func(at, name string) Op { return RemoveFlag{must(t, at), name} }
	for _, c := range []struct {
		name, before, after string
		op                  Op
	}{
		{"scalar keeps double quotes", "a: \"x\" # c\n", "a: \"y\" # c\n", set(t, "a", "y")},
		{"scalar keeps single quotes", "a: 'x'\n", "a: 'it''s'\n", set(t, "a", "it's")},
		{"control characters need double quotes", "a: 'x'\n", "a: \"b\\nc\\t\\u0007\"\n", set(t, "a", "b\nc\t\a")},
		{"plain where safe", "a: x\n", "a: y z\n", set(t, "a", "y z")},
		{"quoted where misread", "a: x\n", "a: \"yes\"\n", set(t, "a", "yes")},
		{"number over text", "a: 'x'\n", "a: 5\n", set(t, "a", 5)},
		{"null", "a: x\n", "a: null\n", set(t, "a", nil)},
		{"empty value gets one", "a: # c\nb: 1\n", "a: x # c\nb: 1\n", set(t, "a", "x")},
		{"a bare key at the end", "a:", "a: x", set(t, "a", "x")},
		{"new key at the end", "a: 1\n# end\n", "a: 1\nb: 2\n# end\n", set(t, "b", 2)},
		{"new key without final newline", "a: 1", "a: 1\nb: 2", set(t, "b", 2)},
		{"new key CRLF without final newline", "a: 1\r\nc: 1", "a: 1\r\nc: 1\r\nb: 2", set(t, "b", 2)},
		{"mappings on the way", "a: 1\n", "a: 1\nb:\n  c:\n    d: x\n", set(t, "b.c.d", "x")},
		{"mappings on the way, file's indentation", "a:\n    x: 1\n", "a:\n    x: 1\nb:\n    c:\n        d: x\n", set(t, "b.c.d", "x")},
		{"quoted key", "a: 1\n", "a: 1\nm:\n  \"yes\": x\n", set(t, "m.yes", "x")},
		{"key with dots", "metadata:\n  annotations:\n    a: b\nspec: {}\n", "metadata:\n  annotations:\n    a: b\n    x.io/y: \"1\"\nspec: {}\n", set(t, `metadata.annotations["x.io/y"]`, "1")},
		{"empty map filled", "a: {} # none\nb: 1\n", "a: # none\n  c: 1\nb: 1\n", set(t, "a.c", 1)},
		{"empty list filled", "a: []\nb: 1\n", "a:\n- x\n- \"y\"\nb: 1\n", set(t, "a", []any{"x", "y"})},
		{"null list filled", "s:\n  a: ~\n  b:\n    - 1\n", "s:\n  a:\n    - x\n  b:\n    - 1\n", set(t, "s.a", []any{"x"})},
		{"missing list in the style of the file", "s:\n    b:\n      -   x: 1\n", "s:\n    b:\n      -   x: 1\n    c:\n      -   name: v\n          p: q\n", put(t, "s.c", "name", m("name", "v", "p", "q"))},
		{"list replaced", "a:\n- 1\n- 2\nb: 1\n", "a:\n- 3\nb: 1\n", set(t, "a", []any{3})},
		{"list replaced at the end", "a:\n- 1\n- 2", "a:\n- 3", set(t, "a", []any{3})},
		{"list emptied", "a:\n- 1\n- 2", "a: []", set(t, "a", []any{})},
		{"flow list replaced", "a: [1, 2] # c\nb: 1\n", "a: # c\n- 3\nb: 1\n", set(t, "a", []any{3})},
		{"scalar becomes map", "a: 1 # c\nb: 1\n", "a: # c\n  x: 1\nb: 1\n", set(t, "a", m("x", 1))},
		{"map becomes scalar", "a:\n  x: 1\nb: 1\n", "a: 1\nb: 1\n", set(t, "a", 1)},
		{"map merged", "a:\n  x: 1\n  k:\n    z: 1\nb: 1\n", "a:\n  x: 2\n  k:\n    z: 1\n    w: 3\n  q: 4\nb: 1\n", set(t, "a", m("x", 2, "k", m("w", 3), "q", 4))},
		{"nested lists", "a: 1\n", "a: 1\nb:\n- - 1\n  - k: []\n    x: 1\n- {}\n", set(t, "b", []any{[]any{1, m("x", 1, "k", []any{})}, m()})},
		{"block scalar stays last", "a: 1\nb: |\n  # not a comment\n  x\n", "a: 1\nc: 2\nb: |\n  # not a comment\n  x\n", set(t, "c", 2)},
		{"item of a list by number", "a:\n- x\n- w\n", "a:\n- x\n- z\n", set(t, "a[1]", "z")},
		{"number as key value", "p:\n- port: 1\n  x: a\n- port: 2\n  x: b\n", "p:\n- port: 1\n  x: a\n- port: 2\n  x: c\n", set(t, "p[port=2].x", "c")},
		{"two fields as key", "p:\n- name: a\n  at: /1\n- name: a\n  at: /2\n", "p:\n- name: a\n  at: /1\n- name: a\n  at: /2\n  ro: true\n", put(t, "p", "name,at", m("name", "a", "at", "/2", "ro", true))},
		{"order of the neighbours", "v:\n- name: a\n  z: 1\n  b: 2\n", "v:\n- name: a\n  z: 1\n  b: 2\n- name: k\n  z: 1\n  b: 2\n  c: 3\n", put(t, "v", "name", m("name", "k", "b", 2, "c", 3, "z", 1))},
		{"item replaced", "v:\n- name: a\n  emptyDir: {}\n- name: b\n", "v:\n- name: a\n  hostPath:\n    path: /x\n- name: b\n", replace(put(t, "v", "name", m("name", "a", "hostPath", m("path", "/x"))))},
		{"item with its dash on key replaced", "v:\n- emptyDir: {}\n  name: a\n", "v:\n- name: a\n  hostPath:\n    path: /x\n", replace(put(t, "v", "name", m("name", "a", "hostPath", m("path", "/x"))))},
		{"exclusive, same source", "v:\n- name: a\n  hostPath: {}\n", "v:\n- name: a\n  hostPath:\n    path: /x\n", exclusive(put(t, "v", "name", m("name", "a", "hostPath", m("path", "/x"))))},
		{"key removed", "a: 1\n# of b\nb: # c\n  x: 1\n\n# of c\nc: 1\n", "a: 1\n# of b\n\n# of c\nc: 1\n", rm("b")},
		{"last key removed without final newline", "a: 1\nb: 2", "a: 1", rm("b")},
		{"first key of an item removed", "l:\n- a: 1 # c\n  b: 2\n", "l:\n- b: 2\n", rm("l[0].a")},
		{"only key removed", "a:\n  b: 1\nc: 1\n", "a: {}\nc: 1\n", rm("a.b")},
		{"only item removed", "a:\n  - b: 1\n    c: 2\nc: 1\n", "a: []\nc: 1\n", rm("a[b=1]")},
		{"item removed", "a:\n- k: 1\n# of 2\n- k: 2\n  # in 2\n  b: 1\n# of 3\n- k: 3\n", "a:\n- k: 1\n# of 2\n# of 3\n- k: 3\n", rm("a[k=2]")},
		{"absent key removed", "a: 1\n", "a: 1\n", rm("b")},
		{"below an absent key removed", "a: 1\n", "a: 1\n", rm("b.c.d")},
		{"absent item removed", "a: []\n", "a: []\n", rm("a[name=x]")},
		{"flag changed in its quotes", "c:\n  command:\n  - k\n  - \"--a=1\" # x\n  - '--b=1'\n", "c:\n  command:\n  - k\n  - \"--a=2\" # x\n  - '--b=2'\n", flags(t, "c.command", "a=2", "b=2")},
		{"flag that needs quotes", "c:\n  command:\n  - k\n", "c:\n  command:\n  - k\n  - \"--a=x: y #\"\n  - --b=\n", flags(t, "c.command", "a=x: y #", "b=")},
		{"bare flag is true", "c:\n  command:\n  - k\n  - --a\n  - --b=1\n", "c:\n  command:\n  - k\n  - --a\n  - --b=1\n", flags(t, "c.command", "a=true")},
		{"bare flag changed", "c:\n  command:\n  - k\n  - --a\n  - --b=1\n", "c:\n  command:\n  - k\n  - --a=false\n  - --b=1\n", flags(t, "c.command", "a=false")},
		{"flag of a longer name is another", "c:\n  command:\n  - k\n  - --ab=1\n", "c:\n  command:\n  - k\n  - --ab=1\n  - --a=1\n", flags(t, "c.command", "a=1")},
		{"container: where the flag is", "c:\n  command:\n  - k\n  args:\n  - --a=1\n", "c:\n  command:\n  - k\n  - --b=2\n  args:\n  - --a=2\n", flags(t, "c", "a=2", "b=2")},
		{"args are made", "c:\n  command:\n  - k\n", "c:\n  command:\n  - k\n  args:\n  - --b=2\n", flags(t, "c.args", "b=2")},
		{"same flag twice with one value", "c:\n  command:\n  - k\n  - --a=1\n  - --a=1\n", "c:\n  command:\n  - k\n  - --a=2\n  - --a=2\n", flags(t, "c.command", "a=2")},
		{"flag removed", "c:\n  command:\n  - k\n  - --a=1\n  - --b=1\n", "c:\n  command:\n  - k\n  - --b=1\n", unflag("c.command", "a")},
		{"flag twice removed", "c:\n  command:\n  - k\n  - --a=1\n  - --b\n  - --a=1\n", "c:\n  command:\n  - k\n  - --b\n", unflag("c", "a")},
		{"only flag removed", "c:\n  args: # x\n  - --a=1\n", "c:\n  args: [] # x\n", unflag("c.args", "a")},
		{"wide characters before the value", "é: {}\nb: \"ü\" # ö\nc: x\n", "é: {}\nb: \"ä\" # ö\nc: x\n", set(t, "b", "ä")},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Apply([]byte(c.before), c.op)
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != c.after {
				t.Fatalf("got\n%s\nwant\n%s", out, c.after)
			}
			if again, err := Apply(out, c.op); err != nil || string(again) != c.after {
				t.Errorf("a second application: %v\n%s", err, again)
			}
		})
	}
}

func TestWritten(t *testing.T) {
	for in, want := range map[string]string{
		"x": "x", "": `""`, " x": `" x"`, "x ": `"x "`, "a: b": `"a: b"`, "a #b": `"a #b"`, "a:": `"a:"`, "a#b": "a#b", "a:b": "a:b",
		"yes": `"yes"`, "No": `"No"`, "y": `"y"`, "on": `"on"`, "OFF": `"OFF"`, "true": `"true"`, "null": `"null"`, "~": `"~"`, "Null": `"Null"`,
		"0755": `"0755"`, "1e3": `"1e3"`, "12:30": `"12:30"`, "1_000": `"1_000"`, "0x1f": `"0x1f"`, ".5": `".5"`, "-1": `"-1"`, "1.": `"1."`, ".inf": `".inf"`, "2001-01-01": `"2001-01-01"`,
		"10.0.0.1": "10.0.0.1", "v1.34.4": "v1.34.4", "dead5": "dead5", "250m": "250m", "10.96.0.0/12": "10.96.0.0/12", "127.0.0.1:2379": "127.0.0.1:2379",
		"- x": `"- x"`, "-x": "-x", "--a=b": "--a=b", "*x": `"*x"`, "&x": `"&x"`, "!x": `"!x"`, "%x": `"%x"`, "@x": `"@x"`, "`x": "\"`x\"", "|": `"|"`, ">": `">"`,
		"{x": `"{x"`, "[x": `"[x"`, "a,b": "a,b", "#x": `"#x"`, "?": `"?"`, "? x": `"? x"`, "=": `"="`, "<<": `"<<"`, "'x'": `"'x'"`, `"x"`: `"\"x\""`, `a\b`: `a\b`,
		"a\nb": `"a\nb"`, "\u0085": `"\u0085"`, "\u2028": `"\u2028"`, "\ufeff": `"\ufeff"`, "\x7f": `"\u007f"`, "é": `"é"`, "😀": `"😀"`, "---": `"---"`, "...": `"..."`,
	} {
		if got := written(in, 0); got != want {
			t.Errorf("%q is written %s, want %s", in, got, want)
		}
		out, err := Apply([]byte("a: 1\n"), set(t, "b", in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if obj, err := decode(out); err != nil || obj["b"] != in {
			t.Errorf("%q comes back as %v (%v)", in, obj["b"], err)
		}
	}
}
