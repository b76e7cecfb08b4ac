package tasks

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// logFile is a log of the script: what is in it from a moment on.
type logFile struct {
	at    float64 // seconds since the change
	inode int     // 0: there is none
	text  string
	mode  int // 0: 0600
}

// logNode is a node with one log.
type logNode struct {
	scripted
	began  time.Time
	frames []logFile
}

func (n *logNode) run(argv []string) (string, error) {
	f := n.frames[0]
	for _, next := range n.frames {
		if time.Since(n.began).Seconds() >= next.at {
			f = next
		}
	}
	if f.mode == 0 {
		f.mode = 0o600
	}
	switch {
	case f.inode == 0:
		return "", &engine.ExitError{Argv: argv, Code: 1, Stderr: "No such file or directory"}
	case argv[0] == "stat":
		return fmt.Sprintf("2049:%d:%d:%x\n", f.inode, len(f.text), 0o100000|f.mode), nil
	case argv[2] == "1":
		return f.text[max(0, len(f.text)-1):], nil
	}
	from, err := strconv.Atoi(strings.TrimPrefix(argv[2], "+"))
	return f.text[min(from-1, len(f.text)):], err
}

func TestTailLog(t *testing.T) {
	event := func(kind string) string {
		return fmt.Sprintf("{\"kind\":%q,\"annotations\":{\"a.b/c\":\"x\"}}\n", kind)
	}
	old := strings.Repeat(event("Event"), 5)
	task := func(change func(*TailLog)) *TailLog {
		t := &TailLog{Path: "/var/log/kubernetes/audit.log", Match: map[string]string{"kind": "Event", "annotations.a.b/c": "*"}, Count: 2}
		if change != nil {
			change(t)
		}
		return t
	}
	tests := []struct {
		name   string
		task   *TailLog
		frames []logFile
		max    float64
		want   []string
		said   []string
	}{
		{name: "new lines", task: task(nil), max: 11, want: []string{"proven"}, frames: []logFile{{-1, 7, old, 0}, {5, 7, old + event("Event"), 0}, {10, 7, old + event("Event") + event("Event"), 0}}, said: []string{"1 of 2 lines so far", "2 new lines"}},
		{name: "only old lines", task: task(nil), max: 32, want: []string{"failed: nothing was written to /var/log/kubernetes/audit.log within 30s", "df -h"}, frames: []logFile{{-1, 7, old, 0}}},
		{name: "no file before", task: task(nil), max: 6, want: []string{"proven"}, frames: []logFile{{-1, 0, "", 0}, {5, 7, old, 0}}, said: []string{"is not there yet"}},
		{name: "stopped growing", task: task(nil), max: 32, want: []string{"failed: /var/log/kubernetes/audit.log got 2 lines after the change, but no further one within 30s", "df -h"}, frames: []logFile{{-1, 7, old, 0}, {-0.5, 7, old + event("Event") + event("Event") + event("Event"), 0}}},
		{name: "said once", task: task(func(t *TailLog) { t.Once = true }), max: 1, want: []string{"proven"}, frames: []logFile{{-1, 7, old, 0}, {-0.5, 7, old + event("Event") + event("Event"), 0}}},
		{name: "written before and while looking", task: task(nil), max: 21, want: []string{"proven"}, frames: []logFile{{-1, 7, old, 0}, {-0.5, 7, old + old, 0}, {20, 7, old + old + event("Event"), 0}}},
		{name: "never a file", task: task(nil), max: 32, want: []string{"failed: ", "did not come into being", "mounted"}, frames: []logFile{{-1, 0, "", 0}}},
		{name: "rotated", task: task(nil), max: 7, want: []string{"proven"}, frames: []logFile{{-1, 7, old, 0}, {5, 7, old + event("Event"), 0}, {6, 8, event("Event"), 0}}, said: []string{"was rotated"}},
		{name: "truncated", task: task(nil), max: 6, want: []string{"proven"}, frames: []logFile{{-1, 7, old, 0}, {5, 7, event("Event") + event("Event"), 0}}, said: []string{"was truncated"}},
		{name: "other fields", task: task(nil), max: 32, want: []string{"failed: 0 of 2 lines", "3 were written, 1 of them are not JSON", `has kind = "Policy", not "Event"`}, frames: []logFile{{-1, 7, old, 0}, {5, 7, old + "{half\n" + event("List") + event("Policy"), 0}}},
		{name: "a field is missing", task: task(func(t *TailLog) { t.Match = map[string]string{"user.name": "*"} }), max: 32, want: []string{"failed: ", "has no user.name"}, frames: []logFile{{-1, 7, old, 0}, {5, 7, old + event("Event"), 0}}},
		{name: "half a line at the mark and at a look", task: task(func(t *TailLog) { t.Count = 1 }), max: 11, want: []string{"proven"}, frames: []logFile{{-1, 7, `{"kind":`, 0}, {5, 7, `{"kind":` + "\"Event\",\"annotations\":{\"a.b/c\":1}}\n" + `{"kind":"Ev`, 0}, {10, 7, `{"kind":` + "\"Event\",\"annotations\":{\"a.b/c\":1}}\n" + event("Event"), 0}}},
		{name: "text", task: &TailLog{Path: "/l", Pattern: "lev=(warn|error)"}, max: 6, want: []string{"proven"}, frames: []logFile{{-1, 7, "", 0}, {5, 7, "lev=info\nlev=warn\n", 0}}},
		{name: "text that does not match", task: &TailLog{Path: "/l", Pattern: "^x$"}, max: 32, want: []string{"failed: ", `begins "lev=info"`}, frames: []logFile{{-1, 7, "", 0}, {5, 7, "lev=info\n", 0}}},
		{name: "open to others", task: task(nil), max: 6, want: []string{"proven"}, frames: []logFile{{-1, 7, "", 0o644}, {5, 7, old, 0o644}}, said: []string{"warning: /var/log/kubernetes/audit.log has mode 0644"}},
		{name: "many lines", task: task(func(t *TailLog) { t.Count = 300000 }), max: 6, want: []string{"proven"}, frames: []logFile{{-1, 7, "", 0}, {5, 7, strings.Repeat(event("Event"), 300000), 0}}},
		{name: "a line without end", task: task(nil), max: 32, want: []string{"failed: "}, frames: []logFile{{-1, 7, "", 0}, {5, 7, strings.Repeat("x", 9<<20), 0}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &logNode{began: time.Now().Add(time.Minute), frames: test.frames}
				n.commands = n.run
				mark, err := test.task.Mark(t.Context(), n.watch(), nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				err = test.task.Check(t.Context(), n.watch(), mark)
				wants(t, verdict(err), test.want...)
				wants(t, strings.Join(n.said, "\n"), test.said...)
				if took := time.Since(n.began).Seconds(); took > test.max {
					t.Errorf("took %.1f s", took)
				}
			})
		})
	}
}

