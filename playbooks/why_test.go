package playbooks

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/tasks"
)

const whyBook = `
playbook "p" { hosts = "all" }
variable "key" { default = upper("hunter2") }
variable "shape" {
  type    = object({ a = number, b = optional(string, "bee") })
  default = { a = 1 }
}
locals {
  url  = "https://user:${var.key}@host"
  safe = length(var.key) > 0
  mine = try(node.vars.none, local.url, node.name)
}
task "touch" "x" {
  path = "/etc/x"
  mode = "0600"
}
`

// TestWhyHides: a value that is marked is not shown: not where it counts, not where it is hidden by
// another one, not in its default's expression, and not in what is made of it.
func TestWhyHides(t *testing.T) {
	f := load(t, write(t, "p.hcl", whyBook), Options{Kinds: tasks.All(), Vars: []string{"key=hunter3", "key=hunter4"}, Env: env("HCRUN_VAR_key", "hunter5")})
	values := f.vars.AsValueMap()
	values["key"] = values["key"].Mark("sensitive")
	f.vars = cty.ObjectVal(values)
	var all []Why
	key, _ := f.WhyVar("key")
	all = append(all, key)
	for _, name := range []string{"url", "safe", "mine"} {
		why, ok, err := f.WhyLocal(name, &Node{Name: "n"})
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		all = append(all, why)
	}
	b, err := json.Marshal(all)
	if err != nil || strings.Contains(strings.ToLower(string(b)), "hunter") {
		t.Errorf("%s, %v", b, err)
	}
	if len(key.Origins) != 4 || key.Value.Text != Sensitive || all[1].Value.Text != Sensitive || all[1].Uses[0].Value.Text != Sensitive {
		t.Errorf("%s", b)
	}
}

// TestWhyTyped: hidden values are shown in the variable's type, and attributes that are left out have
// their defaults.
func TestWhyTyped(t *testing.T) {
	f := load(t, write(t, "p.hcl", whyBook), Options{Kinds: tasks.All(), Vars: []string{`shape={ a = "2" }`}})
	why, ok := f.WhyVar("shape")
	if !ok || why.Value.Text != `{ a = 2, b = "bee" }` || len(why.Origins) != 2 || why.Origins[1].Value.Text != `{ a = 1, b = "bee" }` {
		t.Errorf("%+v", why)
	}
}

// TestWhyNot: names that are not there, and locals of a node that is not known yet.
func TestWhyNot(t *testing.T) {
	f := load(t, write(t, "p.hcl", whyBook), Options{Kinds: tasks.All()})
	if _, ok := f.WhyVar("none"); ok {
		t.Error("there is no var.none")
	}
	if _, ok, err := f.WhyLocal("none", nil); ok || err != nil {
		t.Error("there is no local.none")
	}
	why, ok, err := f.WhyLocal("mine", nil)
	if !ok || err != nil || why.Value.Text != Unknown && why.Value.Text != `"https://user:HUNTER2@host"` {
		t.Errorf("%+v, %v", why, err)
	}
	if got := strings.Join(f.Names(), " "); got != "var.key var.shape local.url local.safe local.mine" {
		t.Error(got)
	}
}
