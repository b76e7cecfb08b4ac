package cli

import (
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/tasks"
)

// TestProgramRefuses: what a binary was put together with wrongly is said at its start.
func TestProgramRefuses(t *testing.T) {
	kinds := tasks.All()
	make := func(playbooks.Given) (*engine.Playbook, error) { return nil, nil }
	whole := playbooks.Compiled{Name: "p", Hosts: "all", For: make}
	for name, c := range map[string]struct {
		p    Program
		want []string
	}{
		"the stock binary":  {Program{Kinds: kinds}, nil},
		"with a playbook":   {Program{Kinds: kinds, Playbooks: []playbooks.Compiled{whole}}, nil},
		"a kind twice":      {Program{Kinds: append(kinds, kinds[0])}, []string{`two kinds named "scp"`}},
		"a playbook twice":  {Program{Playbooks: []playbooks.Compiled{whole, whole}}, []string{`two playbooks named "p"`}},
		"another name":      {Program{Kinds: []engine.Kind{{Name: "x", New: kinds[0].New}}}, []string{`"x" does not make tasks of its name`}},
		"no source":         {Program{Kinds: []engine.Kind{{Name: "scp", New: kinds[0].New}}}, []string{"documentation of scp"}},
		"half of playbooks": {Program{Playbooks: []playbooks.Compiled{{Name: "a b", Hosts: "all", For: make}, {Name: "h", For: make}, {Name: "f", Hosts: "all"}}}, []string{`"a b"`, `"h"`, `"f"`}},
	} {
		err := c.p.check()
		if (err == nil) != (len(c.want) == 0) {
			t.Errorf("%s: %v", name, err)
		}
		for _, w := range c.want {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v; want %q", name, err, w)
			}
		}
	}
}