func TestTailLogMark(t *testing.T) {
	n := &scripted{commands: func([]string) (string, error) { return "1:2:4096:41c0\n", nil }}
	_, err := (&TailLog{Path: "/var/log"}).Mark(t.Context(), n.watch(), nil)
	wants(t, verdict(err), "problem 42: /var/log on master1 is not a file")
	n.commands = func([]string) (string, error) { return "\x1b[2J nonsense", nil }
	_, err = (&TailLog{Path: "/var/log"}).Mark(t.Context(), n.watch(), nil)
	wants(t, verdict(err), "problem 42: stat on master1 answered")
	gone := &engine.LostError{Node: "master1", Err: fmt.Errorf("eof")}
	n.commands = func([]string) (string, error) { return "", gone }
	if _, err = (&TailLog{Path: "/l"}).Mark(t.Context(), n.watch(), nil); err != gone {
		t.Errorf("a lost node gave %v", err)
	}
}

// TestTailLogProbe provokes a line in a log that is quiet otherwise.
func TestTailLogProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &logNode{began: time.Now(), frames: []logFile{{-1, 7, "", 0}}}
		n.commands = n.run
		ca, config := authority(t, "kubernetes")
		n.files = map[string]string{kubeadmCA: ca}
		_, stop := n.serve("127.0.0.1:6443", config, func(w http.ResponseWriter, r *http.Request) {
			n.frames[0].text += fmt.Sprintf("{\"requestURI\":%q}\n", r.URL.Path)
			http.Error(w, "forbidden", http.StatusForbidden)
		})
		defer stop()
		task := &TailLog{Path: "/l", Match: map[string]string{"requestURI": "/hcrun"}, Count: 3, Probe: "https://127.0.0.1:6443/hcrun"}
		mark, err := task.Mark(t.Context(), n.watch(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := task.Check(t.Context(), n.watch(), mark); err != nil {
			t.Error(verdict(err))
		}
		n.files = nil
		wants(t, verdict((&TailLog{Path: "/l", Probe: task.Probe}).Check(t.Context(), n.watch(), mark)), "failed: ", "stopped growing")
		n.dialErr = &engine.LostError{Node: "master1", Err: fmt.Errorf("eof")}
		n.files = map[string]string{kubeadmCA: ca}
		wants(t, verdict(task.Check(t.Context(), n.watch(), mark)), "error: ", "connection lost")
	})
}

