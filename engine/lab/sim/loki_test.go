package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shelf is a Loki with a log of each of two nodes.
type shelf struct {
	*bed
	loki *Loki
	url  string
	dir  string

	mu     sync.Mutex
	broken []string
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{bed: &bed{T: t, node: &Node{State: t.TempDir()}}, dir: t.TempDir()}
	s.loki = &Loki{Pace: 200, Nodes: map[string]string{"master1": s.log("master1"), "master2": s.log("master2")},
		Breaks: func() []string { s.mu.Lock(); defer s.mu.Unlock(); return s.broken }}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.loki.Run(ctx) }()
	server := httptest.NewServer(s.loki)
	s.url = server.URL
	t.Cleanup(func() { server.Close(); cancel(); <-ended })
	return s
}

func (s *shelf) log(node string) string {
	return filepath.Join(s.dir, node, "var/log/kubernetes/audit.log")
}

func (s *shelf) setBroken(kinds ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = kinds
}

func (s *shelf) append(node, text string) {
	s.Helper()
	os.MkdirAll(filepath.Dir(s.log(node)), 0o755)
	f, err := os.OpenFile(s.log(node), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, text)
}

func (s *shelf) ask(path string, q url.Values) (code int, body string) {
	s.Helper()
	res, err := http.Get(s.url + path + "?" + q.Encode())
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

// lines are the lines of a query's answer.
func (s *shelf) lines(query string, more ...string) (out []string) {
	s.Helper()
	q := url.Values{"query": {query}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	code, body := s.ask("/loki/api/v1/query_range", q)
	var a struct {
		Data struct {
			ResultType string
			Result     []struct {
				Stream map[string]string
				Values [][]string
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || code != http.StatusOK || a.Data.ResultType != "streams" {
		s.Fatalf("%s: %d %s %v", query, code, body, err)
	}
	for _, r := range a.Data.Result {
		for _, v := range r.Values {
			out = append(out, v[1])
		}
	}
	return out
}

func TestShipping(t *testing.T) {
	s := newShelf(t)
	const all = `{app="kube-apiserver-audit"}`
	equal(t, "nothing yet", len(s.lines(all)), 0)
	s.append("master1", "one\ntw")
	s.until("one", func() bool { return slices.Equal(s.lines(all), []string{"one"}) })
	s.append("master1", "o\n")
	s.until("a line that came in two parts", func() bool { return slices.Contains(s.lines(all), "two") })
	os.Rename(s.log("master1"), s.log("master1")+".1")
	s.append("master1", "three\n")
	s.until("the rotated file", func() bool { return slices.Contains(s.lines(all), "three") })
	os.Truncate(s.log("master1"), 0)
	s.append("master1", "4\n")
	s.until("the truncated file", func() bool { return slices.Contains(s.lines(all), "4") })
	s.append("master2", "other\n")
	s.until("the other node", func() bool { return slices.Equal(s.lines(`{node="master2"}`), []string{"other"}) })
	equal(t, "forward", strings.Join(s.lines(`{node="master1"}`, "direction", "forward"), " "), "one two three 4")
	equal(t, "backward, with a limit", strings.Join(s.lines(`{node="master1"}`, "limit", "2"), " "), "4 three")
}

func TestLokiBreaks(t *testing.T) {
	s := newShelf(t)
	s.append("master1", "before\n")
	s.until("before", func() bool { return len(s.lines(`{node="master1"}`)) == 1 })
	s.setBroken("master1/" + breakLokiOther)
	s.append("master1", "astray\n")
	s.until("under the other label", func() bool { return slices.Equal(s.lines(`{node="master2"}`), []string{"astray"}) })
	equal(t, "not under its own", len(s.lines(`{node="master1"}`)), 1)
	s.setBroken(breakLokiOther)
	s.append("master2", "nobody\n")
	s.until("under no node's label", func() bool { return slices.Equal(s.lines(`{node="other-node"}`), []string{"nobody"}) })
	s.setBroken("master1/" + breakLokiLate)
	s.append("master1", "late\n")
	s.append("master2", "on time\n")
	s.until("on time", func() bool { return slices.Contains(s.lines(`{node="master2"}`), "on time") })
	equal(t, "silent", slices.Contains(s.lines(`{node=~".+"}`), "late"), false)
	s.setBroken()
	s.until("mended", func() bool { return slices.Contains(s.lines(`{node="master1"}`), "late") })
	s.setBroken("master2/" + breakLokiDown)
	code, text := s.ask("/ready", nil)
	equal(t, "down: "+text, code, 0)
	s.setBroken()
	code, _ = s.ask("/ready", nil)
	equal(t, "up", code, http.StatusOK)
}

func TestLogQL(t *testing.T) {
	s := newShelf(t)
	labels := func(node string) map[string]string { return map[string]string{"node": node, "app": "a", "empty": ""} }
	s.loki.push(labels("master1"), []string{`{"verb":"create","objectRef":{"resource":"pods","n":3},"ok":true,"list":[1]}`, `{"verb":"get","node":"x"}`, "plain text"})
	s.loki.push(labels("master2"), []string{`{"verb":"create"}`})
	for _, c := range []struct {
		query string
		want  int
	}{
		{`{node="master1"}`, 3}, {`{node=~"master.*"}`, 4}, {`{node=~"master"}`, 0}, {`{node!="master1", app="a"}`, 1}, {`{node!~"master1|x",app=~"a"}`, 1},
		{`{app="a"} |= "create"`, 2}, {`{app="a"} != "create"`, 2}, {`{app="a"} |~ "pl.in"`, 1}, {"{app=\"a\"} !~ `^\\{`", 1},
		{`{app="a"} |= "create" |= "pods"`, 1}, {`{app="a"}|json|verb="create"`, 2}, {`{app="a"} | json | objectRef_resource="pods" and verb="create"`, 1},
		{`{app="a"} | json | verb="get" or objectRef_resource="pods"`, 2}, {`{app="a"} | json | objectRef_n=3`, 1}, {`{app="a"} | json | ok="true"`, 1},
		{`{app="a"} | json | node_extracted="x"`, 1}, {`{app="a"} | json | __error__!=""`, 1}, {`{app="a"} | json | __error__="" , verb!="get"`, 2},
		{`{missing="x"}`, 0}, {`{app="a", missing=""}`, 4}, {`{app="a"} | node="master2"`, 1},
	} {
		equal(t, c.query, len(s.lines(c.query)), c.want)
	}
}

func TestLokiErrors(t *testing.T) {
	s := newShelf(t)
	s.loki.push(map[string]string{"node": "master1"}, []string{"x"})
	now := time.Now().UnixNano()
	for _, c := range []struct {
		query, more string
		want        string
	}{
		{``, "", "parse error at line 1, col 1: syntax error: unexpected $end"},
		{`{`, "", "parse error at line 1, col 2: syntax error: unexpected $end, expecting IDENTIFIER"},
		{`{node="x"`, "", "unexpected $end, expecting } or ,"},
		{`{node=x}`, "", "parse error at line 1, col 7: syntax error: unexpected IDENTIFIER, expecting STRING"},
		{`{node="x"} foo`, "", "syntax error: unexpected IDENTIFIER"},
		{`{node="x"} | json |`, "", "unexpected $end"},
		{`{node=~"("}`, "", "error parsing regexp"},
		{`{node="x"} |~ "("`, "", "error parsing regexp"},
		{`{}`, "", "queries require at least one regexp or equality matcher"},
		{`{node=~".*"}`, "", `app=~".*" does not meet this requirement, but app=~".+" will`},
		{`rate({node="x"}[1m])`, "", "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER"},
		{`{node="x"}`, "limit=0", "limit must be a positive value"},
		{`{node="x"}`, "limit=x", "parsing"},
		{`{node="x"}`, "limit=9000", "max entries limit per query exceeded, limit > max_entries_limit_per_query (9000 > 5000)"},
		{`{node="x"}`, "direction=up", "invalid direction"},
		{`{node="x"}`, fmt.Sprintf("start=%d&end=%d", now, now-5), "end timestamp must not be before or equal to start time"},
		{`{node="x"}`, "start=never", "as a time"},
	} {
		q, err := url.ParseQuery(c.more)
		if err != nil {
			t.Fatal(err)
		}
		q.Set("query", c.query)
		code, body := s.ask("/loki/api/v1/query_range", q)
		equal(t, c.query+" "+c.more+": "+body, code == http.StatusBadRequest && strings.Contains(body, c.want), true)
	}
	code, _ := s.ask("/loki/api/v1/nothing", nil)
	equal(t, "unknown path", code, http.StatusNotFound)
}

func TestLokiLabels(t *testing.T) {
	s := newShelf(t)
	s.append("master1", "x\n")
	s.append("master2", "y\n")
	for _, c := range []struct {
		path, query string
		want        string
	}{
		{"labels", "", `["app","filename","job","node","service_name"]`},
		{"label/node/values", "", `["master1","master2"]`},
		{"label/filename/values", "", `["/var/log/kubernetes/audit.log"]`},
		{"label/nothing/values", "", `[]`},
		{"label/node/values", "start=1&end=2", `[]`},
		{"label/node/values", "query={node=\"master2\"}", `["master2"]`},
		{"series", "match[]={node=\"nobody\"}", `"data":[]`},
		{"series", "match[]={node=\"master1\"}", `"node":"master1"`},
		{"series", "", `"node":"master2"`},
	} {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		body := ""
		s.until(c.path+" "+c.query, func() bool { _, body = s.ask("/loki/api/v1/"+c.path, q); return strings.Contains(body, c.want) })
	}
}

// Entries are stamped when they are shipped, in lab time; a span finds those from its start to before
// its end.
func TestLokiSpan(t *testing.T) {
	s := newShelf(t)
	at := time.Now().Add(25 * time.Hour).Truncate(time.Second)
	s.loki.Now = func() time.Time { return at }
	s.loki.push(map[string]string{"node": "n"}, []string{"a", "b"})
	ns := at.UnixNano()
	for _, c := range []struct {
		start, end string
		want       int
	}{
		{"", "", 0}, // the end is now, and an entry of now is not before it
		{fmt.Sprint(ns), fmt.Sprint(ns + 1), 1}, {fmt.Sprint(ns + 1), fmt.Sprint(ns + 2), 1}, {fmt.Sprint(ns), fmt.Sprint(ns + 2), 2},
		{fmt.Sprint(at.Unix()), fmt.Sprint(at.Unix() + 1), 2}, {at.Format(time.RFC3339), at.Add(time.Second).Format(time.RFC3339), 2},
		{fmt.Sprint(float64(at.Unix()) - 0.5), fmt.Sprintf("%d.5", at.Unix()), 2},
	} {
		equal(t, c.start+" "+c.end, len(s.lines(`{node="n"}`, "start", c.start, "end", c.end)), c.want)
	}
}
