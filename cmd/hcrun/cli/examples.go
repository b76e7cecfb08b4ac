package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are how commands are typed that do not say so themselves.
func examples() map[string]string {
	return map[string]string{
		"apply": `  hcrun apply playbooks/audit-5p.hcl --limit master1 --plan   # shows everything, writes nothing
  hcrun apply playbooks/audit-5p.hcl --limit master1          # shows it, asks, does it
  hcrun apply playbooks/audit-5p.hcl --wait                   # waits for the next node's hour`,
		"resume": `  hcrun resume
  hcrun resume master2 --rollback`,
		"rollback": `  hcrun rollback --plan
  hcrun rollback master2`,
		"ack":      "  hcrun ack master1 --reason 'the log disk was full; it has room now'",
		"takeover": "  hcrun takeover master1 --reason 'the other laptop was lost with the train'",
		"abandon":  "  hcrun abandon master2 --reason 'the machine is gone and was rebuilt'",
		"status": `  hcrun status
  hcrun status playbooks/audit-5p.hcl --json`,
		"explain": `  hcrun explain retention_days playbooks/audit-5p.hcl -e retention_days=30
  hcrun explain local.log_dir --json`,
		"fmt": `  hcrun fmt playbooks/*.hcl
  hcrun fmt --check --diff playbooks/audit-5p.hcl`,
		"inventory": `  hcrun inventory --graph
  hcrun inventory --limit 'control_plane:!master3' --json`,
		"test": `  hcrun test
  hcrun test --run flags playbooks/audit-5p.test.hcl`,
		"history": "  hcrun history --json",
		"show": `  hcrun show master1
  hcrun show 20261201-010000-master1-kgym --json`,
		"trust":          "  hcrun trust control_plane",
		"journal verify": "  hcrun journal verify",
		"journal export": `  hcrun journal export master1
  hcrun journal export 20261201-010000-master1-kgym --to /media/stick/master1.hcrun`,
		"journal import": "  hcrun journal import 20261201-010000-master1-kgym.hcrun",
		"lab up":         "  hcrun lab up",
		"lab down":       "  hcrun lab down",
		"lab reset":      "  hcrun lab reset",
		"lab status":     "  hcrun lab status --json",
		"lab clock": `  hcrun lab clock +25h
  hcrun lab clock -1h`,
		"lab break": `  hcrun lab break
  hcrun lab break master2 policy`,
		"lab mend":   "  hcrun lab mend master2",
		"lab reboot": "  hcrun lab reboot master2",
	}
}

// exemplify gives the commands below root their examples.
func exemplify(root *cobra.Command) {
	all := examples()
	each(root, func(c *cobra.Command) {
		if c.Example == "" {
			c.Example = all[strings.TrimPrefix(c.CommandPath(), root.Name()+" ")]
		}
	})
}
