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

func TestMayResume(t *testing.T) {
	tests := map[string]struct {
		run  Run
		want Code
	}{
		"written":         {Run{FirstWrite: time.Unix(1, 0), State: Applying}, Done},
		"nothing written": {Run{State: Planned}, Invalid},
		"ended":           {Run{FirstWrite: time.Unix(1, 0), State: Landed, Ended: time.Unix(2, 0)}, Invalid},
	}
	for name, test := range tests {
		if got := CodeOf(MayResume(&test.run)); got != test.want {
			t.Errorf("%s: code %d, want %d", name, got, test.want)
		}
	}
}

func TestMayUndo(t *testing.T) {
	run := func(id, node string, after time.Duration, state State) *Run {
		r := &Run{ID: id, Began: time.Unix(1000, 0).Add(after), FirstWrite: time.Unix(1000, 0), State: state, Steps: []PlannedStep{{Changes: []Change{{At: "/etc/x"}}}}}
		r.Node, r.Address = node, node
		if state == Landed || state == RolledBk {
			r.Ended = time.Unix(2000, 0)
		}
		return r
	}
	tests := map[string]struct {
		run, other *Run
		want       Code
	}{
		"landed":                               {run("a", "m1", 0, Landed), run("b", "m2", 1, Landed), Done},
		"rolled back already":                  {run("a", "m1", 0, RolledBk), run("b", "m2", 1, Landed), Invalid},
		"a later run stands on it":             {run("a", "m1", 0, Landed), run("b", "m1", 1, Landed), Operator},
		"not verified, older by its clock":     {run("a", "m1", 0, Applying), run("b", "m1", 1, Landed), Done},
		"landed, another node not verified":    {run("a", "m1", 0, Landed), run("b", "m2", 1, Applying), Held},
		"itself not verified, another neither": {run("a", "m1", 0, Applying), run("b", "m2", 1, Applying), Done},
	}
	for name, test := range tests {
		if got := CodeOf(MayUndo(test.run, []*Run{test.run, test.other})); got != test.want {
			t.Errorf("%s: code %d, want %d", name, got, test.want)
		}
	}
}
