// Package journal keeps runs on disk.
package journal

import (
	"context"
	"io"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Store is a state folder.
type Store struct{ dir string }

// Lock is a held lock.
type Lock struct{}

// Journal is one run's journal.
type Journal struct{}

// Report is what Verify found.
type Report struct {
	Records int
	Head    string
	Torn    int64
	Blobs   int
}

func OpenStore(dir string) (*Store, error)                            { panic("being written") }
func NewID(now time.Time, node string) string                         { panic("being written") }
func (s *Store) Lock(what string) (*Lock, error)                      { panic("being written") }
func (l *Lock) Close() error                                          { panic("being written") }
func (s *Store) Create(id string) (*Journal, error)                   { panic("being written") }
func (s *Store) Continue(id string) (*Journal, []engine.Event, error) { panic("being written") }
func (s *Store) Read(id string) ([]engine.Event, error)               { panic("being written") }
func (s *Store) IDs() ([]string, error)                               { panic("being written") }
func (s *Store) Find(prefix string) (string, error)                   { panic("being written") }
func (s *Store) Verify(id string) (Report, error)                     { panic("being written") }
func (s *Store) Blob(ctx context.Context, id string, c engine.Content) (io.ReadCloser, error) {
	panic("being written")
}
func (j *Journal) Append(e engine.Event) error                      { panic("being written") }
func (j *Journal) Keep(ctx context.Context, c engine.Content) error { panic("being written") }
func (j *Journal) Open(ctx context.Context, c engine.Content) (io.ReadCloser, error) {
	panic("being written")
}
func (j *Journal) Close() error { panic("being written") }
func (j *Journal) Head() string { panic("being written") }
