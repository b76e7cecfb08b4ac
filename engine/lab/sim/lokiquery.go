package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxEntries is the most that one query may ask for.
const maxEntries = 5000

type found struct {
	labels map[string]string
	entry
}

func (l *Loki) queryRange(r *http.Request) (any, error) {
	start, end, err := l.span(r, time.Hour)
	if err != nil {
		return nil, err
	}
	limit := 100
	if s := r.Form.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil {
			return nil, fmt.Errorf("strconv.ParseUint: parsing %q: invalid syntax", s)
		}
	}
	switch {
	case start == end:
		return nil, errors.New("end timestamp must not be before or equal to start time")
	case limit <= 0:
		return nil, errors.New("limit must be a positive value")
	case limit > maxEntries:
		return nil, fmt.Errorf("max entries limit per query exceeded, limit > max_entries_limit_per_query (%d > %d)", limit, maxEntries)
	}
	forward := false
	switch d := strings.ToLower(r.Form.Get("direction")); d {
	case "", "backward":
	case "forward":
		forward = true
	default:
		return nil, fmt.Errorf("invalid direction '%s'", d)
	}
	q, err := parseLogQL(r.Form.Get("query"))
	if err != nil {
		return nil, err
	}
	return streams(first(l.find(q, start, end), limit, forward)), nil
}

// find are the entries of the span that the query keeps, with the labels that it gives them.
func (l *Loki) find(q *logQL, start, end int64) []found {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []found
	for _, s := range l.streams {
		if !q.selects(s.labels) {
			continue
		}
		from, _ := slices.BinarySearchFunc(s.entries, start, func(e entry, at int64) int { return cmp.Compare(e.at, at) })
		for _, e := range s.entries[from:] {
			if e.at >= end {
				break
			}
			if labels, ok := q.keeps(s.labels, e.line); ok {
				out = append(out, found{labels, e})
			}
		}
	}
	return out
}

// first orders entries and takes as many as wanted.
func first(all []found, limit int, forward bool) []found {
	slices.SortStableFunc(all, func(a, b found) int {
		if forward {
			return cmp.Compare(a.at, b.at)
		}
		return cmp.Compare(b.at, a.at)
	})
	return all[:min(limit, len(all))]
}

// streams groups entries by their labels. Query results have a label more than the stream: the level
// that Loki detects, which of audit events is unknown.
func streams(list []found) map[string]any {
	type group struct {
		Stream map[string]string `json:"stream"`
		Values [][2]string       `json:"values"`
	}
	result := []*group{}
	at := map[string]*group{}
	for _, f := range list {
		key := labelText(f.labels)
		g := at[key]
		if g == nil {
			labels := maps.Clone(f.labels)
			labels["detected_level"] = "unknown"
			g = &group{Stream: labels}
			at[key] = g
			result = append(result, g)
		}
		g.Values = append(g.Values, [2]string{strconv.FormatInt(f.at, 10), f.line})
	}
	return map[string]any{"resultType": "streams", "result": result, "stats": map[string]any{}}
}
