package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// TailLog waits until a log file on the node gets new lines of a kind.
//
// Only what is written after the change counts: where the file ended before the first write is
// remembered. Rotation and truncation are followed. A file that is not there yet is waited for. And
// one of the lines must come while the check looks: a log whose disk is full stops growing, and what
// it has from before would be a false proof.
//
//	task "tail-log" "events" {
//	  path   = "/var/log/kubernetes/audit.log"
//	  match  = { kind = "Event", apiVersion = "audit.k8s.io/v1" }
//	  count  = 5
//	  probe  = "https://127.0.0.1:6443/hcrun-audit-probe"
//	}
type TailLog struct {
	// Path of the log file on the node, absolute. A symbolic link is followed.
	Path string `hcl:"path" json:"path"`
	// Format of a line: "json", or "text". By default "text" when there is a pattern, else "json".
	// Lines that are not JSON where they should be are counted and reported, never matched.
	Format string `hcl:"format,optional" json:"format,omitempty"`
	// Match is what a JSON line must have, all of it: names of fields and their values as text.
	// Dots lead into objects, also past keys that have dots themselves:
	// { "objectRef.resource" = "pods", "annotations.pod-security.kubernetes.io/audit-violations" = "*" }.
	// "*" stands for any value. In a list it is enough that one element fits. By default any object.
	Match map[string]string `hcl:"match,optional" json:"match,omitempty"`
	// Pattern is a regular expression (RE2) that a line of text must match: "level=(warn|error)". By
	// default any line.
	Pattern string `hcl:"pattern,optional" json:"pattern,omitempty"`
	// Count is how many such lines there must be. By default 1.
	Count int `hcl:"count,optional" json:"count,omitempty"`
	// Once is true for a log that says its word once: then no line has to come while the check looks.
	// By default false.
	Once bool `hcl:"once,optional" json:"once,omitempty"`
	// Probe is an http or https address that is asked from the node before each look, so that there is
	// something to log in a quiet hour. Whatever it answers is well, also 403 or 404. The server is
	// verified as http-check does it. An API server logs requests for addresses that do not exist:
	// "https://127.0.0.1:6443/hcrun-audit-probe". By default nothing is asked.
	Probe string `hcl:"probe,optional" json:"probe,omitempty"`
	// Timeout is how long to wait for them. By default "30s".
	Timeout engine.Duration `hcl:"timeout,optional" json:"timeout,omitempty"`
}

var _ engine.Checker = (*TailLog)(nil)

// What is not given in the playbook.
const (
	logCount   = 1
	logTimeout = 30 * engine.Second
)

// Kind is "tail-log".
func (t *TailLog) Kind() string { return "tail-log" }

