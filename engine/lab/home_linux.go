package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// nodesDir holds a folder a node.
const nodesDir = "nodes"

// home is the folder of a lab.
type home string

func (h home) path(parts ...string) string {
	return filepath.Join(append([]string{string(h)}, parts...)...)
}
func (h home) node(name string) nodeHome { return nodeHome(h.path(nodesDir, name)) }

// nodeHome is the folder of one node. Its tree is the node's root.
type nodeHome string

func (n nodeHome) tree() string   { return filepath.Join(string(n), "root") }
func (n nodeHome) shared() string { return filepath.Join(string(n), "shared") }
func (n nodeHome) seeded() string { return filepath.Join(string(n), "seeded") }

// What lies in the shared folder, which the node sees as sharedInside.
const (
	clockFile = "clock"     // nanoseconds from machine time to lab time, in decimal
	breaksDir = "breaks"    // an empty file a kind
	lokiSock  = "loki.sock" // Loki, for processes in the node
)

// openHome makes the folder, or takes it as it is when it belongs to us alone.
func openHome(dir string) (home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("lab folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", engine.Problemf(engine.Preflight, "make the lab's folder: %w", err)
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("lab folder: %w", err)
	}
	if s := st.Sys().(*syscall.Stat_t); !st.IsDir() || int(s.Uid) != os.Geteuid() {
		return "", engine.Problemf(engine.Security, "the lab's folder %s has to be a folder of uid %d", dir, os.Geteuid())
	}
	if st.Mode().Perm() != 0o700 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return "", fmt.Errorf("lab folder: %w", err)
		}
	}
	return home(dir), nil
}

// state is what a lab remembers between two supervisors, in state.json. While a supervisor runs, it
// alone writes it.
type state struct {
	ID     string        `json:"id"`
	Nodes  []nodeState   `json:"nodes"`
	Pace   float64       `json:"pace"`
	Offset time.Duration `json:"offset"`
	Loki   int           `json:"loki"` // port
}

type nodeState struct {
	Name string `json:"name"`
	Port int    `json:"port"`
}

// load reads the state; there being none is no error.
func (h home) load() (state, error) {
	var s state
	b, err := os.ReadFile(h.path("state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, &engine.Problem{Code: engine.Preflight, What: fmt.Sprintf("the lab's state cannot be read: %v", err),
			Next: "hcrun lab reset", Err: err}
	}
	return s, nil
}

func (h home) save(s state) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(h.path("state.json"), append(b, '\n'), 0o600)
}

// replaceFile writes a file that a reader sees whole, old or new.
func replaceFile(name string, b []byte, mode fs.FileMode) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, b, mode); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// want is the state that a start with these options begins with.
func (s state) want(o Options, now time.Time) (state, error) {
	if s.ID == "" {
		s.ID = randomHex()
		offset, err := freshOffset(now)
		if err != nil {
			return s, err
		}
		s.Offset = offset
	}
	if o.Pace != 0 {
		s.Pace = o.Pace
	}
	if s.Pace == 0 {
		s.Pace = 1
	}
	names := o.Nodes
	if len(names) == 0 && len(s.Nodes) == 0 {
		names = []string{"master1", "master2", "master3"}
	}
	if len(names) > 0 {
		old := s.Nodes
		s.Nodes = nil
		for _, n := range names {
			s.Nodes = append(s.Nodes, nodeState{Name: n, Port: portOf(old, n)})
		}
	}
	return s, nil
}

func portOf(nodes []nodeState, name string) int {
	for _, n := range nodes {
		if n.Name == name {
			return n.Port
		}
	}
	return 0
}

// randomHex is an id that no other lab has.
func randomHex() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// lockFile takes an exclusive lock and waits for it until ctx ends. The lock goes with the last
// copy of the descriptor.
func lockFile(ctx context.Context, name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		if err := (engine.Clock{}).Sleep(ctx, 10*time.Millisecond); err != nil {
			f.Close()
			return nil, fmt.Errorf("wait for the lock %s: %w", name, err)
		}
	}
}

// broken lists the kinds in a shared folder, by name.
func broken(shared string) []string {
	kinds := []string{}
	entries, _ := os.ReadDir(filepath.Join(shared, breaksDir)) // no folder: nothing is broken
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			kinds = append(kinds, e.Name())
		}
	}
	return kinds
}
