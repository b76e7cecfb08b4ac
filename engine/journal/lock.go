package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Lock is the right to write in a store. It ends with Close or with the process, however it dies.
type Lock struct{ f *os.File }

// holder is what the lock file says of who holds it.
type holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	What  string    `json:"what"`
	Since time.Time `json:"since"`
}

// Lock takes the store for one writer; what says what for, "apply audit-5p on master1". When somebody
// has it, the error has code Locked and names them; there is no waiting. The file is never deleted, or
// two processes could hold locks on two files of one name.
func (s *Store) Lock(what string) (*Lock, error) {
	path := filepath.Join(s.dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, notDurable("take the lock", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = ours(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	err = flock(f, syscall.LOCK_EX)
	for try := 0; try < 5 && errors.Is(err, syscall.EWOULDBLOCK); try++ {
		time.Sleep(10 * time.Millisecond) // Holder has it for a moment
		err = flock(f, syscall.LOCK_EX)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer f.Close()
		return nil, engine.Problemf(engine.Locked, "another hcrun has %s: %s", s.dir, readHolder(f))
	}
	if err != nil {
		f.Close()
		return nil, notDurable("take the lock "+path, err)
	}
	host, _ := os.Hostname()
	b, _ := json.Marshal(holder{PID: os.Getpid(), Host: host, What: what, Since: time.Now().UTC().Truncate(time.Second)})
	// Who holds it is a courtesy; the lock itself is the kernel's.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(append(b, '\n'), 0)
	}
	return &Lock{f}, nil
}

// Share holds off whoever wants to write in the store, and is refused as Lock is while somebody does; several can
// have it. It makes and changes nothing: where nobody has ever locked the store there is nobody to hold off.
func (s *Store) Share() (*Lock, error) {
	path := filepath.Join(s.dir, "lock")
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return &Lock{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("share the lock: %w", err)
	}
	err = flock(f, syscall.LOCK_SH)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer f.Close()
		return nil, engine.Problemf(engine.Locked, "another hcrun has %s: %s", s.dir, readHolder(f))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("share the lock %s: %w", path, err)
	}
	return &Lock{f}, nil
}

// Holder says who has the store locked; ok is false when nobody has.
func (s *Store) Holder() (who string, ok bool) {
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return "", false
	}
	defer f.Close()
	if !errors.Is(flock(f, syscall.LOCK_SH), syscall.EWOULDBLOCK) {
		return "", false
	}
	return readHolder(f), true
}

// flock takes the lock or returns EWOULDBLOCK at once.
func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if err != syscall.EINTR {
			return err
		}
	}
}

func readHolder(f *os.File) string {
	b, _ := io.ReadAll(io.NewSectionReader(f, 0, 4<<10))
	var h holder
	if json.Unmarshal(b, &h) != nil {
		return "it has not said who it is"
	}
	return fmt.Sprintf("process %d on %q, %q, since %s", h.PID, h.Host, h.What, h.Since.Format(time.RFC3339))
}

// Close gives the lock back.
func (l *Lock) Close() error {
	if l.f == nil {
		return nil
	}
	_ = l.f.Truncate(0)
	return l.f.Close()
}
