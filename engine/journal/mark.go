package journal

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/hcrun/hcrun/engine"
)

// Dir is the state folder, absolute.
func (s *Store) Dir() string { return s.dir }

// Path is the file of a run's journal.
func (s *Store) Path(id string) string { return s.path(id) }

const markName = "mark"

var markRE = regexp.MustCompile(`^[A-Z2-7]{26}\n$`)

// Mark is what tells this state folder from every other, one that lay in the same place before among them.
// Whoever asks for it has the folder's lock. It is made when it is asked for first.
func (s *Store) Mark() (string, error) {
	path := filepath.Join(s.dir, markName)
	text, err := os.ReadFile(path)
	switch {
	case err == nil && markRE.Match(text):
		return string(text[:len(text)-1]), nil
	case err == nil:
		return "", engine.Problemf(engine.Corrupt, "%s is damaged: it has to be 26 letters and digits; where nothing else is, remove it, and nodes that runs of this folder hold have to be taken over", path)
	case !errors.Is(err, fs.ErrNotExist):
		return "", notDurable("read the state folder's mark", err)
	}
	mark := rand.Text()
	if err := s.writeMark(path, mark); err != nil {
		return "", notDurable("write the state folder's mark", err)
	}
	return mark, nil
}

func (s *Store) writeMark(path, mark string) error {
	temp := path + ".new"
	f, err := s.disk.open(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(mark+"\n"), 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := s.disk.rename(temp, path); err != nil {
		return err
	}
	return s.disk.syncDir(s.dir)
}
