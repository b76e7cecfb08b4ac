package tasks

import (
	"time"

	"github.com/hcrun/hcrun/engine"
)

// How long each check may take before it answers, for schedules that reckon with it. An assert looks once.

// Longest is the timeout and the stable time, which may begin as late as that.
func (t *WaitForPod) Longest() time.Duration {
	return t.Timeout.Or(podTimeout) + t.Stable.Or(podStable)
}

// Longest is the timeout.
func (t *TailLog) Longest() time.Duration { return t.Timeout.Or(logTimeout) }

// Longest is the timeout.
func (t *LokiQuery) Longest() time.Duration { return t.Timeout.Or(lokiTimeout) }

// Longest is the timeout.
func (t *HttpCheck) Longest() time.Duration { return t.Timeout.Or(httpTimeout) }

var (
	_ engine.Timed = (*WaitForPod)(nil)
	_ engine.Timed = (*TailLog)(nil)
	_ engine.Timed = (*LokiQuery)(nil)
	_ engine.Timed = (*HttpCheck)(nil)
)
