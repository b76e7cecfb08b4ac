package playbooks

import "time"

// Longest makes the probe a check that knows how long it may take.
func (t *probeTask) Longest() time.Duration { return t.Timeout.D() }
