package journal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"filippo.io/age"

	"github.com/hcrun/hcrun/engine"
)

// sealedExt ends the name of a blob that is sealed.
const sealedExt = ".age"

// sealName is the file of the key that seals secrets. It lies in the state folder and in no run's folder: a
// run that is copied, exported or sent to somebody takes no secret with it.
const sealName = "seal.key"

// maxKeys is how many bytes the key file may have.
const maxKeys = 4096

// sealer seals secrets with the state folder's key.
type sealer struct {
	path string
	disk disk
	mu   sync.Mutex
	keys []age.Identity // the first one seals
}

// load reads the keys, one a line; with create it makes one, durably, where there is none. More than one is what
// an operator has put together who lost the file and found it again.
func (s *sealer) load(create bool) ([]age.Identity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys != nil {
		return s.keys, nil
	}
	f, err := s.disk.open(s.path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) && create {
		if sealed := s.orphans(); sealed != "" {
			p := engine.Problemf(engine.Corrupt, "%s is gone, and with it what is sealed in %s could not be brought back: no other key is made in its place", s.path, sealed)
			p.Next = "bring " + s.path + " back from a backup; if there is none, make one with: age-keygen -o " + s.path
			return nil, p
		}
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
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxKeys))
	if err != nil {
		return nil, err
	}
	keys, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, engine.Problemf(engine.Corrupt, "%s is not a key that seals secrets", s.path)
	}
	s.keys = keys
	return keys, nil
}

// present are the keys that there are, none where there is no file.
func (s *sealer) present() ([]age.Identity, error) {
	keys, err := s.load(false)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return slices.Clone(keys), err
}

// add puts keys behind those that there are, durably: they open what they have sealed elsewhere, and the folder's
// own goes on sealing. Where it has none yet it is made first, also when there is no key to add: behind contents that
// are sealed with another one it would be taken for lost. It reports whether there was any to add; whoever calls it
// holds the lock.
func (s *sealer) add(keys []age.Identity) (bool, error) {
	own, err := s.load(true)
	if errors.Is(err, os.ErrExist) {
		own, err = s.load(true)
	}
	if _, missed := errors.AsType[*engine.Problem](err); missed {
		own, err = s.present()
	}
	if err != nil {
		return false, err
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k age.Identity) bool {
		return slices.ContainsFunc(own, func(o age.Identity) bool { return lineOf(o) == lineOf(k) })
	})
	lines, err := keyLines(keys)
	if err != nil || len(lines) == 0 {
		return false, err
	}
	text, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	text = append(text, strings.Join(lines, "")...)
	if len(text) > maxKeys {
		return false, engine.Problemf(engine.Invalid, "%s has no room for another key: it may have %d bytes; take out what no run needs any more", s.path, maxKeys)
	}
	return true, s.replace(text)
}

// replace writes the key file anew.
func (s *sealer) replace(text []byte) error {
	temp := s.path + ".new"
	f, err := s.disk.open(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = s.disk.rename(temp, s.path)
	}
	if err != nil {
		_ = s.disk.remove(temp)
		return err
	}
	s.mu.Lock()
	s.keys = nil
	s.mu.Unlock()
	return s.disk.syncDir(filepath.Dir(s.path))
}

// orphans is a sealed content that needs a key which is not there, "" when there is none.
func (s *sealer) orphans() string {
	all, _ := filepath.Glob(filepath.Join(filepath.Dir(s.path), "runs", "*"+blobExt, "*"+sealedExt))
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// create writes a fresh key under a name of its own first: two processes that begin at the same time end
// with the same key.
func (s *sealer) create() ([]age.Identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	temp := s.path + "." + rand.Text()
	f, err := s.disk.open(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
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
	s.keys = []age.Identity{key}
	return s.keys, nil
}

// Seal returns a writer; what is written to it goes to w so that only this state folder can read it. Close
// completes it and leaves w open.
func (s *Store) Seal(w io.Writer) (io.WriteCloser, error) {
	keys, err := s.seal.load(true)
	if errors.Is(err, os.ErrExist) {
		keys, err = s.seal.load(true)
	}
	if _, said := errors.AsType[*engine.Problem](err); said {
		return nil, err
	}
	if err != nil {
		return nil, notDurable("make the key that seals secrets", err)
	}
	key, ok := keys[0].(*age.X25519Identity)
	if !ok {
		return nil, engine.Problemf(engine.Corrupt, "the first line of %s is not a key that seals secrets", s.seal.path)
	}
	return age.Encrypt(w, key.Recipient())
}

// Unseal reads what Seal has written. The error has code Corrupt when the state folder has another key.
func (s *Store) Unseal(r io.Reader) (io.Reader, error) {
	keys, err := s.seal.load(false)
	if err != nil {
		p := engine.Problemf(engine.Corrupt, "the key that unseals secrets cannot be read: %w", err)
		p.Next = "bring " + s.seal.path + " back from a backup, then the same command again"
		return nil, p
	}
	in, err := age.Decrypt(r, keys...)
	if err != nil {
		p := engine.Problemf(engine.Corrupt, "a sealed secret cannot be read with %s: it was sealed with another key, or is damaged", s.seal.path)
		p.Next = "add the line of the other key to " + s.seal.path + ", if there is a backup of it, then the same command again"
		return nil, p
	}
	return in, nil
}
