package engine_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// FuzzFold: whatever events are on record, they are refused, or they make a run that can be asked
// everything. A journal may come from another machine and another version.
func FuzzFold(f *testing.F) {
	for _, steps := range []func() []engine.Step{short, runbook} {
		w := newWorld(steps()...)
		_, _ = w.apply(context.Background())
		add(f, w)
		_, _ = w.rollback(context.Background())
		add(f, w)
		w = newWorld(steps()...)
		w.oracle.Check = failing("events")
		_, _ = w.apply(context.Background())
		add(f, w)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var events []engine.Event
		if json.Unmarshal(data, &events) != nil {
			return
		}
		r, err := engine.Fold(events)
		if err != nil {
			return
		}
		if r.Open() && (r.State == engine.Landed || r.State == engine.RolledBk) {
			t.Errorf("%s and open", r.State)
		}
		all := []*engine.Run{r}
		_, _, _ = engine.Unacknowledged(all), engine.MayUndo(r, all), engine.MayResume(r)
		_ = engine.Guards(&engine.Playbook{Name: r.Playbook, Schedule: engine.Schedule{Order: []string{r.Node, "other"}, Soak: engine.Hour, PerDay: 1}}, "other", r.Ended, all)
	})
}

// add adds what is on record, without the long contents of evidence.
func add(f *testing.F, w *world) {
	f.Helper()
	b, err := json.Marshal(w.journal.Durable())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
}
