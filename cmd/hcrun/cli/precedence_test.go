package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/inventory"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/tasks"
)

// documented are the two lists of levels that a text has, the strongest first, by their first word.
func documented(t *testing.T, text string) (vars, nodeVars []string) {
	t.Helper()
	var lists [][]string
	for _, m := range regexp.MustCompile("(?m)^ *(\\d)\\. `?(\\S+?)[` ]").FindAllStringSubmatch(text, -1) {
		if m[1] == "1" {
			lists = append(lists, nil)
		}
		last := len(lists) - 1
		if m[1] != fmt.Sprint(len(lists[last])+1) {
			t.Fatalf("%s is not the next of %q", m[0], lists[last])
		}
		lists[last] = append(lists[last], m[2])
	}
	if len(lists) != 2 || len(lists[0]) != 4 || len(lists[1]) != 3 {
		t.Fatalf("%q", lists)
	}
	return lists[0], lists[1]
}

// levels are the documented levels; the help and the document have to agree.
func levels(t *testing.T) (vars, nodeVars []string) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(repo(t), "docs", "precedence.md"))
	if err != nil {
		t.Fatal(err)
	}
	vars, nodeVars = documented(t, string(doc))
	helpVars, helpNodeVars := documented(t, precedence)
	if !slices.Equal(vars, helpVars) || !slices.Equal(nodeVars, helpNodeVars) {
		t.Errorf("the document says %q and %q, the help %q and %q", vars, nodeVars, helpVars, helpNodeVars)
	}
	return vars, nodeVars
}

// subsets are all choices of the levels but none, each in the documented order.
func subsets(all []string) [][]string {
	var sets [][]string
	for bits := 1; bits < 1<<len(all); bits++ {
		var set []string
		for i, name := range all {
			if bits&(1<<i) != 0 {
				set = append(set, name)
			}
		}
		sets = append(sets, set)
	}
	return sets
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPrecedenceOfVariables gives a variable a value on every choice of levels: the first that is documented
// counts, and explain lists the others behind it.
func TestPrecedenceOfVariables(t *testing.T) {
	all, _ := levels(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "p.hcl")
	writeFile(t, filepath.Join(dir, "a.hcl"), "x = \"an earlier file\"\n")
	writeFile(t, filepath.Join(dir, "b.hcl"), "x = \"--var-file\"\n")
	for _, set := range subsets(all) {
		o := playbooks.Options{Kinds: tasks.All()}
		byDefault := ""
		var want []string
		for _, level := range set {
			want = append(want, level)
			switch level {
			case "-e":
				o.Vars, want = []string{"x=an earlier argument", "x=-e"}, append(want, "an earlier argument")
			case "--var-file":
				o.VarFiles, want = []string{filepath.Join(dir, "a.hcl"), filepath.Join(dir, "b.hcl")}, append(want, "an earlier file")
			case "HCRUN_VAR_NAME":
				o.Env = func(name string) (string, bool) { return "HCRUN_VAR_NAME", name == "HCRUN_VAR_x" }
			case "default":
				byDefault = "default = \"default\""
			default:
				t.Fatalf("there is no level %q", level)
			}
		}
		writeFile(t, path, "playbook \"p\" { hosts = \"all\" }\nvariable \"x\" {\n"+byDefault+"\n}\ntask \"touch\" \"x\" {\n  path = \"/etc/x\"\n  mode = \"0600\"\n}\n")
		file, err := playbooks.Load(path, o)
		if err != nil {
			t.Fatal(err)
		}
		why, ok := file.WhyVar("x")
		var got []string
		for _, origin := range why.Origins {
			got = append(got, strings.Trim(origin.Value.Text, `"`))
		}
		if !ok || !slices.Equal(got, want) || why.Value.Text != fmt.Sprintf("%q", set[0]) {
			t.Errorf("%q: the value is %s, of %q; want %q", set, why.Value.Text, got, want)
		}
	}
}

// TestPrecedenceOfNodeVariables does the same for the inventory.
func TestPrecedenceOfNodeVariables(t *testing.T) {
	_, all := levels(t)
	path := filepath.Join(t.TempDir(), "hosts.hcl")
	none := func(string) (string, bool) { return "", false }
	for _, set := range subsets(all) {
		text := map[string]string{}
		for _, level := range set {
			text[level] = fmt.Sprintf("vars = { x = %q, y = \"all alike\" }", level)
		}
		writeFile(t, path, fmt.Sprintf("defaults {\n%s\n}\nhost \"h\" {\naddress = \"h\"\n%s\n}\nhost \"other\" {\n  address = \"o\"\n  vars = { x = 1 }\n}\ngroup \"g\" {\nhosts = [\"h\"]\n%s\n}\ngroup \"o\" {\n  hosts = [\"other\"]\n  vars = { z = 1 }\n}\n",
			text["defaults"], text["host"], text["group"]))
		inv, err := inventory.Load(path, none)
		if err != nil {
			t.Fatal(err)
		}
		h, _ := inv.Host("h")
		origins, err := inv.Origins("h", none)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range origins["x"] {
			got = append(got, fmt.Sprint(o.Value))
			if from, _, _ := strings.Cut(o.From, " "); from != o.Value || !strings.HasPrefix(o.At, path+":") {
				t.Errorf("%v is from %s, %s", o.Value, o.From, o.At)
			}
		}
		if !slices.Equal(got, set) || h.Vars["x"] != set[0] || len(origins["y"]) != len(set) || origins["z"] != nil {
			t.Errorf("%q: the value is %v, of %q", set, h.Vars["x"], got)
		}
	}
}
