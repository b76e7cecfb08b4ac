package playbooks

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// TestDynamic: blocks that are made are the same as blocks that are written out.
func TestDynamic(t *testing.T) {
	const made = `
playbook "p" { hosts = "all" }
schedule {
  dynamic "window" {
    for_each = { mon = "19:00", tue = "20:00" }
    content {
      days = [window.key]
      from = window.value
      to   = "23:00"
    }
  }
}
task "patch" "x" {
  path = "/etc/x"
  judge {}
  dynamic "flags" {
    for_each = node.vars.list
    labels   = ["spec[${flags.key}]"]
    content {
      set = { rack = node.vars.rack, value = flags.value }
    }
  }
  dynamic "list" {
    for_each = toset(["b", "a"])
    iterator = item
    labels   = [item.key]
    content {
      key = item.value
    }
  }
  dynamic "list" {
    for_each = []
    content { key = "none" }
  }
}
task "probe" "y" {
  for_each = ["x"]
  url      = "https://y"
  dynamic "node" {
    for_each = node.name == "master1" ? [each.key] : []
    iterator = it
    content { label = "${each.key}${it.value}" }
  }
}
`
	const written = `
playbook "p" { hosts = "all" }
schedule {
  window {
    days = ["mon"]
    from = "19:00"
    to   = "23:00"
  }
  window {
    days = ["tue"]
    from = "20:00"
    to   = "23:00"
  }
}
task "patch" "x" {
  path = "/etc/x"
  judge {}
  flags "spec[0]" { set = { rack = node.vars.rack, value = "x" } }
  flags "spec[1]" { set = { rack = node.vars.rack, value = "y" } }
  list "a" { key = "a" }
  list "b" { key = "b" }
}
task "probe" "y" {
  for_each = ["x"]
  url      = "https://y"
  node { label = "xx" }
}
`
	f, g := load(t, write(t, "p.hcl", made), Options{}), load(t, write(t, "p.hcl", written), Options{})
	a, err1 := f.For(master("1"))
	b, err2 := g.For(master("1"))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	a.Inputs, b.Inputs = nil, nil
	if !reflect.DeepEqual(a, b) {
		x, _ := json.MarshalIndent(a, "", " ")
		y, _ := json.MarshalIndent(b, "", " ")
		t.Errorf("got\n%s\nwant\n%s", x, y)
	}
	if other, err := f.For(master("2")); err != nil || other.Steps[1].Task.(*probeTask).Node != nil {
		t.Errorf("%+v, %v", other, err)
	}
	err := &engine.StepError{Kind: "patch", Name: "x", Err: &engine.FieldError{Field: "flags[1].set", Err: errors.New("bad")}}
	if got := f.Explain(err); !strings.Contains(got, "p.hcl:20:13\n") {
		t.Error(got)
	}
}

// TestDynamicInAPlaceOfItsOwn: what the engine says of a window that was made is shown at its content.
func TestDynamicInAPlaceOfItsOwn(t *testing.T) {
	_, err := Load(write(t, "p.hcl", `
playbook "p" { hosts = "all" }
schedule {
  dynamic "window" {
    for_each = ["mon", "moon"]
    content {
      days = [window.value]
      from = "19:00"
      to   = "23:00"
    }
  }
}
task "probe" "x" { url = "x" }
`), Options{Kinds: testKinds()})
	if err == nil || !strings.Contains(err.Error(), "p.hcl:7:14: ") || !strings.Contains(err.Error(), `"moon"`) {
		t.Error(err)
	}
}
