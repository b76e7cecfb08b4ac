package journal

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/hcrun/hcrun/engine"
)

// Journal is the journal of one run, open for writing. It may be used by several goroutines.
type Journal struct {
	store *Store
	id    string

	mu     sync.Mutex
	file   file
	end    int64 // where the last acknowledged record ends
	chain  chain
	kept   map[string]bool // blobs that this process has made durable
	broken error           // why nothing is accepted any more
}

var _ engine.Journal = (*Journal)(nil)

// Create begins the journal of a new run. The error has code NotDurable when it cannot be written.
func (s *Store) Create(id string) (*Journal, error) {
	if !idRE.MatchString(id) {
		return nil, engine.Problemf(engine.Invalid, "%q cannot be the name of a run", id)
	}
	f, err := s.openRun(id, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, notDurable("begin a journal", err)
	}
	j := &Journal{store: s, id: id, file: f, chain: newChain(), kept: map[string]bool{}}
	err = makeDir(s.disk, s.blobs(id))
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = s.disk.syncDir(s.runs())
	}
	if err != nil {
		f.Close()
		return nil, notDurable("begin a journal", err)
	}
	return j, nil
}

// Continue opens a run's journal to go on with it, and returns what it tells so far. What a crash left
// behind the last whole record is set aside as ID.torn-N. Any other damage is refused, with code
// Corrupt.
func (s *Store) Continue(id string) (*Journal, []engine.Event, error) {
	f, c, err := s.load(id, os.O_RDWR)
	if err != nil {
		return nil, nil, err
	}
	if err := s.settle(f, id, c); err != nil {
		f.Close()
		return nil, nil, notDurable("go on with the journal", err)
	}
	return &Journal{store: s, id: id, file: f, end: c.good, chain: c.chain, kept: map[string]bool{}}, c.events, nil
}

// settle makes what was read durable, without its torn tail: records that a dead process wrote may not
// have been synced yet, and its last one was perhaps not written whole.
func (s *Store) settle(f file, id string, c *contents) error {
	if len(c.torn) > 0 {
		if err := s.setAside(id, c.torn); err != nil {
			return err
		}
		if err := f.Truncate(c.good); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return makeDir(s.disk, s.blobs(id)) // and with it the names of both are synced
}

// setAside copies a torn tail to the first free ID.torn-N, durably.
func (s *Store) setAside(id string, tail []byte) error {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s/%s.torn-%d", s.runs(), id, n)
		f, err := s.disk.open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.WriteAt(tail, 0)
		if err == nil {
			err = f.Sync()
		}
		f.Close()
		if err != nil {
			return err
		}
		return s.disk.syncDir(s.runs())
	}
}

// Append adds one event; it is durable when nil is returned. An error of the disk has code NotDurable
// and is final: every later call returns it as well.
func (j *Journal) Append(e engine.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if e.Run != j.id {
		return fmt.Errorf("journal of run %s: an event of run %q", j.id, e.Run)
	}
	e.At = e.At.UTC()
	line, next, err := j.chain.seal(e)
	if err != nil {
		return fmt.Errorf("journal of run %s: %w", j.id, err)
	}
	if len(line) > maxLine {
		return engine.Problemf(engine.NotDurable, "journal of run %s: a record of %d bytes is more than the %d that one may have", j.id, len(line), maxLine)
	}
	if _, err := j.file.WriteAt(line, j.end); err != nil {
		return j.poison("write the journal "+j.store.path(j.id), err)
	}
	if err := j.file.Sync(); err != nil {
		return j.poison("sync the journal "+j.store.path(j.id), err)
	}
	j.end += int64(len(line))
	j.chain = next
	return nil
}

// poison ends the journal's life. What was written of the last record was never acknowledged; it is cut
// off where that is still possible, and else the next Continue meets a torn tail.
func (j *Journal) poison(doing string, err error) error {
	_ = j.file.Truncate(j.end)
	p := notDurable(doing, err)
	p.Next = "hcrun resume " + j.id
	j.broken = p
	return p
}

// Keep stores a content's bytes; they are durable when nil is returned. What cannot be read from c is
// c's own error; an error of the disk is final, as with Append.
func (j *Journal) Keep(ctx context.Context, c engine.Content) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	if !hashRE.MatchString(c.Hash()) {
		return fmt.Errorf("journal of run %s: there is no content to keep", j.id)
	}
	if j.kept[c.Hash()] {
		return nil
	}
	read, err := j.store.writeBlob(ctx, j.store.blobs(j.id), c)
	switch {
	case read != nil:
		return fmt.Errorf("keep %s: %w", c, read)
	case err != nil:
		return j.poison("keep "+c.String()+" beside the journal", err)
	}
	j.kept[c.Hash()] = true
	return nil
}

// Open reads back what Keep stored, in this process or an earlier one.
func (j *Journal) Open(ctx context.Context, c engine.Content) (io.ReadCloser, error) {
	return j.store.Blob(ctx, j.id, c)
}

// Head is the number of records and the sum of the last one, in lower-case hex.
func (j *Journal) Head() engine.Head {
	j.mu.Lock()
	defer j.mu.Unlock()
	return engine.Head{Records: int(j.chain.seq) - 1, Sum: j.chain.head}
}

// Had returns nil when the journal of a run has that many records and the last of them has that sum, whatever
// was added since; else an error of code Corrupt: its end was cut off, or it is another one.
func (s *Store) Had(id string, h engine.Head) error {
	f, c, err := s.load(id, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	if h.Records <= len(c.heads) && (h.Records == 0 || c.heads[h.Records-1] == h.Sum) {
		return nil
	}
	p := engine.Problemf(engine.Corrupt, "%s has %d records; a node remembers that it had %d, and what the last of them was: its end was cut off, or another journal was put in its place", s.path(id), len(c.heads), h.Records)
	p.Now = "nothing was changed by this command"
	p.Next = "put the journal back from a copy (hcrun journal import), or, when it is lost, move it away and: hcrun abandon " + id + " --reason TEXT"
	return p
}

// Close closes the file; there is nothing left to write.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Close()
}
