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
}
