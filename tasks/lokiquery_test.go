package tasks

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks/loki"
)

// stream is one stream of the simulated Loki.
type stream struct {
	labels map[string]string
	lines  []stamped
}

type stamped struct {
	at   time.Time // Loki's stamp
	line string
}

// fakeLoki answers as a Loki does, as far as it is asked here.
type fakeLoki struct {
	streams func() []stream
	wrong   func(n int, r *http.Request) (status int, body string) // 0: answer properly

	mu      sync.Mutex
	asked   int
	headers http.Header // of the last request
}

func (f *fakeLoki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked++
	f.headers = r.Header
	n := f.asked
	f.mu.Unlock()
	if f.wrong != nil {
		if status, body := f.wrong(n, r); status != 0 {
			w.Header().Set("Location", "https://login.example.org/")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return
		}
	}
	var data any
	switch what := strings.TrimPrefix(r.URL.Path, "/prefix/loki/api/v1/"); {
	case what == "query_range":
		data = map[string]any{"resultType": "streams", "result": f.lines(r)}
	case what == "series":
		data = f.matching(r.FormValue("match[]"))
	default:
		name := strings.TrimSuffix(strings.TrimPrefix(what, "label/"), "/values")
		var all []string
		for _, s := range f.streams() {
			for k, v := range s.labels {
				all = append(all, map[bool]string{true: k, false: v}[what == "labels"])
				if what != "labels" && k != name {
					all = all[:len(all)-1]
				}
			}
		}
		slices.Sort(all)
		data = slices.Compact(all)
	}
	json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
}

func (f *fakeLoki) matching(selector string) (all []map[string]string) {
	q, err := loki.Parse(selector)
	if err != nil {
		panic(err)
	}
	for _, s := range f.streams() {
		if !slices.ContainsFunc(q.Matchers, func(m loki.Matcher) bool { return !m.Matches(s.labels[m.Label]) }) {
			all = append(all, s.labels)
		}
	}
	return all
}

