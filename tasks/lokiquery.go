package tasks

import (
	"context"

	"github.com/hcrun/hcrun/engine"
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
	// milli-, micro- or nanoseconds since 1970), dots lead into objects. By default the first there is
	// of requestReceivedTimestamp, stageTimestamp, timestamp, time and ts. For lines that have no time
	// of their own, "@entry" takes Loki's stamp instead, which proves less.
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

// Kind is "loki-query".
func (t *LokiQuery) Kind() string { return "loki-query" }

// Mark asks Loki once, and remembers the node's time.
func (t *LokiQuery) Mark(ctx context.Context, w engine.Watch, planned []engine.Change) (engine.Mark, error) {
	panic("being written")
}

// Check asks Loki until there are enough new lines of this node.
func (t *LokiQuery) Check(ctx context.Context, w engine.Watch, m engine.Mark) error {
	panic("being written")
}
