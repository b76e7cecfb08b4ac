// Command team is hcrun as one team runs it: the whole command line, with a pair of task kinds and a
// playbook of the team's own compiled in.
package main

import (
	"example.org/team/sysctl"

	"github.com/hcrun/hcrun/cmd/hcrun/cli"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/tasks"
)

func main() {
	cli.Program{
		Kinds:     append(tasks.All(), sysctl.Kinds()...),
		Playbooks: []playbooks.Compiled{kernelLimits()},
	}.Main()
}
