package main

import (
	"encoding/json"
	"testing"

	"example.org/team/sysctl"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/tasks"
)

// TestTwins: the playbook in HCL and the one in Go are the same, with and without variables.
func TestTwins(t *testing.T) {
	group := []playbooks.Node{{Name: "master1"}, {Name: "master2"}}
	for _, vars := range [][]string{nil, {"max_map_count=65530", "loaded_within=2m"}} {
		o := playbooks.Options{Kinds: append(tasks.All(), sysctl.Kinds()...), Vars: vars}
		file, err := playbooks.Load("playbooks/kernel-limits.hcl", o)
		if err != nil {
			t.Fatal(err)
		}
		hcl, err := file.All(group)
		if err != nil {
			t.Fatal(err)
		}
		bound, err := kernelLimits().Bind(o)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := bound.All(group)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range group {
			if got, want := text(t, compiled[n.Name]), text(t, hcl[n.Name]); got != want {
				t.Errorf("%s, %q: Go has\n%s\nHCL has\n%s", n.Name, vars, got, want)
			}
		}
	}
}

// text is a playbook without its inputs: a file's bytes are one, and Go has none.
func text(t *testing.T, pb *engine.Playbook) string {
	t.Helper()
	own := *pb
	own.Inputs = nil
	b, err := json.MarshalIndent(own, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
