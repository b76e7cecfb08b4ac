package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Loki is a log store of all masters together with the shippers that fill it. The zero value of every
// field but Nodes is usable. Run ships, ServeHTTP answers.
type Loki struct {
	Now   func() time.Time  // lab time, in which entries are stamped; nil is time.Now
	Nodes map[string]string // node to the path of its audit.log, as this process sees it
	// Breaks lists the kinds in force, each as KIND for all nodes or NODE/KIND for one; may be nil.
	Breaks func() []string
	Pace   float64 // divides the shippers' waits; 0 is 1

	mu      sync.Mutex
	streams map[string]*stream // by their labels' text
}

type stream struct {
	labels  map[string]string
	entries []entry
}

type entry struct {
	at   int64 // ns
	line string
}

// streamMax is how many entries of a stream are kept; older ones go.
const streamMax = 20000

func (l *Loki) now() time.Time {
	if l.Now == nil {
		return time.Now()
	}
	return l.Now()
}

// broken tells whether a kind is in force for a node, or for any node with "".
func (l *Loki) broken(kind, node string) bool {
	if l.Breaks == nil {
		return false
	}
	return slices.ContainsFunc(l.Breaks(), func(b string) bool {
		at, k, ok := strings.Cut(b, "/")
		return !ok && b == kind || ok && k == kind && (node == "" || at == node)
	})
}

// push appends lines to a stream. Times never go back within one, also when the clock does.
func (l *Loki) push(labels map[string]string, lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams == nil {
		l.streams = map[string]*stream{}
	}
	key := labelText(labels)
	s := l.streams[key]
	if s == nil {
		s = &stream{labels: labels}
		l.streams[key] = s
	}
	at := l.now().UnixNano()
	for _, line := range lines {
		if n := len(s.entries); n > 0 && at <= s.entries[n-1].at {
			at = s.entries[n-1].at + 1
		}
		s.entries = append(s.entries, entry{at, line})
	}
	if extra := len(s.entries) - streamMax; extra > 0 {
		s.entries = slices.Clone(s.entries[extra:])
	}
}

func labelText(labels map[string]string) string {
	var parts []string
	for k, v := range labels {
		parts = append(parts, k+"="+strconv.Quote(v))
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}

// ServeHTTP answers the part of Loki's API that a reader of logs needs.
func (l *Loki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.broken(breakLokiDown, "") {
		hangUp(w)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var data any
	var err error
	switch path := strings.TrimPrefix(r.URL.Path, "/loki/api/v1/"); {
	case r.URL.Path == "/ready":
		fmt.Fprintln(w, "ready")
		return
	case path == "query_range":
		data, err = l.queryRange(r)
	case path == "series":
		data, err = l.series(r)
	case path == "labels" || path == "label":
		data, err = l.labelNames(r)
	case strings.HasPrefix(path, "label/") && strings.HasSuffix(path, "/values"):
		data, err = l.labelValues(r, strings.TrimSuffix(strings.TrimPrefix(path, "label/"), "/values"))
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
}

// hangUp closes the connection without a word, as a port does behind which nothing listens any more.
func hangUp(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if c, _, err := h.Hijack(); err == nil {
			c.Close()
			return
		}
	}
	panic(http.ErrAbortHandler) // net/http's own way to end a connection
}

// span is the time that a request asks for, in ns.
func (l *Loki) span(r *http.Request, back time.Duration) (start, end int64, err error) {
	end, err = moments(r.Form.Get("end"), l.now().UnixNano())
	if err != nil {
		return 0, 0, fmt.Errorf("invalid end parameter: %w", err)
	}
	if s := r.Form.Get("since"); s != "" {
		if back, err = time.ParseDuration(s); err != nil {
			return 0, 0, fmt.Errorf("could not parse 'since' parameter: %w", err)
		}
	}
	start, err = moments(r.Form.Get("start"), end-int64(back))
	if err != nil {
		return 0, 0, fmt.Errorf("invalid start parameter: %w", err)
	}
	if end < start {
		return 0, 0, fmt.Errorf("end timestamp must not be before or equal to start time")
	}
	return start, end, nil
}

// moments reads a time as Loki does: RFC 3339, nanoseconds, or seconds where there is a fraction or
// there are ten digits at most.
func moments(s string, absent int64) (int64, error) {
	if s == "" {
		return absent, nil
	}
	if strings.Contains(s, ".") {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return int64(f * 1e9), nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if len(s) <= 10 {
			n *= 1e9
		}
		return n, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("cannot parse %q as a time", s)
	}
	return t.UnixNano(), nil
}

// matching are the streams that have an entry in the span and match one of the selectors; no selector
// matches all.
func (l *Loki) matching(r *http.Request, selectors []string, back time.Duration) ([]*stream, error) {
	start, end, err := l.span(r, back)
	if err != nil {
		return nil, err
	}
	var queries []*logQL
	for _, s := range selectors {
		q, err := parseLogQL(s)
		if err != nil {
			return nil, err
		}
		queries = append(queries, q)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*stream
	for _, s := range l.streams {
		last := s.entries[len(s.entries)-1].at
		if last < start || s.entries[0].at > end {
			continue
		}
		if len(queries) == 0 || slices.ContainsFunc(queries, func(q *logQL) bool { return q.selects(s.labels) }) {
			out = append(out, s)
		}
	}
	return out, nil
}

func (l *Loki) series(r *http.Request) (any, error) {
	selectors := append(slices.Clone(r.Form["match[]"]), r.Form["match"]...)
	list, err := l.matching(r, selectors, time.Hour)
	out := []map[string]string{}
	for _, s := range list {
		out = append(out, s.labels)
	}
	slices.SortFunc(out, func(a, b map[string]string) int { return strings.Compare(labelText(a), labelText(b)) })
	return out, err
}

func labelQuery(r *http.Request) []string {
	if q := r.Form.Get("query"); q != "" {
		return []string{q}
	}
	return nil
}

func (l *Loki) labelNames(r *http.Request) (any, error) {
	list, err := l.matching(r, labelQuery(r), 6*time.Hour)
	out := []string{}
	for _, s := range list {
		for k := range s.labels {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), err
}

func (l *Loki) labelValues(r *http.Request, name string) (any, error) {
	if !regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`).MatchString(name) {
		return nil, fmt.Errorf("invalid label name: %s", name)
	}
	list, err := l.matching(r, labelQuery(r), 6*time.Hour)
	out := []string{}
	for _, s := range list {
		if v, ok := s.labels[name]; ok {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), err
}
