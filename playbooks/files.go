package playbooks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hcrun/hcrun/engine"
)

// localFiles is the folder that a playbook's local files are read from. Nothing outside of it can be
// opened, not by "..", an absolute path or a symbolic link. It remembers which files were read.
type localFiles struct {
	root *os.Root
	mu   sync.Mutex
	read map[string]bool
}

func openFiles(folder string) (*localFiles, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	return &localFiles{root: root, read: map[string]bool{}}, nil
}

// Open opens a file or folder below the root.
func (l *localFiles) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	clean := path.Clean(name)
	if name == "" || !filepath.IsLocal(clean) {
		return fail(outside())
	}
	// What a name stands for is asked before it is opened: opening a pipe would wait for a writer.
	info, err := l.root.Stat(clean)
	switch {
	case err != nil && strings.Contains(err.Error(), "escapes"): // os keeps its sentinel to itself
		return fail(outside())
	case err != nil:
		return fail(cause(err))
	case !info.IsDir() && !info.Mode().IsRegular():
		return fail(errors.New("is not a regular file"))
	}
	f, err := l.root.Open(clean)
	if err != nil {
		return fail(cause(err))
	}
	if !info.IsDir() {
		l.mu.Lock()
		l.read[clean] = true
		l.mu.Unlock()
	}
	return f, nil
}

func outside() error {
	return engine.Problemf(engine.Security, `is outside the folder that this playbook may read; files are named relative to it, and root = ".." in the playbook block would widen it`)
}

// cause takes the path off an error that gets another one.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// names are the files read so far.
func (l *localFiles) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.read))
}

// hash is the SHA-256 of a file in hex.
func (l *localFiles) hash(name string) (string, error) {
	f, err := l.root.Open(name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, cause(err))
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", name, cause(err))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
