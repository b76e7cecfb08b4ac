package tasks

import (
	"context"

	"github.com/hcrun/hcrun/engine"
)

// TailLog waits until a log file on the node gets new lines of a kind.
//
// Only what is written after the change counts: where the file ended before the first write is
// remembered. Rotation and truncation are followed. A file that is not there yet is waited for.
//
//	task "tail-log" "events" {
//	  path   = "/var/log/kubernetes/audit.log"
//	  match  = { kind = "Event", apiVersion = "audit.k8s.io/v1" }
//	  count  = 5
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
	// Pattern is a regular expression (RE2) that a line of text must match: "level=(warn|error)".
	Pattern string `hcl:"pattern,optional" json:"pattern,omitempty"`
	// Count is how many such lines there must be. By default 1.
	Count int `hcl:"count,optional" json:"count,omitempty"`
	// Timeout is how long to wait for them. By default "30s".
	Timeout engine.Duration `hcl:"timeout,optional" json:"timeout,omitempty"`
}

var _ engine.Checker = (*TailLog)(nil)

// Kind is "tail-log".
func (t *TailLog) Kind() string { return "tail-log" }

// Mark remembers where the log ends.
func (t *TailLog) Mark(ctx context.Context, w engine.Watch, planned []engine.Change) (engine.Mark, error) {
	panic("being written")
}

// Check reads what is written behind the mark until there are enough lines.
func (t *TailLog) Check(ctx context.Context, w engine.Watch, m engine.Mark) error {
	panic("being written")
}