func TestTailLogPrepare(t *testing.T) {
	tests := []struct {
		task TailLog
		want string
	}{
		{TailLog{Path: "/l"}, "proven"},
		{TailLog{Path: "l"}, "path:"},
		{TailLog{Path: "/l", Format: "xml"}, "format:"},
		{TailLog{Path: "/l", Pattern: "x", Match: map[string]string{"a": "b"}}, "match:"},
		{TailLog{Path: "/l", Pattern: "x", Format: "json"}, "pattern:"},
		{TailLog{Path: "/l", Pattern: "("}, "pattern:"},
		{TailLog{Path: "/l", Count: -1}, "count:"},
		{TailLog{Path: "/l", Probe: "/readyz"}, "probe:"},
		{TailLog{Path: "/l", Match: map[string]string{"": "b"}}, "match:"},
	}
	for _, test := range tests {
		wants(t, verdict(test.task.Prepare(nil)), test.want)
	}
}

func TestParseTime(t *testing.T) {
	at := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	for _, s := range []string{"2026-11-25T10:00:00.000000Z", "2026-11-25T11:00:00+01:00", fmt.Sprint(at.Unix()), fmt.Sprint(at.UnixMilli()), fmt.Sprint(at.UnixMicro()), fmt.Sprint(at.UnixNano()), fmt.Sprintf("%d.0", at.Unix())} {
		if got, ok := parseTime(s); !ok || !got.Equal(at) {
			t.Errorf("%s is %v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "yesterday", "-1764064800", "12", "9999999999999999999999"} {
		if got, ok := parseTime(s); ok {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestFieldValues(t *testing.T) {
	line, err := decodeLine([]byte(`{"a":{"b.c":{"d":1}},"a.b":"x","l":[{"n":"p"},{"n":"q"}],"message":"{\"t\":\"in\"}","n":null,"ok":true}`))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{"a.b.c.d": "[1]", "a.b": "[x]", "l.n": "[p q]", "message.t": "[in]", "x": "[]", "n": "[<nil>]", "ok.x": "[]"} {
		if got := fmt.Sprint(fieldValues(line, at)); got != want {
			t.Errorf("%s is %s, not %s", at, got, want)
		}
	}
}

// TestTailLogSlowNode: each answer takes longer than the whole timeout; the log is looked at again all the
// same, because what comes while it is looked at cannot show at the first look.
func TestTailLogSlowNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := "{\"kind\":\"Event\"}\n"
		n := &logNode{began: time.Now(), frames: []logFile{{-1, 7, line + line, 0}, {130, 7, line + line + line, 0}}}
		n.commands = func(argv []string) (string, error) {
			time.Sleep(40 * time.Second)
			return n.run(argv)
		}
		mark := engine.Mark(`{}`)
		if err := (&TailLog{Path: "/l", Count: 2}).Check(t.Context(), n.watch(), mark); err != nil {
			t.Error(verdict(err))
		}
	})
}
