package playbooks

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

const including1 = `
playbook "p" { hosts = "all" }
variable "days" { default = 3 }
locals { dir = "/var/${node.name}" }
task "copy" "first" {
  source      = "files/motd"
  destination = "${local.dir}/first"
}
include "parts/copy.hcl" {
  vars = { to = local.dir, days = var.days + 1 }
}
gate "probe" "g" {
  on  = "peers"
  url = "https://mine"
}
include "parts/copy.hcl" "again" {
  vars = { to = "/again" }
}
task "probe" "last" { url = "https://last" }
`

const included1 = `
variable "to" { type = string }
variable "days" {
  type    = number
  default = 7
}
locals {
  dir = "${var.to}/${var.days}"
}
task "copy" "motd" {
  for_each    = ["a", "b"]
  source      = "files/motd"
  destination = "${local.dir}/${each.value}"
}
gate "probe" "inner" {
  on  = "self"
  url = "https://${node.name}"
}
include "parts/deep.hcl" "deep" {
  vars = { url = "https://${local.dir}" }
}
`

const deep1 = `
variable "url" {}
task "probe" "ready" { url = var.url }
`

// TestInclude: the steps of a file stand where its include does, with variables and locals of their own.
func TestInclude(t *testing.T) {
	path := write(t, "p.hcl", including1, "parts/copy.hcl", included1, "parts/deep.hcl", deep1, "files/motd", "hi")
	pb, err := load(t, path, Options{Vars: []string{"days=5"}}).For(master("1"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range pb.Steps {
		switch task := s.Task.(type) {
		case *copyTask:
			got = append(got, s.Name+" "+task.Destination)
		case *probeTask:
			got = append(got, s.Name+" "+task.URL)
		}
	}
	for _, g := range pb.Gates {
		got = append(got, fmt.Sprintf("gate %s %s %s", g.Name, g.On, g.Task.(*probeTask).URL))
	}
	want := []string{
		"first /var/master1/first",
		"motd[a] /var/master1/6/a", "motd[b] /var/master1/6/b", "deep.ready https:///var/master1/6",
		"again.motd[a] /again/7/a", "again.motd[b] /again/7/b", "again.deep.ready https:///again/7",
		"last https://last",
		"gate inner self https://master1", "gate g peers https://mine", "gate again.inner self https://master1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := slices.Sorted(maps.Keys(pb.Inputs)); !slices.Equal(got, []string{"file files/motd", "file parts/copy.hcl", "file parts/deep.hcl", "playbook", "variable days"}) {
		t.Error(got)
	}
}

// TestIncludedInputs: a change of an included file is a change of the playbook.
func TestIncludedInputs(t *testing.T) {
	path := write(t, "p.hcl", including1, "parts/copy.hcl", included1, "parts/deep.hcl", deep1, "files/motd", "hi")
	inputs := func() map[string]string {
		pb, err := load(t, path, Options{}).For(master("1"))
		if err != nil {
			t.Fatal(err)
		}
		return pb.Inputs
	}
	first := inputs()
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "parts/deep.hcl"), []byte(deep1+"# changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := inputs()
	changed := slices.DeleteFunc(slices.Sorted(maps.Keys(first)), func(k string) bool { return first[k] == now[k] })
	if !slices.Equal(changed, []string{"file parts/deep.hcl"}) {
		t.Error(changed)
	}
}

// TestIncludeIsTheSameAsWritingItOut: what is included and what is written out make one playbook.
func TestIncludeIsTheSameAsWritingItOut(t *testing.T) {
	const head = "playbook \"p\" { hosts = \"all\" }\n"
	const steps = `
locals { dir = "/etc" }
gate "probe" "g" {
  on  = "peers"
  url = "https://g"
}
task "copy" "a" {
  source      = "files/motd"
  destination = "${local.dir}/a"
}
task "probe" "b" {
  when = node.name != "master1"
  url  = "https://b"
}
`
	out := load(t, write(t, "p.hcl", head+steps, "files/motd", "hi"), Options{})
	in := load(t, write(t, "p.hcl", head+`include "s.hcl" {}`+"\n", "s.hcl", steps, "files/motd", "hi"), Options{})
	for _, n := range []string{"1", "2"} {
		a, err1 := out.For(master(n))
		b, err2 := in.For(master(n))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		a.Inputs, b.Inputs = nil, nil
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%+v\n%+v", a, b)
		}
	}
}

func TestExplainIncluded(t *testing.T) {
	path := write(t, "p.hcl", including1, "parts/copy.hcl", included1, "parts/deep.hcl", deep1, "files/motd", "hi")
	f := load(t, path, Options{})
	for _, c := range []struct {
		err  error
		want string
	}{
		{&engine.StepError{Kind: "copy", Name: "again.motd[a]", Err: &engine.FieldError{Field: "source", Err: os.ErrNotExist}}, "parts/copy.hcl:12:17 (included from " + path + ":16)\n  12 |   source      = \"files/motd\""},
		{&engine.StepError{Kind: "probe", Name: "deep.ready", Err: os.ErrNotExist}, "parts/deep.hcl:3:1 (included from " + filepath.Join(filepath.Dir(path), "parts/copy.hcl") + ":19, from " + path + ":9)\n"},
		{&engine.StepError{Kind: "probe", Name: "inner", Gate: true, Err: os.ErrNotExist}, "parts/copy.hcl:15:1 (included"},
		{&engine.StepError{Kind: "probe", Name: "last", Err: os.ErrNotExist}, "p.hcl:19:1\n"},
	} {
		if got := f.Explain(c.err); !strings.Contains(got, c.want) {
			t.Errorf("%v: %q; want %q", c.err, got, c.want)
		}
	}
}

// TestIncludeBounds: files that include each other many times end soon, and with an error.
func TestIncludeBounds(t *testing.T) {
	const head = "playbook \"p\" { hosts = \"all\" }\n"
	deep := []string{"p.hcl", head + "include \"f0.hcl\" {}\n"}
	wide := []string{"p.hcl", head + "include \"f0.hcl\" \"a\" {}\n"}
	for i := range 20 {
		name, next := fmt.Sprintf("f%d.hcl", i), fmt.Sprintf("f%d.hcl", i+1)
		deep = append(deep, name, fmt.Sprintf("include %q {}\n", next))
		wide = append(wide, name, fmt.Sprintf("include %q \"a\" {}\ninclude %q \"b\" {}\n", next, next))
	}
	var long strings.Builder
	for i := range 300 {
		fmt.Fprintf(&long, "task \"probe\" \"t%d\" { url = \"x\" }\n", i)
	}
	var many strings.Builder
	for i := range 20 {
		fmt.Fprintf(&many, "include \"long.hcl\" \"i%d\" {}\n", i)
	}
	for want, files := range map[string][]string{
		"more than 8 files within each other": deep,
		"there are more than 100 includes":    append(wide, "f7.hcl", "task \"probe\" \"t\" { url = \"x\" }\n"),
		"more than 2000 tasks":                {"p.hcl", head + many.String(), "long.hcl", long.String()},
	} {
		_, err := Load(write(t, files...), Options{Kinds: testKinds()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.600v; want %q", err, want)
		}
	}
}
