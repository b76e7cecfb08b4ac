package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// strange are zones that move their clocks in ways of their own: by half an hour, at midnight, at a minute
// past midnight and back into the day before, over a whole day, during Ramadan, not any more.
func strange() []string {
	return []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Tehran", "Pacific/Apia", "America/Goose_Bay", "Africa/Casablanca"}
}

// moves lists the minutes at which a zone moves its clock, found by looking at it.
func moves(name string) []time.Time {
	zone := must2(time.LoadLocation(name))
	offset := func(t time.Time) int { _, o := t.In(zone).Zone(); return o }
	var all []time.Time
	for t := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); t.Year() < 2041; t = t.Add(6 * time.Hour) {
		if next := t.Add(6 * time.Hour); offset(t) != offset(next) {
			at := t
			for offset(at) == offset(t) {
				at = at.Add(time.Minute)
			}
			all = append(all, at)
		}
	}
	return all
}

// around makes schedules whose edges lie before, in, at and after what a move of the clock skips or repeats.
func around(move time.Time, zone *time.Location) []engine.Schedule {
	_, before := move.Add(-time.Minute).In(zone).Zone()
	_, after := move.In(zone).Zone()
	lo, hi := min(before, after), max(before, after)
	show := func(offset, minutes int, layout string) string {
		return move.UTC().Add(time.Duration(offset)*time.Second + time.Duration(minutes)*time.Minute).Format(layout)
	}
	const clock, full = "15:04", "2006-01-02 15:04"
	first, last := show(lo, 0, clock), show(hi, 0, clock)
	inside := show(lo, (hi-lo)/120, clock)
	eve := strings.ToLower(show(lo, -20*60, "Mon"))
	window := func(from, to string, days ...string) []engine.Window {
		return []engine.Window{{From: from, To: to, Days: days}}
	}
	all := []engine.Schedule{
		{Windows: window(show(lo, -40, clock), inside)},
		{Windows: window(inside, show(hi, 40, clock)), Needs: 30 * engine.Minute},
		{Windows: window(show(lo, 5, clock), show(hi, -5, clock)), Needs: 10 * engine.Minute},
		{Windows: window(show(lo, -30, clock), show(hi, 30, clock)), Needs: 100 * engine.Minute},
		{Windows: window(show(lo, -20*60, clock), inside, eve)},
		{Freezes: []engine.Freeze{{From: show(lo, (hi-lo)/120, full), To: show(hi, 50, full), Reason: "r"}}},
		{Freezes: []engine.Freeze{{From: show(lo, -50, full), To: show(lo, (hi-lo)/120, full), Reason: "r"}}, Needs: 20 * engine.Minute, PerDay: 1},
		{Windows: window("00:00", "24:00", eve), PerDay: 1, Soak: 5 * engine.Hour},
	}
	if first != last { // not where a whole day is skipped
		all = append(all, engine.Schedule{Windows: window(first, last)})
	}
	return all
}

// TestClockMoves holds the guards to the oracle around every move of the clock in some zones.
func TestClockMoves(t *testing.T) {
	for _, name := range strange() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone := must2(time.LoadLocation(name))
			all := moves(name)
			if len(all) < 20 {
				t.Fatalf("only %d moves", len(all))
			}
			minutes := []int{-1450, -190, -121, -90, -61, -60, -35, -30, -16, -1, 0, 1, 14, 30, 45, 59, 60, 90, 125, 700}
			for i, move := range all { // a third of the minutes at each
				o := newOracle(move.Add(-50*time.Hour), move.Add(9*24*time.Hour), name)
				ended := move.Add(-5*time.Hour - 17*time.Second)
				past := []*engine.Run{past("m1", ended.Add(-time.Hour), engine.Landed)}
				for _, s := range around(move, zone) {
					s.Zone = name
					v := o.ask(s, past)
					for j := i % 3; j < len(minutes); j += 3 {
						v.compare(t, s, past, move.Add(time.Duration(minutes[j])*time.Minute))
					}
				}
			}
		})
	}
}

// anySchedule is a schedule by chance, for a time.
func anySchedule(r *rand.Rand, now time.Time, zones []string) engine.Schedule {
	zone := func() string { return zones[r.IntN(len(zones))] }
	clock := func() string { return fmt.Sprintf("%02d:%02d", r.IntN(24), 5*r.IntN(12)) }
	s := engine.Schedule{Zone: zone(), PerDay: r.IntN(2), Soak: engine.Duration(r.IntN(72*3600)) * engine.Second, Needs: engine.Duration(r.IntN(150)) * engine.Minute}
	for range r.IntN(4) {
		w := engine.Window{From: clock(), To: clock(), Zone: zone()}
		for _, day := range weekdays() {
			if r.IntN(2) == 0 {
				w.Days = append(w.Days, day)
			}
		}
		if w.From != w.To {
			s.Windows = append(s.Windows, w)
		}
	}
	for range r.IntN(4) {
		from := now.Add(time.Duration(r.IntN(10*24*60)-3*24*60) * time.Minute)
		f := engine.Freeze{From: from.Format("2006-01-02 15:04"), To: from.AddDate(0, 0, r.IntN(3)).Format(time.DateOnly), Reason: "r", Zone: zone()}
		s.Freezes = append(s.Freezes, f)
	}
	return s
}

// TestAnySchedule holds the guards to the oracle for schedules by chance, near moves of some zones' clocks.
func TestAnySchedule(t *testing.T) {
	t.Parallel()
	found := map[string][]time.Time{}
	for _, name := range strange() {
		found[name] = moves(name)
	}
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		zones := []string{strange()[r.IntN(len(strange()))], strange()[r.IntN(len(strange()))]}
		near := found[zones[0]]
		now := near[r.IntN(len(near))].Add(time.Duration(r.IntN(96*60)-48*60) * time.Minute)
		o := newOracle(now.Add(-5*24*time.Hour), now.Add(21*24*time.Hour), zones...)
		ended := now.Add(-time.Duration(1+r.IntN(80*3600)) * time.Second)
		past := []*engine.Run{past("m1", ended.Add(-time.Hour), engine.Landed)}
		s := anySchedule(r, now, zones)
		if err := s.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		v := o.ask(s, past)
		for range 12 {
			v.compare(t, s, past, now)
			now = now.Add(time.Duration(r.IntN(6*3600)) * time.Second)
		}
	}
}
