package engine

import (
	"testing"
	"time"
)

func TestStandsOn(t *testing.T) {
	began := time.Unix(1000, 0)
	run := func(id, address string, after time.Duration, state State, at string) *Run {
		r := &Run{ID: id, Began: began.Add(after), FirstWrite: began.Add(after), State: state, Steps: []PlannedStep{{Changes: []Change{{At: at}}}}}
		r.Address = address
		return r
	}
	first := run("first", "a", 0, Landed, "/etc/x")
	tests := map[string]struct {
		other *Run
		want  int
	}{
		"later, same path":       {run("b", "a", 1, Landed, "/etc/x"), 1},
		"later, unfinished":      {run("b", "a", 1, Applying, "/etc/x"), 1},
		"later, rolled back":     {run("b", "a", 1, RolledBk, "/etc/x"), 0},
		"later, another path":    {run("b", "a", 1, Landed, "/etc/y"), 0},
		"later, another node":    {run("b", "z", 1, Landed, "/etc/x"), 0},
		"earlier":                {run("b", "a", -1, Landed, "/etc/x"), 0},
		"the run itself":         {first, 0},
		"later, nothing written": {func() *Run { r := run("b", "a", 1, Planned, "/etc/x"); r.FirstWrite = time.Time{}; return r }(), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := StandsOn(first, []*Run{first, test.other}); len(got) != test.want {
				t.Errorf("%d runs stand on it, want %d", len(got), test.want)
			}
		})
	}
}
