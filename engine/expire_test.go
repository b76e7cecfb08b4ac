package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// named gives a run an id, a playbook and files that it changed.
func named(id, playbook string, r *engine.Run, files ...string) *engine.Run {
	r.ID, r.Playbook = id, playbook
	for _, f := range files {
		r.Steps = append(r.Steps, engine.PlannedStep{Changes: []engine.Change{{At: f}}})
	}
	return r
}

func TestStays(t *testing.T) {
	t0 := at("2026-01-05 20:00:00", "")
	day := 24 * time.Hour
	now := t0.Add(200 * day)
	landed := func(id string, days int, files ...string) *engine.Run {
		if len(files) == 0 {
			files = []string{"/f"}
		}
		return named(id, "p", past("m1", t0.Add(time.Duration(days)*day), engine.Landed), files...)
	}
	tests := map[string]struct {
		keep engine.Keep
		now  time.Time
		past []*engine.Run
		want string // ids that stay
	}{
		"nothing":                           {},
		"the zero value keeps all":          {past: []*engine.Run{landed("a", 0), landed("b", 1), landed("c", 2)}, want: "a b c"},
		"where it stands":                   {keep: engine.Keep{Newest: 1}, past: []*engine.Run{landed("a", 0), landed("b", 1)}, want: "b"},
		"by number":                         {keep: engine.Keep{Newest: 2}, past: []*engine.Run{landed("a", 0), landed("b", 1), landed("c", 2)}, want: "b c"},
		"by age":                            {keep: engine.Keep{Age: 100 * day}, past: []*engine.Run{landed("a", 0), landed("b", 99), landed("c", 101), landed("d", 102)}, want: "c d"},
		"each playbook":                     {keep: engine.Keep{Age: day}, past: []*engine.Run{landed("a", 0), named("q", "q", past("m1", t0, engine.Landed), "/q"), landed("b", 3)}, want: "q b"},
		"refused, and older":                {keep: engine.Keep{Age: day}, past: []*engine.Run{but(named("z", "p", past("m1", t0.Add(-day), engine.Untouched)), unchanged), landed("a", 0)}, want: "a"},
		"each node":                         {keep: engine.Keep{Age: day}, past: []*engine.Run{landed("a", 0), named("n", "p", past("m2", t0, engine.Landed)), landed("b", 3)}, want: "n b"},
		"unfinished":                        {keep: engine.Keep{Age: day}, past: []*engine.Run{named("a", "p", past("m1", t0, engine.Applying)), landed("b", 1)}, want: "a b"},
		"never began to write":              {keep: engine.Keep{Age: day}, past: []*engine.Run{but(named("a", "p", past("m1", t0, engine.Planned)), unchanged), landed("b", 1)}, want: "b"},
		"waits for an ack":                  {keep: engine.Keep{Age: day}, past: []*engine.Run{named("a", "q", past("m1", t0, engine.RolledBk)), landed("b", 1)}, want: "a b"},
		"acknowledged":                      {keep: engine.Keep{Age: day}, past: []*engine.Run{but(named("a", "p", past("m1", t0, engine.RolledBk)), acked), landed("b", 1)}, want: "b"},
		"acknowledged with a later run":     {keep: engine.Keep{Age: day}, past: []*engine.Run{but(landed("a", 0), unclean), but(but(but(landed("b", 1), unchanged), unclean), acked), but(named("c", "q", past("m1", t0.Add(2*day), engine.Untouched)), unchanged)}, want: "a b c"},
		"the clock went back":               {keep: engine.Keep{Age: day}, past: []*engine.Run{but(landed("a", 0), func(r *engine.Run) { r.Backwards = true }), landed("b", 1)}, want: "a b"},
		"of today":                          {keep: engine.Keep{Newest: 1}, now: t0.Add(day + 2*time.Hour), past: []*engine.Run{landed("a", 0), landed("b", 1)}, want: "a b"},
		"rolled back after it":              {keep: engine.Keep{Age: day}, past: []*engine.Run{landed("a", 0), but(named("b", "p", past("m1", t0.Add(day), engine.RolledBk)), acked)}, want: "a b"},
		"confirmed after it":                {keep: engine.Keep{Age: day}, past: []*engine.Run{landed("a", 0), but(landed("b", 1), unchanged), but(landed("c", 2), unchanged)}, want: "a c"},
		"the newest change stays":           {keep: engine.Keep{Age: day}, past: []*engine.Run{landed("a", 0), but(named("b", "p", past("m1", t0.Add(day), engine.Landed), "/f"), unclean)}, want: "b"},
		"undone before what stays":          {keep: engine.Keep{Age: day}, past: []*engine.Run{landed("a", 0, "/f"), named("b", "q", past("m1", t0.Add(day), engine.Landed), "/f"), named("c", "q", past("m1", t0.Add(2*day), engine.Landed), "/f")}, want: "a b c"},
		"of another file, may go":           {keep: engine.Keep{Age: day}, past: []*engine.Run{landed("a", 0, "/f"), named("b", "q", past("m1", t0.Add(day), engine.Landed), "/g"), named("c", "q", past("m1", t0.Add(2*day), engine.Landed), "/g")}, want: "a c"},
		"the newest record":                 {keep: engine.Keep{Age: day}, past: []*engine.Run{landed("a", 0), but(named("b", "q", past("m1", t0.Add(day), engine.Untouched)), unchanged), but(named("c", "q", past("m1", t0.Add(2*day), engine.Untouched)), unchanged)}, want: "a c"},
		"could be rolled back":              {keep: engine.Keep{Age: day}, past: stillThere(t0), want: "a b"},
		"could be, and may go all the same": {keep: engine.Keep{Age: day, EvenUndo: true}, past: stillThere(t0), want: "b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.now.IsZero() {
				tt.now = now
			}
			stays := tt.keep.Stays(tt.now, tt.past)
			var got []string
			for _, r := range tt.past {
				if stays[r.ID] != "" {
					got = append(got, r.ID)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%q stay, want %q: %v", s, tt.want, stays)
			}
		})
	}
}

