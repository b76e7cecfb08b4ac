package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks/loki"
)

// LokiQuery waits until Loki has this node's new log lines.
//
// A line counts when it is of this node and newer than the change by the time that stands in the
// event itself: what Loki stamps on a line is often the time of shipping, and a shipper that starts
// late sends old lines. Loki is asked once before the first write, so that a server that is down, a
// refused password or a query that does not parse is known before anything is touched.
//
// Credentials and TLS come from logcli's environment, never from the playbook: LOKI_ADDR (when url
// is empty), LOKI_USERNAME and LOKI_PASSWORD, LOKI_BEARER_TOKEN or LOKI_BEARER_TOKEN_FILE,
// LOKI_AUTH_HEADER, LOKI_ORG_ID, LOKI_CA_CERT_PATH, LOKI_CLIENT_CERT_PATH, LOKI_CLIENT_KEY_PATH,
// LOKI_TLS_SKIP_VERIFY. Files they name are on the machine that runs hcrun.
//
//	task "loki-query" "shipped" {
//	  url   = "https://loki.example.org"
//	  query = "{filename=\"/var/log/kubernetes/audit.log\"}"
//	  node { label = "node" }
//	}
type LokiQuery struct {
	// URL of Loki, with a path prefix if it has one, without /loki/api. By default LOKI_ADDR.
	URL string `hcl:"url,optional" json:"url,omitempty"`
	// Query is a log query in LogQL: a selector and, if needed, a pipeline, as in
	// {job="audit"} |= "pods" | json. Queries that make numbers carry no events, and are refused.
	Query string `hcl:"query" json:"query"`
	// Node says how a line tells which node it is of.
	Node LokiNode `hcl:"node,block" json:"node"`
	// Count is how many new lines of this node there must be. By default 1.
	Count int `hcl:"count,optional" json:"count,omitempty"`
	// Timeout is how long to wait for them. By default "2m": the first line of a file that did not
	// exist before takes some ten seconds longer than later ones.
	Timeout engine.Duration `hcl:"timeout,optional" json:"timeout,omitempty"`
	// Via says from where Loki is asked: "controller", the machine that runs hcrun (the default), or
	// "node", from the node through the connection that is already there, for a Loki that only the
	// cluster can reach.
	Via string `hcl:"via,optional" json:"via,omitempty"`
	// EventTime is the field of a JSON line that has the event's own time (RFC 3339, or seconds,
	// milli-, micro- or nanoseconds since 1970); dots lead into objects. By default that of Kubernetes
	// audit events, requestReceivedTimestamp or stageTimestamp, also inside message or log where a
	// shipper has wrapped the line. For lines that have no time of their own, "@entry" takes Loki's
	// stamp instead, which proves less.
	EventTime string `hcl:"event_time,optional" json:"event_time,omitempty"`
}

// LokiNode says how a log line tells which node it is of: by exactly one of label and field.
type LokiNode struct {
	// Label is the stream label that carries the node, such as "node". It is added to the query's
	// selector.
	Label string `hcl:"label,optional" json:"label,omitempty"`
	// Field is the field of a JSON line that carries the node, such as "hostname"; dots lead into
	// objects.
	Field string `hcl:"field,optional" json:"field,omitempty"`
	// Value is what it must be. By default the node's name in the inventory.
	Value string `hcl:"value,optional" json:"value,omitempty"`
}

var _ engine.Checker = (*LokiQuery)(nil)

// What is not given in the playbook.
const (
	lokiCount   = 1
	lokiTimeout = 2 * engine.Minute
	entryTime   = "@entry"
)

// Kind is "loki-query".
func (t *LokiQuery) Kind() string { return "loki-query" }

