package engine

import (
	"slices"
	"sort"
	"time"
)

// What a clock on a wall shows, as stretches of time.

// span is a stretch of time; to is not in it. zone is where it was written down.
type span struct {
	from, to time.Time
	zone     *time.Location
}

// length is how long the span is.
func (s span) length() time.Duration { return s.to.Sub(s.from) }

// farthest is more than any zone's clock is, or was, away from UTC.
const farthest = 24 * time.Hour

// still is a stretch in which a zone leaves its clock alone, that far ahead of UTC.
type still struct {
	span
	ahead time.Duration
}

// stills are what the time from from until before to, both whole seconds, is made of in a zone. A day in
// which the clock was moved is halved until the second is found: time.Time.ZoneBounds, which knows it, gives
// an end that has passed on the last day of leap years (go1.26). No zone moves its clock twice in a day.
func stills(from, to time.Time, zone *time.Location) []still {
	ahead := func(t time.Time) time.Duration {
		_, seconds := t.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	var all []still
	now := still{span{from, to, zone}, ahead(from)}
	for t := from; t.Before(to); {
		next := earlier(t.Add(aDay), to)
		if ahead(next) != now.ahead {
			seconds := sort.Search(int(next.Sub(t)/time.Second), func(s int) bool { return ahead(t.Add(time.Duration(s)*time.Second)) != now.ahead })
			next = t.Add(time.Duration(seconds) * time.Second)
			now.to = next
			all = append(all, now)
			now = still{span{next, to, zone}, ahead(next)}
		}
		t = next
	}
	return append(all, now)
}

// shown are the spans of some stills in which calendar and clock on a wall show a time from from until
// before to, both written as if they were UTC. Within a still that is a shift: nothing is asked that a
// skipped or repeated hour could answer in two ways.
func shown(from, to time.Time, all []still) []span {
	var spans []span
	for _, s := range all {
		if s := (span{later(s.from, from.Add(-s.ahead)), earlier(s.to, to.Add(-s.ahead)), s.zone}); s.from.Before(s.to) {
			spans = append(spans, s)
		}
	}
	return spans
}

// during is shown, in a zone.
func during(from, to time.Time, zone *time.Location) []span {
	return shown(from, to, stills(from.Add(-farthest), to.Add(farthest), zone))
}

// merge sorts spans and joins those that overlap or touch.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var merged []span
	for _, s := range spans {
		if last := len(merged) - 1; last >= 0 && !s.from.After(merged[last].to) {
			merged[last].to = later(merged[last].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// dateOf is the date that a calendar on a wall shows at t, as midnight UTC.
func dateOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

const aDay = 24 * time.Hour // of a date written as UTC, where every day has as many hours

// dayOf is the span of the calendar day that t is in, in a zone. Where a clock is put back over midnight,
// the day is in two pieces, and it is the one with t.
func dayOf(t time.Time, zone *time.Location) span {
	date := dateOf(t.In(zone))
	pieces := merge(during(date, date.Add(aDay), zone))
	at := slices.IndexFunc(pieces, func(s span) bool { return t.Before(s.to) })
	return pieces[at]
}