// Prepare refuses what could not work on any node.
func (t *TailLog) Prepare(fs.FS) error {
	field := func(name string, format string, args ...any) error {
		return &engine.FieldError{Field: name, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case !path.IsAbs(t.Path) || path.Clean(t.Path) != t.Path:
		return field("path", "%q is not a clean absolute path", t.Path)
	case t.Format != "" && t.Format != formatJSON && t.Format != formatText:
		return field("format", `%q is neither "json" nor "text"`, t.Format)
	case t.format() == formatText && len(t.Match) > 0:
		return field("match", "fields are matched in JSON lines; for lines of text give a pattern")
	case t.format() == formatJSON && t.Pattern != "":
		return field("pattern", "a pattern is for lines of text; for JSON lines give match")
	case t.Count < 0:
		return field("count", "%d is less than one", t.Count)
	}
	if _, err := regexp.Compile(t.Pattern); err != nil {
		return field("pattern", "%w", err)
	}
	if _, err := parseAddress(t.Probe); t.Probe != "" && err != nil {
		return field("probe", "%w", err)
	}
	for _, at := range slices.Sorted(maps.Keys(t.Match)) {
		if at == "" {
			return field("match", "a field has no name")
		}
	}
	return nil
}

// Mark remembers where the log ends.
func (t *TailLog) Mark(ctx context.Context, w engine.Watch, _ []engine.Change) (engine.Mark, error) {
	m, err := statLog(ctx, w, t.Path)
	if err != nil {
		return nil, err
	}
	if m.File != "" && !m.regular() {
		return nil, engine.Problemf(engine.Preflight, "%s on %s is not a file, so it is no log that could be read", t.Path, w.Name())
	}
	if m.Size > 0 {
		last, err := observe(ctx, w, "tail", "-c", "1", t.Path)
		if err != nil {
			return nil, err
		}
		m.Inside = len(last) == 1 && last[0] != '\n'
	}
	return json.Marshal(m)
}

// leastLooks is how often a log is looked at however slow the node is: what a probe provoked before the
// first look shows at the second.
const leastLooks = 3

// Check reads what is written behind the mark until there are enough lines.
func (t *TailLog) Check(ctx context.Context, w engine.Watch, mark engine.Mark) error {
	f := logTail{w: w, path: t.Path}
	if err := json.Unmarshal(mark, &f.at); err != nil {
		return fmt.Errorf("the mark of tail-log: %w", err)
	}
	lines := lineCount{match: t.Match, json: t.format() == formatJSON}
	if !lines.json {
		var err error
		if lines.pattern, err = regexp.Compile(t.Pattern); err != nil {
			return err
		}
	}
	count, timeout := max(t.Count, logCount), t.Timeout.Or(logTimeout)
	probe := t.prober(w)
	elapsed := w.Stopwatch()
	for looks := 0; ; {
		if err := probe(ctx); err != nil {
			return err
		}
		chunk, err := f.read(ctx)
		if err != nil {
			return err
		}
		more := len(chunk) >= maxChunk/2 // there is more to read at once
		lines.take(chunk, count)
		if lines.matched >= count && (t.Once || lines.live > 0) {
			w.Say(fmt.Sprintf("%d new lines in %s", lines.matched, t.Path))
			return nil
		}
		lines.looked = lines.looked || !more
		if !more {
			looks++
		}
		switch {
		case lines.matched >= count:
			w.Say(fmt.Sprintf("%d lines in %s; waiting for one that comes now", lines.matched, t.Path))
		case f.state == logGrowing:
			w.Say(fmt.Sprintf("%s grows; %d of %d lines so far", t.Path, lines.matched, count))
		}
		if elapsed() >= timeout && looks >= leastLooks {
			return t.failed(f, lines, count, timeout)
		}
		if !more {
			if err := w.Sleep(ctx, logPoll); err != nil {
				return err
			}
		}
	}
}

// prober makes what provokes a line. Only a lost node is an error of it: whether something was logged
// is for the log to say.
func (t *TailLog) prober(w engine.Watch) func(context.Context) error {
	if t.Probe == "" {
		return func(context.Context) error { return nil }
	}
	e := (&HttpCheck{URL: t.Probe}).endpoint()
	var client *http.Client
	return func(ctx context.Context) (err error) {
		if client == nil {
			client, err = e.client(ctx, w)
		}
		if err == nil {
			_, err = e.ask(ctx, w, client)
		}
		switch {
		case err == nil:
			return nil
		case lost(ctx, err):
			return err
		}
		w.Say(t.Probe + " " + e.saw(answer{}, err))
		return nil
	}
}

func (t *TailLog) format() string {
	switch {
	case t.Format != "":
		return t.Format
	case t.Pattern != "":
		return formatText
	}
	return formatJSON
}

// failed tells the ways apart in which lines can be missing.
func (t *TailLog) failed(f logTail, lines lineCount, count int, timeout time.Duration) error {
	in := engine.Duration(timeout)
	const room = "is there space left (df -h), is its folder mounted into the container, and does the writer's own log complain?"
	switch {
	case lines.matched >= count:
		return &engine.Failed{Why: fmt.Sprintf("%s got %d lines after the change, but no further one within %s: it has stopped growing", t.Path, lines.matched, in), Hint: room}
	case lines.seen > 0:
		why := fmt.Sprintf("%d of %d lines came to %s within %s: %d were written", lines.matched, count, t.Path, in, lines.seen)
		if lines.malformed > 0 {
			why += fmt.Sprintf(", %d of them are not JSON", lines.malformed)
		}
		if lines.example != "" {
			why += "; the last that does not match " + lines.example
		}
		return &engine.Failed{Why: why}
	case f.state == logAbsent:
		return &engine.Failed{
			Why:  fmt.Sprintf("%s did not come into being within %s: %s", t.Path, in, f.trouble),
			Hint: "is its folder mounted into the container? Without the mount the container writes into itself",
		}
	}
	return &engine.Failed{Why: fmt.Sprintf("nothing was written to %s within %s", t.Path, in), Hint: room}
}
