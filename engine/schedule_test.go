package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

func TestScheduleValidate(t *testing.T) {
	day := func(w engine.Window) engine.Schedule { return engine.Schedule{Windows: []engine.Window{w}} }
	freeze := func(from, to string) engine.Schedule {
		return engine.Schedule{Freezes: []engine.Freeze{{From: from, To: to, Reason: "r"}}}
	}
	tests := map[string]struct {
		s    engine.Schedule
		says []string // all of it; none: valid
	}{
		"zero":         {engine.Schedule{}, nil},
		"whole day":    {day(engine.Window{From: "00:00", To: "24:00"}), nil},
		"night":        {day(engine.Window{From: "22:00", To: "02:00", Zone: "America/New_York"}), nil},
		"empty":        {day(engine.Window{From: "10:00", To: "10:00"}), []string{"window 1: to: a window from 10:00 to 10:00 is empty"}},
		"from 24:00":   {day(engine.Window{From: "24:00", To: "02:00"}), []string{"window 1: from: 24:00 is the end of a day"}},
		"no time":      {day(engine.Window{From: "7 pm", To: "23"}), []string{`from: "7 pm" is not a time of day`, `to: "23" is not a time of day`}},
		"no day":       {day(engine.Window{Days: []string{"funday"}, From: "19:00", To: "23:00"}), []string{`days: "funday" is not a day`}},
		"zone":         {engine.Schedule{Zone: "Mars/Olympus"}, []string{`schedule: timezone: "Mars/Olympus" is not a time zone`}},
		"local":        {engine.Schedule{Zone: "Local"}, []string{"differs from machine to machine"}},
		"window zone":  {day(engine.Window{From: "19:00", To: "23:00", Zone: "Mars/Olympus"}), []string{`window 1: timezone: "Mars/Olympus"`}},
		"per day":      {engine.Schedule{PerDay: -1}, []string{"per_day: -1"}},
		"twice":        {engine.Schedule{Order: []string{"a", "a"}}, []string{"order: \"a\" is listed twice"}},
		"order":        {engine.Schedule{Order: []string{"a b"}}, []string{"cannot name a node"}},
		"needs":        {engine.Schedule{Needs: 169 * engine.Hour}, []string{"needs: 169h is longer than a week"}},
		"one day":      {freeze("2026-12-24", "2026-12-24"), nil},
		"to an hour":   {freeze("2026-12-24", "2026-12-24 09:00"), nil},
		"no date":      {freeze("2026-13-24", "tomorrow"), []string{`freeze 1: from: "2026-13-24" is not a date`, `freeze 1: to: "tomorrow" is not a date`}},
		"backwards":    {freeze("2026-12-24", "2026-12-23"), []string{"freeze 1: to: 2026-12-23 is not after 2026-12-24"}},
		"no reason":    {engine.Schedule{Freezes: []engine.Freeze{{From: "2026-12-24", To: "2026-12-24"}}}, []string{"reason: it is empty"}},
		"skipped day":  {engine.Schedule{Zone: "Pacific/Apia", Freezes: []engine.Freeze{{From: "2011-12-30", To: "2011-12-30", Reason: "no such day in Samoa"}}}, nil},
		"all of it":    {engine.Schedule{Zone: "Mars/Olympus", PerDay: -1, Windows: []engine.Window{{From: "1", To: "2"}}}, []string{"timezone", "per_day", "from", "to"}},
		"to the last ": {freeze("0001-01-01", "9999-12-31"), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.s.Validate()
			if (err == nil) != (test.says == nil) {
				t.Fatalf("got %v, want %q", err, test.says)
			}
			for _, say := range test.says {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%v does not say %q", err, say)
				}
			}
		})
	}
}