// lines are the first lines in the window, oldest first over all streams, each in a group of its own.
func (f *fakeLoki) lines(r *http.Request) (groups []any) {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(r.FormValue(name), 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	start, end, limit := number("start"), number("end"), number("limit")
	labels := f.matching(r.FormValue("query"))
	type found struct {
		stamped
		labels map[string]string
	}
	var all []found
	for _, s := range f.streams() {
		for _, l := range s.lines {
			in := slices.ContainsFunc(labels, func(m map[string]string) bool { return fmt.Sprint(m) == fmt.Sprint(s.labels) })
			if at := l.at.UnixNano(); in && at >= start && at < end {
				all = append(all, found{l, s.labels})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.at.Compare(b.at) })
	for _, l := range all[:min(int(limit), len(all))] {
		groups = append(groups, map[string]any{"stream": l.labels, "values": [][]string{{strconv.FormatInt(l.at.UnixNano(), 10), l.line}}})
	}
	return groups
}

func noLokiEnv(t *testing.T) {
	for _, name := range []string{"ADDR", "USERNAME", "PASSWORD", "BEARER_TOKEN", "BEARER_TOKEN_FILE", "AUTH_HEADER", "ORG_ID", "CA_CERT_PATH", "CLIENT_CERT_PATH", "CLIENT_KEY_PATH", "TLS_SKIP_VERIFY"} {
		t.Setenv("LOKI_"+name, "")
	}
}

func shipped() *LokiQuery {
	return &LokiQuery{URL: "http://loki:3100/prefix/", Query: `{filename="/var/log/kubernetes/audit.log"}`, Node: LokiNode{Label: "node"}, Via: "node", Count: 2}
}

func TestLokiQuery(t *testing.T) {
	noLokiEnv(t)
	event := func(at time.Time) string {
		return fmt.Sprintf(`{"kind":"Event","requestReceivedTimestamp":%q,"host":"master1"}`, at.UTC().Format(time.RFC3339Nano))
	}
	audit := func(node string, lines ...stamped) stream {
		return stream{map[string]string{"filename": "/var/log/kubernetes/audit.log", "node": node}, lines}
	}
	many := func(n int, at time.Time, line string) (all []stamped) {
		for i := range n {
			all = append(all, stamped{at.Add(time.Duration(i/7) * time.Millisecond), line})
		}
		return all
	}
	tests := []struct {
		name    string
		task    func(*LokiQuery)
		streams func(t0, now time.Time) []stream // t0 is the change
		wrong   func(now time.Duration, n int, r *http.Request) (int, string)
		max     float64
		want    []string
		said    []string
	}{
		{name: "two new lines, after some time", max: 22, want: []string{"proven"}, said: []string{"Loki has 0 of 2", "2 new lines of master1 in Loki"},
			streams: func(t0, now time.Time) []stream {
				if now.Sub(t0) < 20*time.Second {
					return []stream{audit("master1", stamped{t0.Add(-time.Second), event(t0.Add(-time.Second))})}
				}
				return []stream{audit("master1", stamped{now, event(t0.Add(time.Second))}, stamped{now, event(t0.Add(2 * time.Second))})}
			}},
		{name: "only another node's lines", max: 125, want: []string{"failed: Loki has 0 of 2 new lines of master1 after 2m: ", "has streams of other nodes only", `"master2"`},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master2", stamped{now, event(now)}, stamped{now, event(now)})}
			}},
		{name: "another node's lines by field", max: 125, task: func(l *LokiQuery) { l.Node = LokiNode{Field: "host", Value: "master1.example.org"} }, want: []string{"failed: ", `only lines of other nodes: "master1"`},
			streams: func(t0, now time.Time) []stream { return []stream{audit("x", stamped{now, event(now)})} }},
		{name: "this node's lines by field", max: 2, task: func(l *LokiQuery) { l.Node, l.Count = LokiNode{Field: "host"}, 1 }, want: []string{"proven"},
			streams: func(t0, now time.Time) []stream { return []stream{audit("x", stamped{now, event(now)})} }},
		{name: "a Loki that ignores the matcher", max: 125, want: []string{"failed: ", `only lines of other nodes: "master2"`},
			wrong: func(_ time.Duration, _ int, r *http.Request) (int, string) {
				if !strings.HasSuffix(r.URL.Path, "query_range") {
					return 0, ""
				}
				return 200, fmt.Sprintf(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"node":"master2"},"values":[["1",%q]]}]}}`, event(time.Now()))
			}},
		{name: "old lines with new stamps", max: 125, want: []string{"failed: ", "only lines from before the change"},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master1", stamped{now, event(t0.Add(-time.Hour))}, stamped{now, event(t0.Add(-time.Minute))})}
			}},
		{name: "lines without time", max: 125, want: []string{"failed: ", "2 lines have no time at requestReceivedTimestamp", "event_time"},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master1", stamped{now, "plain"}, stamped{now, `{"a":1}`})}
			}},
		{name: "Loki's own stamp, asked for", max: 2, task: func(l *LokiQuery) { l.EventTime = "@entry" }, want: []string{"proven"},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master1", stamped{now, "plain"}, stamped{now, "more"})}
			}},
		{name: "wrapped by the shipper", max: 2, want: []string{"proven"},
			streams: func(t0, now time.Time) []stream {
				line, _ := json.Marshal(map[string]string{"message": event(now), "timestamp": "2020-01-01T00:00:00Z"})
				return []stream{audit("master1", stamped{now, string(line)}, stamped{now, string(line)})}
			}},
		{name: "the stream is there, nothing new", max: 125, want: []string{"failed: ", "the stream is there, no line newer than the change"},
			streams: func(t0, now time.Time) []stream { return []stream{audit("master1")} }},
		{name: "no such label", max: 125, want: []string{"failed: ", `no stream has the label "filename"`, `did you mean "file_name"`}, said: []string{`warning: no stream in Loki has the label "filename" yet`},
			streams: func(t0, now time.Time) []stream {
				return []stream{{map[string]string{"file_name": "x", "node": "master1"}, nil}}
			}},
		{name: "no such value", max: 125, want: []string{"failed: ", `no stream has filename="/var/log/kubernetes/audit.log"; did you mean "/var/log/kubernetes-audit.log"?`},
			streams: func(t0, now time.Time) []stream {
				return []stream{{map[string]string{"filename": "/var/log/kubernetes-audit.log", "node": "master1"}, nil}}
			}},
		{name: "labels on different streams", max: 125, want: []string{"failed: ", "has streams of other nodes only"},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master2"), {map[string]string{"node": "master1"}, nil}}
			}},
		{name: "wrong tenant", max: 125, want: []string{"failed: ", "Loki has no streams at all", "LOKI_ORG_ID"}, streams: func(t0, now time.Time) []stream { return nil }},
		{name: "a burst of errors", max: 25, want: []string{"proven"}, said: []string{"answers 503"},
			wrong: func(now time.Duration, n int, _ *http.Request) (int, string) {
				return map[bool]int{true: 503}[now >= 0 && now < 15*time.Second], "starting"
			},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master1", stamped{now, event(now)}, stamped{now, event(now)})}
			}},
		{name: "silent after the change", max: 130, want: []string{"unavailable: after 2m Loki at http://loki:3100/prefix answers 502"},
			wrong: func(now time.Duration, _ int, _ *http.Request) (int, string) {
				return map[bool]int{true: 502}[now >= 0], ""
			}},
		{name: "slow", max: 140, want: []string{"unavailable: after 2m Loki at http://loki:3100/prefix cannot be reached: no answer in time"},
			wrong: func(now time.Duration, _ int, _ *http.Request) (int, string) {
				if now >= 0 {
					time.Sleep(time.Minute)
				}
				return 0, ""
			}},
		{name: "a body without end", max: 130, want: []string{"unavailable: ", "larger than what is read"},
			wrong: func(now time.Duration, _ int, _ *http.Request) (int, string) {
				return map[bool]int{true: 200}[now > 118*time.Second], strings.Repeat("x", loki.MaxBody+1)
			}},
		{name: "malformed", max: 125, want: []string{"unavailable: ", "not as a Loki does"},
			wrong: func(now time.Duration, _ int, _ *http.Request) (int, string) {
				return map[bool]int{true: 200}[now >= 0], `{"status":"success","data":{"resultType":"streams","result":[{"values":[["x"]]}]}}`
			}},
		{name: "deep", max: 125, want: []string{"unavailable: ", "not as a Loki does"},
			wrong: func(now time.Duration, _ int, _ *http.Request) (int, string) {
				return map[bool]int{true: 200}[now >= 0], `{"status":"success","data":` + strings.Repeat("[", 1<<20)
			}},
		{name: "a clock that is behind the node's", max: 2, want: []string{"proven"},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master1", stamped{t0.Add(-50 * time.Second), event(t0.Add(time.Second))}, stamped{t0.Add(-49 * time.Second), event(t0.Add(2 * time.Second))})}
			}},
		{name: "a clock that is ahead of the node's", max: 2, want: []string{"proven"},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master1", stamped{now.Add(50 * time.Second), event(t0.Add(time.Second))}, stamped{now.Add(51 * time.Second), event(t0.Add(2 * time.Second))})}
			}},
		{name: "many old lines before the new ones", max: 2, want: []string{"proven"},
			streams: func(t0, now time.Time) []stream {
				lines := append(many(5000, t0.Add(-50*time.Second), event(t0.Add(-50*time.Second))), many(2, t0.Add(time.Second), event(t0.Add(time.Second)))...)
				return []stream{audit("master1", lines...)}
			}},
		{name: "more old lines than a poll reads", max: 8, want: []string{"proven"},
			streams: func(t0, now time.Time) []stream {
				lines := append(many(21000, t0.Add(-50*time.Second), event(t0.Add(-50*time.Second))), many(2, t0.Add(time.Second), event(t0.Add(time.Second)))...)
				return []stream{audit("master1", lines...)}
			}},
		{name: "one new line is not counted twice", max: 125, task: func(l *LokiQuery) { l.Count, l.Timeout = 1001, 4*engine.Second }, want: []string{"failed: Loki has 1000 of 1001", "too few"},
			streams: func(t0, now time.Time) []stream {
				return []stream{audit("master1", many(1000, t0.Add(time.Second), event(t0.Add(time.Second)))...)}
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &scripted{}
				t0 := time.Now().Add(time.Minute)
				f := &fakeLoki{streams: func() []stream {
					if test.streams == nil {
						return []stream{audit("master1")}
					}
					return test.streams(t0, time.Now())
				}}
				if test.wrong != nil {
					f.wrong = func(i int, r *http.Request) (int, string) { return test.wrong(time.Since(t0), i, r) }
				}
				_, stop := n.serve("loki:3100", nil, f.ServeHTTP)
				defer stop()
				task := shipped()
				if test.task != nil {
					test.task(task)
				}
				time.Sleep(time.Minute - time.Nanosecond)
				mark, err := task.Mark(t.Context(), n.watch(), nil)
				if err != nil {
					t.Fatal(verdict(err))
				}
				time.Sleep(time.Nanosecond)
				began := time.Now()
				err = task.Check(t.Context(), n.watch(), mark)
				wants(t, verdict(err), test.want...)
				wants(t, strings.Join(n.said, "\n"), test.said...)
				if took := time.Since(began).Seconds(); took > test.max {
					t.Errorf("took %.1f s", took)
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				if f.headers.Get("Cache-Control") != "no-cache" {
					t.Error("caches may answer")
				}
			})
		})
	}
}

func TestLokiQueryMark(t *testing.T) {
	answer := func(status int, body string) func(int, *http.Request) (int, string) {
		return func(int, *http.Request) (int, string) { return status, body }
	}
	tests := []struct {
		name  string
		env   map[string]string
		wrong func(int, *http.Request) (int, string)
		down  bool
		task  func(*LokiQuery)
		want  []string
	}{
		{name: "well", want: []string{"proven"}},
		{name: "down", down: true, want: []string{"unavailable: Loki at http://loki:3100/prefix cannot be reached: ", "refused"}},
		{name: "no tenant", wrong: answer(401, "no org id\n"), want: []string{"unavailable: ", "tenant", "set LOKI_ORG_ID"}},
		{name: "credentials", wrong: answer(401, "Unauthorized"), want: []string{"unavailable: ", "refuses the credentials", "LOKI_USERNAME"}},
		{name: "forbidden", wrong: answer(403, ""), want: []string{"unavailable: ", "does not allow the query"}},
		{name: "throttled", wrong: answer(429, ""), want: []string{"unavailable: ", "no more queries"}},
		{name: "not understood", wrong: answer(400, "parse error at line 1, col 9"), want: []string{"unavailable: ", "does not take the query", "parse error at line 1, col 9"}},
		{name: "not found", wrong: answer(404, "404 page not found"), want: []string{"unavailable: ", "path prefix"}},
		{name: "a login page", wrong: answer(302, ""), want: []string{"unavailable: ", "a redirect to https://login.example.org/, which is not followed"}},
		{name: "a web page", wrong: answer(200, "<html>"), want: []string{"unavailable: ", "not as a Loki does", "<html>"}},
		{name: "two errors, then well", wrong: func(n int, _ *http.Request) (int, string) { return map[bool]int{true: 503}[n < 3], "" }, want: []string{"proven"}},
		{name: "labels closed off", wrong: func(_ int, r *http.Request) (int, string) {
			return map[bool]int{true: 403}[strings.HasSuffix(r.URL.Path, "/labels")], ""
		}, want: []string{"proven"}},
		{name: "two kinds of credentials", env: map[string]string{"LOKI_USERNAME": "u", "LOKI_BEARER_TOKEN": "t"}, want: []string{"unavailable: LOKI_USERNAME with LOKI_PASSWORD and a bearer token are both set"}},
		{name: "no token file", env: map[string]string{"LOKI_BEARER_TOKEN_FILE": "/does/not/exist"}, want: []string{"unavailable: LOKI_BEARER_TOKEN_FILE"}},
		{name: "address of the environment", env: map[string]string{"LOKI_ADDR": "http://loki:3100/prefix"}, task: func(l *LokiQuery) { l.URL = "" }, want: []string{"proven"}},
		{name: "no address", task: func(l *LokiQuery) { l.URL = "" }, want: []string{"unavailable: the address of Loki"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			noLokiEnv(t)
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			synctest.Test(t, func(t *testing.T) {
				n := &scripted{}
				f := &fakeLoki{streams: func() []stream { return nil }, wrong: test.wrong}
				l, stop := n.serve("loki:3100", nil, f.ServeHTTP)
				defer stop()
				l.down.Store(test.down)
				task := shipped()
				if test.task != nil {
					test.task(task)
				}
				_, err := task.Mark(t.Context(), n.watch(), nil)
				wants(t, verdict(err), test.want...)
				w := n.watch()
				w.Undoing = true
				if _, err := task.Mark(t.Context(), w, nil); err != nil && test.env == nil && task.URL != "" {
					t.Errorf("on the way down it stops: %v", err)
				}
			})
		})
	}
}

// TestLokiTLS asks over a real connection, from this machine.
func TestLokiTLS(t *testing.T) {
	f := &fakeLoki{streams: func() []stream { return nil }}
	srv := httptest.NewUnstartedServer(f)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	ca, _ := authority(t, "x")
	wrong := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(wrong, []byte(ca), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &scripted{}
	task := shipped()
	task.URL, task.Via = srv.URL+"/prefix", ""
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"unknown authority": {nil, "is not who it should be"},
		"wrong authority":   {map[string]string{"LOKI_CA_CERT_PATH": wrong}, "is not who it should be"},
		"not verified":      {map[string]string{"LOKI_TLS_SKIP_VERIFY": "true", "LOKI_USERNAME": "u", "LOKI_PASSWORD": "p", "LOKI_ORG_ID": "t1"}, "proven"},
		"a bearer token":    {map[string]string{"LOKI_TLS_SKIP_VERIFY": "true", "LOKI_BEARER_TOKEN": "abc", "LOKI_AUTH_HEADER": "X-Auth"}, "proven"},
		"half a client":     {map[string]string{"LOKI_CLIENT_CERT_PATH": wrong}, "belong together"},
		"no certificate":    {map[string]string{"LOKI_CA_CERT_PATH": os.DevNull}, "LOKI_CA_CERT_PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			noLokiEnv(t)
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			w := n.watch()
			w.Clock.Pace = 1000 // pauses between tries
			mark, err := task.Mark(t.Context(), w, nil)
			wants(t, verdict(err), test.want)
			if err != nil {
				return
			}
			if strings.Contains(string(mark), "abc") || f.headers.Get("X-Scope-OrgID") != test.env["LOKI_ORG_ID"] {
				t.Errorf("mark %s, headers %v", mark, f.headers)
			}
			if got := f.headers.Get("Authorization") + f.headers.Get("X-Auth"); got != "Basic dTpw" && got != "Bearer abc" {
				t.Errorf("credentials %q", got)
			}
			wants(t, strings.Join(n.said, "\n"), "LOKI_TLS_SKIP_VERIFY")
		})
	}
}

func TestLokiQueryPrepare(t *testing.T) {
	noLokiEnv(t)
	tests := []struct {
		change func(*LokiQuery)
		want   string
	}{
		{func(*LokiQuery) {}, "proven"},
		{func(l *LokiQuery) { l.Node = LokiNode{} }, "node: without a label or field"},
		{func(l *LokiQuery) { l.Node.Field = "host" }, "node: give a label or a field"},
		{func(l *LokiQuery) { l.Node.Label = "no-de" }, "node:"},
		{func(l *LokiQuery) { l.URL = "" }, "url: it is empty, and LOKI_ADDR is not set"},
		{func(l *LokiQuery) { l.URL = "loki:3100" }, "url:"},
		{func(l *LokiQuery) { l.URL = "http://u:geheim@loki" }, "url: a user or password"},
		{func(l *LokiQuery) { l.URL = "http://loki/loki/api/v1/query" }, "url: the part from /loki/api"},
		{func(l *LokiQuery) { l.Query = "" }, "query: the query is empty"},
		{func(l *LokiQuery) { l.Query = `{a="b"` }, "query: the selector is not closed"},
		{func(l *LokiQuery) { l.Query = `rate({a="b"}[5m])` }, "query: a log query begins with its selector"},
		{func(l *LokiQuery) { l.Count = -1 }, "count:"},
		{func(l *LokiQuery) { l.Via = "peer" }, "via:"},
	}
	for _, test := range tests {
		l := shipped()
		test.change(l)
		err := l.Prepare(nil)
		wants(t, verdict(err), test.want)
		if strings.Contains(verdict(err), "geheim") {
			t.Error("a password is shown")
		}
	}
}

var _ engine.Preparer = (*LokiQuery)(nil)
