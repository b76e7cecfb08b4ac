package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

var tornRE = regexp.MustCompile(`^(.+)\.torn-[0-9]+$`)

// owner is the run that a name in the runs folder belongs to, and what of it it is.
func owner(name string) (id, part string) {
	if m := tornRE.FindStringSubmatch(name); m != nil {
		return m[1], "torn"
	}
	for _, ext := range []string{fileExt, blobExt} {
		if id, ok := strings.CutSuffix(name, ext); ok {
			return id, ext
		}
	}
	return "", ""
}

// Size is how many bytes a run's files have.
func (s *Store) Size(id string) (int64, error) {
	if !idRE.MatchString(id) {
		return 0, engine.Problemf(engine.Invalid, "%q cannot be the name of a run", id)
	}
	entries, err := os.ReadDir(s.runs())
	if err != nil {
		return 0, fmt.Errorf("measure run %s: %w", id, err)
	}
	var bytes int64
	for _, e := range entries {
		if of, _ := owner(e.Name()); of != id {
			continue
		}
		err := filepath.WalkDir(filepath.Join(s.runs(), e.Name()), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				bytes += info.Size()
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("measure run %s: %w", id, err)
		}
	}
	return bytes, nil
}

// Leftovers lists runs of which there is no record: what a Remove has not ended with, and what died before
// its first record was durable. Only with the lock can they be told from a run that begins just now.
func (s *Store) Leftovers() ([]string, error) {
	entries, err := os.ReadDir(s.runs())
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("list what is left of runs: %w", err)
	}
	ids, err := s.IDs()
	if err != nil {
		return nil, err
	}
	var left []string
	for _, e := range entries {
		if id, _ := owner(e.Name()); idRE.MatchString(id) && !slices.Contains(ids, id) {
			left = append(left, id)
		}
	}
	slices.Sort(left)
	return slices.Compact(left), nil
}

// Remove takes a run out of the store for good; whoever calls it holds the lock. The journal goes first,
// durably: what a crash leaves are contents that no record names, and never a record without its contents.
func (s *Store) Remove(id string) error {
	if !idRE.MatchString(id) {
		return engine.Problemf(engine.Invalid, "%q cannot be the name of a run", id)
	}
	err := s.disk.remove(s.path(id))
	if err == nil {
		err = s.disk.syncDir(s.runs())
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	entries, list := os.ReadDir(s.runs())
	if err = errors.Join(err, list); err != nil {
		return engine.Problemf(engine.NotDurable, "remove run %s: %w", id, err)
	}
	for _, e := range entries {
		if of, part := owner(e.Name()); of == id && part != fileExt && err == nil {
			err = s.clear(filepath.Join(s.runs(), e.Name()), e)
		}
	}
	if err == nil {
		err = s.disk.syncDir(s.runs())
	}
	if err != nil {
		return engine.Problemf(engine.NotDurable, "remove what lies beside the journal of %s: %w", id, err)
	}
	return nil
}

// clear removes a file, or a folder of files. A symbolic link goes itself, never what it points to.
func (s *Store) clear(path string, e fs.DirEntry) error {
	if e.IsDir() {
		inside, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, in := range inside {
			if err := s.disk.remove(filepath.Join(path, in.Name())); err != nil {
				return err
			}
		}
	}
	return s.disk.remove(path)
}
