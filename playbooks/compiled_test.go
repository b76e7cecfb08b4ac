package playbooks

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hcrun/hcrun/engine"
)

// motd is a compiled playbook that copies a file; what it says of a node is what of returns.
func motd(of func(Given) string) Compiled {
	return Compiled{
		Name: "motd", Hosts: "all", Vars: map[string]string{"days": "14", "owner": ""},
		Files: fstest.MapFS{"a": {Data: []byte("a")}, "b": {Data: []byte("b")}},
		For: func(g Given) (*engine.Playbook, error) {
			return &engine.Playbook{Steps: []engine.Step{{Name: "motd", Task: &copyTask{Source: "a", Destination: "/etc/" + of(g)}}}}, nil
		},
	}
}

func two() []Node { return []Node{{Name: "m1"}, {Name: "m2"}} }

// made is the playbooks of a compiled one, for two nodes.
func bound(t *testing.T, c Compiled, o Options) map[string]*engine.Playbook {
	t.Helper()
	b, err := c.Bind(o)
	if err != nil {
		t.Fatal(err)
	}
	books, err := b.All(two())
	if err != nil {
		t.Fatal(err)
	}
	return books
}

func TestCompiled(t *testing.T) {
	c := motd(func(g Given) string { return g.Name + g.Vars["days"] + g.Env("ZONE", "here") })
	vars := filepath.Join(t.TempDir(), "vars.hcl")
	if err := os.WriteFile(vars, []byte("days = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		o    Options
		want string
	}{
		"defaults":    {Options{Env: env()}, "/etc/m214here"},
		"-e":          {Options{Env: env(), Vars: []string{"days=7"}, VarFiles: []string{vars}}, "/etc/m27here"},
		"--var-file":  {Options{Env: env(), VarFiles: []string{vars}}, "/etc/m23here"},
		"environment": {Options{Env: env("HCRUN_VAR_days", "9", "ZONE", "there")}, "/etc/m29there"},
	} {
		books := bound(t, c, test.o)
		pb := books["m2"]
		if got := pb.Steps[0].Task.(*copyTask); got.Destination != test.want || got.content != "a" {
			t.Errorf("%s: %+v", name, got)
		}
		if pb.Name != "motd" || pb.Hosts != "all" {
			t.Errorf("%s: %q for %q", name, pb.Name, pb.Hosts)
		}
		keys := slices.Sorted(maps.Keys(pb.Inputs))
		if want := []string{"environment ZONE", "file a", "playbook for m1", "playbook for m2", "variable days", "variable owner"}; !slices.Equal(keys, want) {
			t.Errorf("%s: inputs %q", name, keys)
		}
		if !maps.Equal(pb.Inputs, books["m1"].Inputs) {
			t.Errorf("%s: two nodes of one rollout have other inputs: %v", name, books)
		}
	}
}

// TestCompiledInputs: what changes the playbook changes its inputs, and what does not does not.
func TestCompiledInputs(t *testing.T) {
	is := func(s string) func(Given) string { return func(Given) string { return s } }
	first := bound(t, motd(is("x")), Options{})["m1"].Inputs
	kind := motd(is("x"))
	kind.For = func(Given) (*engine.Playbook, error) {
		return &engine.Playbook{Steps: []engine.Step{{Name: "motd", Task: &otherCopy{copyTask{Source: "a", Destination: "/etc/x"}}}}}, nil
	}
	file := motd(is("x"))
	file.Files = fstest.MapFS{"a": {Data: []byte("other")}}
	for name, c := range map[string]struct {
		c    Compiled
		o    Options
		want []string // inputs that differ
	}{
		"the same":           {motd(is("x")), Options{}, nil},
		"another field":      {motd(is("y")), Options{}, []string{"playbook for m1", "playbook for m2"}},
		"another kind":       {kind, Options{}, []string{"playbook for m1", "playbook for m2"}},
		"for one node":       {motd(func(g Given) string { return strings.Replace(g.Name, "m1", "x", 1) }), Options{}, []string{"playbook for m2"}},
		"another file":       {file, Options{}, []string{"file a"}},
		"a variable, unused": {motd(is("x")), Options{Vars: []string{"owner=me"}}, []string{"variable owner"}},
	} {
		var got []string
		inputs := bound(t, c.c, c.o)["m1"].Inputs
		for _, name := range slices.Sorted(maps.Keys(inputs)) {
			if inputs[name] != first[name] {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, c.want) || len(inputs) != len(first) {
			t.Errorf("%s: %q differ, want %q", name, got, c.want)
		}
	}
}

// otherCopy has copyTask's fields under another kind.
type otherCopy struct{ copyTask }

func (*otherCopy) Kind() string { return "other" }

func (t *otherCopy) Plan(context.Context, engine.Look) ([]engine.Change, error) { return nil, nil }

func TestCompiledRefuses(t *testing.T) {
	makes := func(pb *engine.Playbook, err error) Compiled {
		return Compiled{Name: "p", Hosts: "all", For: func(Given) (*engine.Playbook, error) { return pb, err }}
	}
	step := func(task engine.Task) []engine.Step { return []engine.Step{{Name: "s", Task: task}} }
	for name, test := range map[string]struct {
		c    Compiled
		o    Options
		want string
	}{
		"an unknown variable": {motd(func(Given) string { return "x" }), Options{Vars: []string{"day=1"}}, `did you mean "days"?`},
		"null":                {motd(func(Given) string { return "x" }), Options{VarFiles: []string{write(t, "v.hcl", "days = null\n")}}, "v.hcl:1:8: variable \"days\" is text and cannot be null"},
		"its own error":       {makes(nil, errors.New("no luck")), Options{}, "go:p for m1: no luck"},
		"nothing":             {makes(nil, nil), Options{}, "returned no playbook"},
		"no steps":            {makes(&engine.Playbook{}, nil), Options{}, "no steps"},
		"another name":        {makes(&engine.Playbook{Name: "q"}, nil), Options{}, `calls it "q"`},
		"other hosts":         {makes(&engine.Playbook{Hosts: "one"}, nil), Options{}, `makes one for "one"`},
		"a bad field":         {makes(&engine.Playbook{Steps: step(&copyTask{Source: "a", Destination: "x"})}, nil), Options{}, `copy "s": destination: must be absolute`},
		"no files":            {makes(&engine.Playbook{Steps: step(&copyTask{Source: "a", Destination: "/x"})}, nil), Options{}, "no files are compiled in"},
	} {
		b, err := test.c.Bind(test.o)
		if err == nil {
			_, err = b.All(two())
			if engine.CodeOf(err) != engine.Invalid {
				t.Errorf("%s: code %d", name, engine.CodeOf(err))
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
	}
}