// stillThere is a run whose file nothing has changed since, followed by one about another file.
func stillThere(t0 time.Time) []*engine.Run {
	return []*engine.Run{
		named("a", "p", past("m1", t0, engine.Landed), "/f"),
		named("b", "p", past("m1", t0.Add(24*time.Hour), engine.Landed), "/g"),
	}
}

// TestGuardsForgetNothing removes what may be removed from random histories: every guard then says of every
// node what it said before, whatever the schedule and the hour.
func TestGuardsForgetNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 14))
	pick := func(n int) int { return rnd.IntN(n) }
	removed := 0
	for round := range 3000 {
		now := at("2026-01-05 08:00:00", "")
		var all []*engine.Run
		for i := range 2 + pick(12) {
			now = now.Add(time.Duration(1+pick(60)) * time.Hour)
			r := named(fmt.Sprint(i), []string{"p", "q"}[pick(2)], past(fmt.Sprint("m", 1+pick(3)), now, []engine.State{engine.Landed, engine.Landed, engine.Landed, engine.RolledBk, engine.Untouched}[pick(5)]), fmt.Sprint("/", pick(3)))
			for _, change := range []func(*engine.Run){unclean, acked, unchanged, other, allowed} {
				if pick(4) == 0 {
					change(r)
				}
			}
			all = append(all, r)
		}
		later := now.Add(time.Duration(pick(200)) * time.Hour)
		keep := engine.Keep{Newest: pick(3), EvenUndo: pick(2) == 0}
		if keep.Newest == 0 {
			keep.Age = time.Duration(1+pick(200)) * time.Hour
		}
		stays := keep.Stays(later, all)
		left := slices.DeleteFunc(slices.Clone(all), func(r *engine.Run) bool { return stays[r.ID] == "" })
		removed += len(all) - len(left)
		for _, name := range []string{"p", "q"} {
			pb := &engine.Playbook{Name: name, Inputs: map[string]string{"playbook": "1"}, Schedule: engine.Schedule{Order: []string{"m1", "m2", "m3"}, Soak: engine.Duration(time.Duration(pick(300)) * time.Hour), PerDay: pick(3)}}
			for _, node := range pb.Schedule.Order {
				before, after := engine.Guards(pb, node, later, all), engine.Guards(pb, node, later, left)
				if fmt.Sprint(before) != fmt.Sprint(after) {
					for _, r := range all {
						t.Log(r.ID, r.Playbook, r.Node, r.State, r.Began, r.Changed, r.Inputs, stays[r.ID])
					}
					t.Fatalf("round %d: %s of %s: before %v; after %v", round, node, name, before, after)
				}
			}
		}
	}
	if removed < 1000 {
		t.Errorf("only %d runs were removed: nothing is proven", removed)
	}
}