// TestFreezesAndRoom: what holds before, in and after a freeze and at a window's end, and until when.
func TestFreezesAndRoom(t *testing.T) {
	const berlin = "Europe/Berlin"
	evening := []engine.Window{{Days: []string{"mon", "tue"}, From: "19:00", To: "23:00"}}
	yearEnd := []engine.Freeze{{From: "2026-12-20", To: "2027-01-03", Reason: "year end"}}
	tests := map[string]struct {
		s      engine.Schedule
		now    string
		landed string // when m1 did, if it did
		open   string // guard that is overridden
		want   string // the holds; "": none
		until  string // "": not by waiting
	}{
		"the evening before":      {s: engine.Schedule{Zone: berlin, Freezes: yearEnd}, now: "2026-12-19 23:59:59"},
		"its first second":        {s: engine.Schedule{Zone: berlin, Freezes: yearEnd}, now: "2026-12-20 00:00:00", want: "freeze: year end: frozen from Sun 20 Dec 00:00 CET until Mon 4 Jan 2027 00:00 CET", until: "Mon 4 Jan 2027 00:00 CET"},
		"its last second":         {s: engine.Schedule{Zone: berlin, Freezes: yearEnd}, now: "2027-01-03 23:59:59", want: "freeze: year end: frozen from Sun 20 Dec 2026 00:00 CET until Mon 4 Jan 00:00 CET", until: "Mon 4 Jan 2027 00:00 CET"},
		"the morning after":       {s: engine.Schedule{Zone: berlin, Freezes: yearEnd}, now: "2027-01-04 00:00:00"},
		"too soon before":         {s: engine.Schedule{Zone: berlin, Needs: 20 * engine.Minute, Freezes: yearEnd}, now: "2026-12-19 23:48:00", want: "freeze: year end: frozen from Sun 20 Dec 00:00 CET until Mon 4 Jan 2027 00:00 CET; that is in 12m, and a run may take up to 20m", until: "Mon 4 Jan 2027 00:00 CET"},
		"just in time":            {s: engine.Schedule{Zone: berlin, Needs: 20 * engine.Minute, Freezes: yearEnd}, now: "2026-12-19 23:40:00"},
		"overridden":              {s: engine.Schedule{Zone: berlin, Freezes: yearEnd}, now: "2026-12-24 12:00:00", open: "freeze"},
		"overridden, no window":   {s: engine.Schedule{Zone: berlin, Windows: evening, Freezes: yearEnd}, now: "2026-12-24 12:00:00", open: "freeze", want: "window: no window is open; the next opens at Mon 28 Dec 19:00 CET", until: "Mon 28 Dec 2026 19:00 CET"},
		"and outside the windows": {s: engine.Schedule{Zone: berlin, Windows: evening, Freezes: yearEnd}, now: "2026-12-24 12:00:00", want: "window: no window is open; the next opens at Mon 28 Dec 19:00 CET; freeze: year end: frozen from Sun 20 Dec 00:00 CET until Mon 4 Jan 2027 00:00 CET", until: "Mon 4 Jan 2027 19:00 CET"},
		"one after the other":     {s: engine.Schedule{Zone: berlin, Freezes: append([]engine.Freeze{{From: "2027-01-04", To: "2027-01-04 09:00", Reason: "stock-taking"}}, yearEnd...)}, now: "2026-12-24 12:00:00", want: "freeze: year end: frozen from Sun 20 Dec 00:00 CET until Mon 4 Jan 2027 00:00 CET", until: "Mon 4 Jan 2027 09:00 CET"},
		"a zone of its own":       {s: engine.Schedule{Zone: berlin, Freezes: []engine.Freeze{{From: "2026-12-24", To: "2026-12-24", Reason: "r", Zone: "America/New_York"}}}, now: "2026-12-25 05:00:00", want: "freeze: r: frozen from Thu 24 Dec 00:00 EST until Fri 25 Dec 00:00 EST", until: "Fri 25 Dec 2026 06:00 CET"},

		"room to the minute":    {s: engine.Schedule{Zone: berlin, Needs: 20 * engine.Minute, Windows: evening}, now: "2026-12-07 22:40:00"},
		"a second too late":     {s: engine.Schedule{Zone: berlin, Needs: 20 * engine.Minute, Windows: evening}, now: "2026-12-07 22:40:01", want: "window: the window closes at Mon 7 Dec 23:00 CET, in 19m59s; a run may take up to 20m, which fits next at Tue 8 Dec 19:00 CET", until: "Tue 8 Dec 2026 19:00 CET"},
		"too late, overridden":  {s: engine.Schedule{Zone: berlin, Needs: 20 * engine.Minute, Windows: evening}, now: "2026-12-07 22:40:01", open: "window"},
		"windows that touch":    {s: engine.Schedule{Zone: berlin, Needs: 40 * engine.Minute, Windows: append([]engine.Window{{From: "23:00", To: "23:30"}}, evening...)}, now: "2026-12-07 22:45:00"},
		"not those of a day on": {s: engine.Schedule{Zone: berlin, Needs: 40 * engine.Minute, Windows: append([]engine.Window{{From: "23:00", To: "23:30", Days: []string{"wed"}}}, evening...)}, now: "2026-12-07 22:45:00", want: "window: the window closes at Mon 7 Dec 23:00 CET, in 15m; a run may take up to 40m, which fits next at Tue 8 Dec 19:00 CET", until: "Tue 8 Dec 2026 19:00 CET"},
		"too short in spring":   {s: engine.Schedule{Zone: berlin, Needs: 90 * engine.Minute, Windows: []engine.Window{{From: "01:30", To: "03:30"}}}, now: "2026-03-28 12:00:00", want: "window: no window is open; the next that is open for the 1h30m that a run may take opens at Mon 30 Mar 01:30 CEST", until: "Mon 30 Mar 2026 01:30 CEST"},
		"room of six days":      {s: engine.Schedule{Zone: "UTC", Needs: 143 * engine.Hour, Windows: []engine.Window{{Days: []string{"mon", "tue", "wed", "thu", "fri", "sat"}, From: "00:00", To: "24:00"}}}, now: "2026-12-07 03:00:00", want: "window: the window closes at Sun 13 Dec 00:00 UTC, in 142h; a run may take up to 143h, which fits next at Mon 14 Dec 00:00 UTC", until: "Mon 14 Dec 2026 00:00 UTC"},
		"in its own zone":       {s: engine.Schedule{Zone: berlin, Windows: []engine.Window{{From: "19:00", To: "23:00", Zone: "America/New_York"}}}, now: "2026-12-07 12:00:00", want: "window: no window is open; the next opens at Mon 7 Dec 19:00 EST", until: "Mon 7 Dec 2026 19:00 EST"},

		"all together": {s: engine.Schedule{Zone: berlin, Soak: 24 * engine.Hour, PerDay: 1, Needs: 20 * engine.Minute, Windows: []engine.Window{{From: "19:00", To: "20:10"}}, Freezes: []engine.Freeze{{From: "2026-12-09 19:15", To: "2026-12-10", Reason: "r"}}},
			landed: "2026-12-07 20:00:00", now: "2026-12-07 20:30:00", want: "soak per-day window", until: "Fri 11 Dec 2026 19:00 CET"},
		"never": {s: engine.Schedule{Zone: berlin, Windows: evening, Freezes: []engine.Freeze{{From: "2026-12-01", To: "2030-12-31", Reason: "for sale"}}}, now: "2026-12-07 19:30:00",
			want: "freeze: for sale: frozen from Tue 1 Dec 00:00 CET until Wed 1 Jan 2031 00:00 CET; freeze: within the next two years there is no moment at which all of the schedule allows it"},
		"never together": {s: engine.Schedule{Zone: berlin, Windows: []engine.Window{{From: "19:00", To: "23:00", Days: []string{"mon"}}}, Freezes: everyMonday()}, now: "2026-12-07 19:30:00", want: "freeze window"},
		"never long enough": {s: engine.Schedule{Zone: berlin, Needs: 5 * engine.Hour, Windows: evening}, now: "2026-12-07 12:00:00",
			want: "window: no window is open for the 5h that a run may take within the next two years"},
		"not valid": {s: engine.Schedule{Windows: []engine.Window{{From: "7pm", To: "23:00"}}}, now: "2026-12-07 12:00:00", want: `window: the schedule is not valid: schedule: window 1: from: "7pm" is not a time of day: write hours and minutes, such as "09:30"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.s.Order = []string{"m2"}
			pb := &engine.Playbook{Schedule: test.s, Inputs: map[string]string{"playbook": "1"}}
			var open []engine.GuardName
			if test.open != "" {
				open = append(open, engine.GuardName(test.open))
			}
			var runs []*engine.Run
			if test.landed != "" {
				runs = append(runs, past("m1", at(test.landed, berlin).Add(-time.Hour), engine.Landed))
			}
			held, ok := errors.AsType[*engine.NotYetError](engine.Guards(pb, "m2", at(test.now, berlin), runs, open...))
			if !ok {
				held = &engine.NotYetError{}
			}
			got, until := held.Error(), ""
			if !strings.Contains(test.want, ": ") {
				got = guardsOf(held)
			}
			if !held.Until.IsZero() {
				until = held.Until.Format("Mon 2 Jan 2006 15:04 MST")
			}
			if got != test.want {
				t.Errorf("held by\n%s\nwant\n%s", got, test.want)
			}
			if until != test.until {
				t.Errorf("until %q, want %q", until, test.until)
			}
		})
	}
}

// TestHoldUntil: each hold says when its own guard opens, whatever the others do.
func TestHoldUntil(t *testing.T) {
	pb := &engine.Playbook{Schedule: engine.Schedule{
		Order:   []string{"m2"},
		Windows: []engine.Window{{Days: []string{"wed"}, From: "19:00", To: "23:00"}},
		Freezes: []engine.Freeze{
			{From: "2027-01-04", To: "2027-01-04 09:00", Reason: "stock-taking"},
			{From: "2026-12-20", To: "2027-01-03", Reason: "year end"},
		},
	}}
	held, _ := errors.AsType[*engine.NotYetError](engine.Guards(pb, "m2", at("2026-12-24 12:00:00", ""), nil))
	for i, want := range []string{"2026-12-30 19:00:00", "2027-01-04 09:00:00"} {
		if got := held.Holds[i].Until; !got.Equal(at(want, "")) {
			t.Errorf("%s until %s, want %s", held.Holds[i].Guard, got, want)
		}
	}
	if !held.Until.Equal(at("2027-01-06 19:00:00", "")) {
		t.Errorf("earliest %s", held.Until)
	}
}

func guardsOf(held *engine.NotYetError) string {
	var names []string
	for _, h := range held.Holds {
		names = append(names, string(h.Guard))
	}
	return strings.Join(names, " ")
}

// everyMonday freezes every Monday of three years.
func everyMonday() []engine.Freeze {
	var all []engine.Freeze
	for monday := time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC); monday.Year() < 2030; monday = monday.AddDate(0, 0, 7) {
		all = append(all, engine.Freeze{From: monday.Format(time.DateOnly), To: monday.Format(time.DateOnly), Reason: "no Mondays"})
	}
	return all
}

// slow is a check that knows how long it may take.
type slow struct {
	engine.Checker
	longest time.Duration
}

func (s slow) Longest() time.Duration { return s.longest }

func TestNeeds(t *testing.T) {
	write, quick := &enginetest.Write{}, &enginetest.Check{}
	minutes := func(n int) slow { return slow{quick, time.Duration(n) * time.Minute} }
	steps := func(all ...engine.Step) *engine.Playbook { return &engine.Playbook{Steps: all} }
	gates := func(order []string, all ...engine.Gate) *engine.Playbook {
		return &engine.Playbook{Gates: all, Schedule: engine.Schedule{Order: order}}
	}
	three := []string{"m1", "m2", "m3"}
	tests := map[string]struct {
		pb   *engine.Playbook
		want engine.Duration
	}{
		"nothing":                {steps(), 0},
		"said":                   {&engine.Playbook{Schedule: engine.Schedule{Needs: engine.Hour}, Steps: []engine.Step{{Task: minutes(90)}}}, engine.Hour},
		"a minute a step":        {steps(engine.Step{Task: write}, engine.Step{Task: quick}), 2 * engine.Minute},
		"skipped":                {steps(engine.Step{Task: minutes(9), Skip: true}), 0},
		"a check":                {steps(engine.Step{Task: minutes(3)}), 4 * engine.Minute},
		"a check, both ways":     {steps(engine.Step{Task: minutes(3), OnRollback: true}), 7 * engine.Minute},
		"cut short":              {steps(engine.Step{Task: minutes(30), Timeout: 3 * engine.Minute}), 4 * engine.Minute},
		"not made longer":        {steps(engine.Step{Task: minutes(3), Timeout: 30 * engine.Minute}), 4 * engine.Minute},
		"only the step knows":    {steps(engine.Step{Task: quick, Timeout: 3 * engine.Minute}), 4 * engine.Minute},
		"asked again":            {steps(engine.Step{Task: minutes(3), Retry: 2, RetryPause: engine.Minute}), 12 * engine.Minute},
		"asked again, by itself": {steps(engine.Step{Task: minutes(3), Retry: 1}), 7*engine.Minute + 5*engine.Second},
		"a gate on peers":        {gates(three, engine.Gate{On: engine.Peers, Task: minutes(1)}), 4 * engine.Minute},
		"a gate on all":          {gates(three, engine.Gate{On: engine.All, Task: minutes(1)}), 6 * engine.Minute},
		"a gate on itself":       {gates(three, engine.Gate{On: engine.Self, Task: minutes(1)}), 2 * engine.Minute},
		"peers nobody knows":     {gates(nil, engine.Gate{On: engine.Peers, Task: minutes(1)}), 2 * engine.Minute},
		"without end":            {steps(engine.Step{Task: slow{quick, 1<<63 - 1}, Retry: 100, OnRollback: true}), 7 * 24 * engine.Hour},
	}
	for name, test := range tests {
		if got := test.pb.Needs(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestFits(t *testing.T) {
	window := func(from, to string, days ...string) engine.Window {
		return engine.Window{From: from, To: to, Days: days}
	}
	tests := map[string]struct {
		windows []engine.Window
		says    string // "": all fit
	}{
		"none":             {nil, ""},
		"long enough":      {[]engine.Window{window("19:00", "20:30")}, ""},
		"a minute short":   {[]engine.Window{window("19:00", "20:29")}, "window 1: a run never fits between 19:00 and 20:29: the window is open for 1h29m, and a run may take up to 1h30m"},
		"over midnight":    {[]engine.Window{window("23:00", "00:30", "fri")}, ""},
		"they touch":       {[]engine.Window{window("19:00", "20:00"), window("20:00", "20:30")}, ""},
		"on other days":    {[]engine.Window{window("19:00", "20:30", "mon"), window("20:30", "21:00", "tue")}, "window 2"},
		"on one day":       {[]engine.Window{window("19:00", "20:00", "mon", "tue"), window("20:00", "21:00", "tue", "wed")}, ""},
		"always":           {[]engine.Window{window("00:00", "24:00")}, ""},
		"midnight touches": {[]engine.Window{window("23:00", "24:00", "sun"), window("00:00", "00:30", "mon")}, ""},
		"in winter only":   {[]engine.Window{window("10:00", "11:00"), {From: "21:00", To: "22:00", Zone: "Australia/Sydney"}}, ""},
		"in summer only":   {[]engine.Window{window("10:00", "11:00"), {From: "17:30", To: "18:30", Zone: "Australia/Sydney"}}, ""},
		"at no time":       {[]engine.Window{window("10:00", "11:30"), {From: "12:00", To: "13:00", Zone: "Australia/Sydney"}}, "window 2"},
		"not valid":        {[]engine.Window{window("19:00", "19:10"), window("7pm", "8pm")}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pb := &engine.Playbook{Name: "p", Schedule: engine.Schedule{Zone: "Europe/Berlin", Needs: 90 * engine.Minute, Windows: test.windows}}
			err := pb.Fits()
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			if err != nil && !strings.Contains(pb.Prepare(nil).Error(), err.Error()) {
				t.Error("Prepare does not say so")
			}
		})
	}
}
