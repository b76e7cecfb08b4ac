package journal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const (
	fileExt = ".jsonl"
	blobExt = ".blobs"
)

// Store is a state folder: the journals of many runs.
type Store struct {
	dir  string // absolute
	disk disk
	seal *sealer
}

// OpenStore opens the state folder, and makes it with mode 0700 where there is none. The error has
// code Security when others can write it or it is a symbolic link, and NotDurable when it cannot be
// made.
func OpenStore(dir string) (*Store, error) { return openStore(dir, realDisk{}) }

func openStore(dir string, d disk) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, notDurable("open the state folder", err)
	}
	s := newStore(abs, d)
	for _, folder := range []string{abs, s.runs()} {
		if err := makeDir(d, folder); err != nil {
			return nil, notDurable("make the state folder", err)
		}
		if err := checkFolder(folder); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ReadStore opens the state folder to read in it: nothing is made, and a folder that is not there has no
// runs. The error has code Security when others can write it or it is a symbolic link.
func ReadStore(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the state folder: %w", err)
	}
	s := newStore(abs, realDisk{})
	for _, folder := range []string{abs, s.runs()} {
		if err := checkFolder(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return s, nil
}

func newStore(abs string, d disk) *Store {
	return &Store{dir: abs, disk: d, seal: &sealer{path: filepath.Join(abs, sealName), disk: d}}
}

// checkFolder refuses what is no folder of our own.
func checkFolder(folder string) error {
	info, err := os.Lstat(folder)
	if err != nil {
		return notDurable("open the state folder", err)
	}
	if err := ours(folder, info); err != nil {
		return err
	}
	if !info.IsDir() {
		return engine.Problemf(engine.NotDurable, "%s is not a folder, so it cannot keep journals", folder)
	}
	return nil
}

func (s *Store) runs() string           { return filepath.Join(s.dir, "runs") }
func (s *Store) path(id string) string  { return filepath.Join(s.runs(), id+fileExt) }
func (s *Store) blobs(id string) string { return filepath.Join(s.runs(), id+blobExt) }

// NewID is a fresh name for a run on a node: "20261125-200312-master1-k3f9". The time is UTC, so names
// sort by it; what a file name should not have is replaced.
func NewID(now time.Time, node string) string {
	safe := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, node)
	salt := strings.ToLower(rand.Text()[:4])
	return now.UTC().Format("20060102-150405") + "-" + safe[:min(len(safe), 80)] + "-" + salt
}

var idRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// openRun opens a run's file. flags are those of os.OpenFile.
func (s *Store) openRun(id string, flags int) (file, error) {
	if !idRE.MatchString(id) {
		return nil, engine.Problemf(engine.Invalid, "%q cannot be the name of a run", id)
	}
	f, err := s.disk.open(s.path(id), flags)
	if errors.Is(err, syscall.ELOOP) {
		return nil, engine.Problemf(engine.Security, "%s is a symbolic link; a journal is a plain file", s.path(id))
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = ours(s.path(id), info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// load opens and verifies a run's file. The caller closes it.
func (s *Store) load(id string, flags int) (file, *contents, error) {
	f, err := s.openRun(id, flags)
	_, said := errors.AsType[*engine.Problem](err)
	switch {
	case os.IsNotExist(err):
		return nil, nil, engine.Problemf(engine.Invalid, "there is no run %s in %s", id, s.runs())
	case err != nil && !said && flags&os.O_RDWR != 0:
		return nil, nil, notDurable("go on with the journal", err)
	case err != nil:
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	c, err := read(io.NewSectionReader(f, 0, info.Size()), id, s.path(id))
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, c, nil
}

// Read returns a run's events. It changes nothing: a torn tail is passed over. There are none when the
// run died before its first record.
func (s *Store) Read(id string) ([]engine.Event, error) {
	f, c, err := s.load(id, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return c.events, f.Close()
}

// IDs lists the runs, oldest first. One that died before its first record was durable is left out: it
// never was one.
func (s *Store) IDs() ([]string, error) {
	entries, err := os.ReadDir(s.runs())
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	var ids []string
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), fileExt)
		if !ok || !idRE.MatchString(id) {
			continue
		}
		if unborn, err := s.unborn(id); err != nil {
			return nil, fmt.Errorf("list the runs: %w", err)
		} else if !unborn {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// unborn reports whether the run's file has no more than the torn beginning of a first record.
func (s *Store) unborn(id string) (bool, error) {
	f, err := os.Open(s.path(id))
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err == nil {
		return false, nil // longer than any first record; whatever it is, it is for Read to judge
	}
	if err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	head = head[:n]
	first := bytes.IndexByte(head, '\n')
	return (first < 0 || first == n-1) && newChain().torn(head, 0) == nil, nil
}

// Find returns the one run whose name begins or ends with part. The error has code Invalid and lists
// what there is when none or several do.
func (s *Store) Find(part string) (string, error) {
	ids, err := s.IDs()
	if err != nil {
		return "", err
	}
	var found []string
	for _, id := range ids {
		switch {
		case id == part:
			return id, nil
		case part != "" && (strings.HasPrefix(id, part) || strings.HasSuffix(id, part)):
			found = append(found, id)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", engine.Problemf(engine.Invalid, "%q is not enough to tell these runs apart:\n  %s", part, strings.Join(found, "\n  "))
	case len(ids) == 0:
		return "", engine.Problemf(engine.Invalid, "there is no run %q: %s has none", part, s.runs())
	}
	recent := ids[max(0, len(ids)-5):]
	return "", engine.Problemf(engine.Invalid, "no run begins or ends with %q; the latest are:\n  %s", part, strings.Join(recent, "\n  "))
}
