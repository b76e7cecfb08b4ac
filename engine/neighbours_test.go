package engine_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// TestGuardsSeeOtherPlaybooks: what another playbook did says nothing about where this one stands, but a
// node that it left unverified, or changed today, holds the others all the same.
func TestGuardsSeeOtherPlaybooks(t *testing.T) {
	now := at("2026-03-02 20:00:00", "")
	elsewhere := func(r *engine.Run) { r.Playbook = "another" }
	tests := map[string]struct {
		node string
		past *engine.Run
		want []engine.GuardName
	}{
		"landed long ago":         {"m2", but(past("m1", now.Add(-72*time.Hour), engine.Landed), elsewhere), []engine.GuardName{engine.GuardOrder}},
		"landed today":            {"m1", but(past("m3", now.Add(-2*time.Hour), engine.Landed), elsewhere), []engine.GuardName{engine.GuardPerDay}},
		"rolled back, not looked": {"m1", but(past("m3", now.Add(-72*time.Hour), engine.RolledBk), elsewhere), nil},
		"not verified":            {"m1", but(past("m3", now.Add(-72*time.Hour), engine.Applying), elsewhere), []engine.GuardName{engine.GuardOpen}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pb := &engine.Playbook{Name: "ours", Schedule: engine.Schedule{Order: []string{"m1", "m2", "m3"}, Soak: 24 * engine.Hour, PerDay: 1}}
			var got []engine.GuardName
			if held, ok := errors.AsType[*engine.NotYetError](engine.Guards(pb, test.node, now, []*engine.Run{test.past})); ok {
				for _, h := range held.Holds {
					got = append(got, h.Guard)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("held by %v, want %v", got, test.want)
			}
		})
	}
}