// Prepare refuses what could not prove anything about any node.
func (t *LokiQuery) Prepare(fs.FS) error {
	field := func(name string, format string, args ...any) error {
		return &engine.FieldError{Field: name, Err: fmt.Errorf(format, args...)}
	}
	env, err := loki.ReadEnv(os.Getenv)
	if err != nil {
		return err
	}
	if addr := t.address(env); addr == "" {
		return field("url", "it is empty, and LOKI_ADDR is not set")
	} else if _, err := loki.Address(addr); err != nil {
		return field("url", "%w", err)
	}
	if _, err := loki.Parse(t.Query); err != nil {
		return field("query", "%w", err)
	}
	switch {
	case t.Node.Label == "" && t.Node.Field == "":
		return field("node", "without a label or field that carries the node, another node's events would prove this one: node { label = \"node\" }")
	case t.Node.Label != "" && t.Node.Field != "":
		return field("node", "give a label or a field, not both")
	case t.Node.Label != "" && !loki.IsLabel(t.Node.Label):
		return field("node", "%q cannot be the name of a label", t.Node.Label)
	case t.Count < 0:
		return field("count", "%d is less than one", t.Count)
	case t.Via != "" && t.Via != viaNode && t.Via != viaController:
		return field("via", `%q is neither "controller" nor "node"`, t.Via)
	}
	return nil
}

// Mark asks Loki once, and remembers the node's time.
func (t *LokiQuery) Mark(ctx context.Context, w engine.Watch, _ []engine.Change) (engine.Mark, error) {
	now, err := nodeTime(ctx, w)
	if err != nil {
		return nil, err
	}
	s, err := t.search(w, now)
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	if s.env.Insecure() {
		w.Say("warning: LOKI_TLS_SKIP_VERIFY is set; whoever answers is believed to be Loki")
	}
	if err := s.first(ctx); err != nil && !w.Undoing {
		return nil, err
	}
	return json.Marshal(lokiMark{Node: now})
}

// Check asks Loki until there are enough new lines of this node.
func (t *LokiQuery) Check(ctx context.Context, w engine.Watch, mark engine.Mark) error {
	var m lokiMark
	if err := json.Unmarshal(mark, &m); err != nil {
		return fmt.Errorf("the mark of loki-query: %w", err)
	}
	s, err := t.search(w, m.Node)
	if err != nil {
		return err
	}
	defer s.client.Close()
	count, timeout := max(t.Count, lokiCount), t.Timeout.Or(lokiTimeout)
	elapsed := w.Stopwatch()
	for {
		err := s.poll(ctx, count)
		switch {
		case err != nil && lost(ctx, err):
			return err
		case err != nil:
			w.Say(s.refused(err).Why)
		case s.fresh >= count:
			w.Say(fmt.Sprintf("%d new lines of %s in Loki", s.fresh, s.node))
			return nil
		default:
			w.Say(fmt.Sprintf("Loki has %d of %d new lines of %s", s.fresh, count, s.node))
		}
		if elapsed() >= timeout {
			return s.verdict(ctx, err, count, engine.Duration(timeout))
		}
		if err := w.Sleep(ctx, s.pause(err)); err != nil {
			return err
		}
	}
}

func (t *LokiQuery) address(env loki.Env) string {
	if t.URL != "" {
		return t.URL
	}
	return env.Addr
}

// search makes what asks Loki from the fields and from the environment as it is now.
func (t *LokiQuery) search(w engine.Watch, since int64) (*lokiSearch, error) {
	env, err := loki.ReadEnv(os.Getenv)
	if err != nil {
		return nil, &engine.Unavailable{Why: err.Error()}
	}
	base, err := loki.Address(t.address(env))
	if err != nil {
		return nil, &engine.Unavailable{Why: "the address of Loki: " + err.Error(), Hint: "set url, or LOKI_ADDR"}
	}
	query, err := loki.Parse(t.Query)
	if err != nil {
		return nil, err
	}
	var dial loki.Dialer
	if t.Via == viaNode {
		dial = w.Dial
	}
	client, err := loki.New(base, env, dial, max(w.Clock.Real(lokiAsk), minAsk))
	if err != nil {
		return nil, &engine.Unavailable{Why: err.Error()}
	}
	s := &lokiSearch{w: w, client: client, env: env, base: base.String(), plain: query, query: query, label: t.Node.Label, field: t.Node.Field, node: t.Node.Value, since: time.Unix(0, since), limit: lokiLimit}
	if s.node == "" {
		s.node = w.Name()
	}
	if s.label != "" {
		s.query = query.With(loki.Matcher{Label: s.label, Op: "=", Value: s.node})
	}
	s.times = []string{t.EventTime}
	if t.EventTime == "" {
		s.times = []string{"requestReceivedTimestamp", "stageTimestamp", "message.requestReceivedTimestamp", "message.stageTimestamp", "log.requestReceivedTimestamp", "log.stageTimestamp"}
	}
	s.from = s.since.Add(-lokiPad)
	return s, nil
}
