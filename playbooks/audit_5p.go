package playbooks

import "github.com/hcrun/hcrun/engine"

// Audit5PVars are the variables of the audit-5p playbook.
type Audit5PVars struct{}

// Audit5P is the playbook audit-5p as Go literals.
func Audit5P(v Audit5PVars) *engine.Playbook { panic("being written") }
