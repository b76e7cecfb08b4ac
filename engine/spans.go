package engine

import (
	"slices"
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

// during are the spans in which calendar and clock on a wall show a time from from until before to, both
// written as if they were UTC. A zone moves its clock at single moments and leaves it alone in between, so
// each stretch in between is a shift: nothing is asked that a skipped or repeated hour could answer in two
// ways.
func during(from, to time.Time, zone *time.Location) []span {
	var spans []span
	end := to.Add(farthest)
	for t := from.Add(-farthest); t.Before(end); {
		_, offset := t.In(zone).Zone()
		_, next := t.In(zone).ZoneBounds()
		if next.IsZero() || next.After(end) {
			next = end
		}
		shift := time.Duration(offset) * time.Second
		s := span{later(t, from.Add(-shift)), earlier(next, to.Add(-shift)), zone}
		if s.from.Before(s.to) {
			spans = append(spans, s)
		}
		t = next
	}
	return spans
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
