package engine

import (
	"context"
	"io"
)

// Journal is where a run is written ahead. When Append or Keep return nil, what they were given is
// durable; when either fails, nothing more may be written to a node.
type Journal interface {
	// Append adds one event.
	Append(e Event) error
	// Keep stores a content's bytes, which later events then may name.
	Keep(ctx context.Context, c Content) error
	// Open reads back what Keep stored.
	Open(ctx context.Context, c Content) (io.ReadCloser, error)
	// Head is what has been added so far. A node keeps it with the outcome of a run, so that a journal
	// whose end was cut off can be told from one that is whole.
	Head() Head
}

// Head is how far a journal was.
type Head struct {
	Records int    `json:"records,omitempty"`
	Sum     string `json:"sum,omitempty"` // of the last of them, "" where the journal has no sums
}
