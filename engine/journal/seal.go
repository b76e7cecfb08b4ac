package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"filippo.io/age"

	"github.com/hcrun/hcrun/engine"
)

// sealedExt ends the name of a blob that is sealed.
const sealedExt = ".age"

// sealName is the file of the key that seals secrets. It lies in the state folder and in no run's folder: a
// run that is copied, exported or sent to somebody takes no secret with it.
const sealName = "seal.key"

// sealer seals secrets with the state folder's key.
type sealer struct {
	path string
	disk disk
	mu   sync.Mutex
	key  *age.X25519Identity
}

// load reads the key; with create it makes one, durably, where there is none.
func (s *sealer) load(create bool) (*age.X25519Identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return s.key, nil
	}
	f, err := s.disk.open(s.path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) && create {
		return s.create()
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = ours(s.path, info)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	if err != nil {
		return nil, err
	}
	key, err := age.ParseX25519Identity(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, engine.Problemf(engine.Corrupt, "%s is not a key that seals secrets", s.path)
	}
	s.key = key
	return key, nil
}

// create writes a fresh key under a name of its own first: two processes that begin at the same time end
// with the same key.
func (s *sealer) create() (*age.X25519Identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	temp := fmt.Sprintf("%s.%d", s.path, os.Getpid())
	f, err := s.disk.open(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp)
	_, err = f.WriteAt([]byte(key.String()+"\n"), 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temp, s.path); err != nil {
		return nil, err // another process was first, and the next call reads its key
	}
	if err := s.disk.syncDir(filepath.Dir(s.path)); err != nil {
		return nil, err
	}
	s.key = key
	return key, nil
}

// Seal returns a writer; what is written to it goes to w so that only this state folder can read it. Close
// completes it and leaves w open.
func (s *Store) Seal(w io.Writer) (io.WriteCloser, error) {
	key, err := s.seal.load(true)
	if errors.Is(err, os.ErrExist) {
		key, err = s.seal.load(true)
	}
	if err != nil {
		return nil, notDurable("make the key that seals secrets", err)
	}
	return age.Encrypt(w, key.Recipient())
}

// Unseal reads what Seal has written. The error has code Corrupt when the state folder has another key.
func (s *Store) Unseal(r io.Reader) (io.Reader, error) {
	key, err := s.seal.load(false)
	if err != nil {
		return nil, engine.Problemf(engine.Corrupt, "the key that unseals secrets cannot be read: %w", err)
	}
	in, err := age.Decrypt(r, key)
	if err != nil {
		return nil, engine.Problemf(engine.Corrupt, "a sealed secret cannot be read with %s: it was sealed in another state folder, or is damaged", s.seal.path)
	}
	return in, nil
}
