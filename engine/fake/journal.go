package fake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/hcrun/hcrun/engine"
)

// Journal is a journal in memory that can lose what was not synced. It holds records as JSON, as the
// real one does, so that nothing survives a crash but what is written down.
type Journal struct {
	Fuse *Fuse
	// Lazy makes it a liar: it acknowledges before anything is durable, and syncs with the next record.
	Lazy bool
	// Fail, when set, is asked before each operation ("append", "keep") and can refuse it.
	Fail func(op string, e engine.Event) error

	mu      sync.Mutex
	records []engine.Event // as they came back from JSON
	synced  int
	blobs   map[string][]byte
}

// Append implements engine.Journal.
func (j *Journal) Append(e engine.Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	var back engine.Event
	if err := json.Unmarshal(b, &back); err != nil {
		return err
	}
	if j.Fail != nil {
		if err := j.Fail("append", e); err != nil {
			return err
		}
	}
	j.Fuse.burn("before append " + string(e.Kind))
	j.mu.Lock()
	if !j.Lazy {
		j.synced = len(j.records) + 1
	} else {
		j.synced = len(j.records)
	}
	j.records = append(j.records, back)
	j.mu.Unlock()
	j.Fuse.burn("after append " + string(e.Kind))
	return nil
}

// Head implements engine.Journal; its records have no sums.
func (j *Journal) Head() engine.Head {
	j.mu.Lock()
	defer j.mu.Unlock()
	return engine.Head{Records: len(j.records)}
}

// Keep implements engine.Journal.
func (j *Journal) Keep(ctx context.Context, c engine.Content) error {
	if j.Fail != nil {
		if err := j.Fail("keep", engine.Event{}); err != nil {
			return err
		}
	}
	j.Fuse.burn("before keep")
	r, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	j.mu.Lock()
	if j.blobs == nil {
		j.blobs = map[string][]byte{}
	}
	j.blobs[c.Hash()] = b
	j.mu.Unlock()
	j.Fuse.burn("after keep")
	return nil
}

// Open implements engine.Journal.
func (j *Journal) Open(_ context.Context, c engine.Content) (io.ReadCloser, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b, ok := j.blobs[c.Hash()]
	if !ok {
		return nil, fmt.Errorf("blob %.12s is missing", c.Hash())
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// Crash loses what is not synced, and gives the journal to the next process.
func (j *Journal) Crash(next *Fuse) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records, j.Fuse = j.records[:j.synced], next
}

// Forget loses a blob.
func (j *Journal) Forget(c engine.Content) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.blobs, c.Hash())
}

// Spoil has a blob hold other bytes than it is named for.
func (j *Journal) Spoil(c engine.Content, data string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.blobs[c.Hash()] = []byte(data)
}

// Has reports whether the content is kept.
func (j *Journal) Has(c engine.Content) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.blobs[c.Hash()] != nil
}

// Durable is what a crash would leave.
func (j *Journal) Durable() []engine.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.records[:j.synced])
}
