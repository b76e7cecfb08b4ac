package main

import (
	"fmt"

	"example.org/team/sysctl"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/tasks"
)

// kernelLimits is playbooks/kernel-limits.hcl in Go: go:kernel-limits on the command line. The two are the
// same playbook, which a test holds; a team writes one of them.
func kernelLimits() playbooks.Compiled {
	return playbooks.Compiled{
		Name:        "kernel-limits",
		Description: "Keep the kernel limits that the masters run with through a reboot.",
		Hosts:       "control_plane",
		Vars:        map[string]string{"max_map_count": "262144", "loaded_within": "5s"},
		For: func(g playbooks.Given) (*engine.Playbook, error) {
			var within engine.Duration
			if err := within.UnmarshalText([]byte(g.Vars["loaded_within"])); err != nil {
				return nil, fmt.Errorf("variable loaded_within: %w", err)
			}
			values := map[string]string{"vm.max_map_count": g.Vars["max_map_count"]}
			return &engine.Playbook{
				Schedule: engine.Schedule{Order: []string{"master1", "master2", "master3"}, Soak: engine.Hour},
				Gates: []engine.Gate{
					{Name: "peers_ready", On: engine.Peers, Task: &tasks.HttpCheck{URL: "https://127.0.0.1:6443/readyz", Passes: 3}},
				},
				Steps: []engine.Step{
					{Name: "sysctl_d", Task: &tasks.Mkdir{Path: "/etc/sysctl.d"}},
					{Name: "limits", Task: &sysctl.File{Path: "/etc/sysctl.d/60-limits.conf", Values: values}},
					{Name: "limits", Task: &sysctl.Live{Values: values, Timeout: within}},
				},
			}, nil
		},
	}
}
