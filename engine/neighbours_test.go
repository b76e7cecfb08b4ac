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

// TestOverridden: what is overridden neither holds nor says when the node may start.
func TestOverridden(t *testing.T) {
	now := at("2026-03-02 18:00:00", "")
	pb := &engine.Playbook{Inputs: map[string]string{"playbook": "1"}, Schedule: engine.Schedule{Order: []string{"m1", "m2"}, Soak: 24 * engine.Hour, Windows: []engine.Window{{From: "19:00", To: "23:00"}}}}
	runs := []*engine.Run{past("m1", now.Add(-2*time.Hour), engine.Landed)}
	held, ok := errors.AsType[*engine.NotYetError](engine.Guards(pb, "m2", now, runs, engine.GuardSoak))
	if !ok || len(held.Holds) != 1 || held.Holds[0].Guard != engine.GuardWindow || !held.Until.Equal(at("2026-03-02 19:00:00", "")) {
		t.Errorf("held: %+v", held)
	}
	dirty := []*engine.Run{past("m1", now.Add(-2*time.Hour), engine.Applying)}
	if engine.Guards(&engine.Playbook{Schedule: engine.Schedule{Order: []string{"m2"}}}, "m2", now, dirty, engine.GuardOpen) == nil {
		t.Error("an unverified node was overridden")
	}
}

// TestConfirmingRunIsNoNewRollout: a run that finds all in place with other inputs does not make these the
// rollout's own.
func TestConfirmingRunIsNoNewRollout(t *testing.T) {
	now := at("2026-03-05 20:00:00", "")
	pb := &engine.Playbook{Schedule: engine.Schedule{Order: []string{"m1", "m2"}}, Inputs: map[string]string{"playbook": "2"}}
	confirmed := but(past("m1", now.Add(-time.Hour), engine.Landed), func(r *engine.Run) { unchanged(r); r.Inputs = pb.Inputs })
	held, ok := errors.AsType[*engine.NotYetError](engine.Guards(pb, "m2", now, []*engine.Run{past("m1", now.Add(-48*time.Hour), engine.Landed), confirmed}))
	if !ok || held.Holds[0].Guard != engine.GuardInputs {
		t.Errorf("held: %v", held)
	}
}
