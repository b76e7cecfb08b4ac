package sim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// criState is the container runtime as another process may read it: one file, replaced at once.
type criState struct {
	Root       string // where log paths begin for who reads them
	Node       string
	Pods       []criPod
	Containers []criContainer
}

type criPod struct {
	ID, Name, Namespace, UID string
	Attempt                  int
	CreatedAt                time.Time
	Annotations              map[string]string
}

type criContainer struct {
	ID, PodID, Name, Image string
	Attempt                int
	State                  string // CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED
	CreatedAt              time.Time
	StartedAt, FinishedAt  time.Time // zero: not yet
	ExitCode               int
	PID                    int
	Args                   []string
	Env                    []string
	Mounts                 []criMount
	LogPath                string
	Hash                   string
	Grace                  int64
}

type criMount struct {
	ContainerPath, HostPath string
	ReadOnly                bool
}

const (
	created = "CONTAINER_CREATED"
	running = "CONTAINER_RUNNING"
	exited  = "CONTAINER_EXITED"
)

const criFile = "cri.json"

// criStore is the kubelet's hold on the runtime's state.
type criStore struct {
	mu    sync.Mutex
	path  string
	state criState
	note  func(string)
}

func newCRIStore(n *Node) (*criStore, error) {
	s := &criStore{path: filepath.Join(n.State, criFile), state: criState{Root: n.Root, Node: n.Name}, note: n.note}
	return s, s.update("", func(*criState) {})
}

// update changes the state and then makes it visible; what names the change for tests.
func (s *criStore) update(what string, change func(*criState)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
	b, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	if err := replaceFile(s.path, b, 0o600); err != nil {
		return fmt.Errorf("state of the runtime: %w", err)
	}
	if what != "" {
		s.note(what)
	}
	return nil
}

func (s *criStore) container(what, id string, change func(*criContainer)) error {
	return s.update(what, func(st *criState) {
		for i := range st.Containers {
			if st.Containers[i].ID == id {
				change(&st.Containers[i])
			}
		}
	})
}

// removeContainer forgets a container, with its log.
func (s *criStore) removeContainer(what, id string) error {
	return s.update(what, func(st *criState) {
		st.Containers = slices.DeleteFunc(st.Containers, func(c criContainer) bool {
			if c.ID == id {
				os.Remove(filepath.Join(st.Root, c.LogPath))
			}
			return c.ID == id
		})
	})
}

// removePod forgets a sandbox, its containers and their logs.
func (s *criStore) removePod(what, id string) error {
	return s.update(what, func(st *criState) {
		st.Containers = slices.DeleteFunc(st.Containers, func(c criContainer) bool { return c.PodID == id })
		st.Pods = slices.DeleteFunc(st.Pods, func(p criPod) bool {
			if p.ID == id {
				os.RemoveAll(filepath.Join(st.Root, p.logDir()))
			}
			return p.ID == id
		})
	})
}

func (s *criStore) runs(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.state.Containers, func(c criContainer) bool { return c.Name == name && c.State == running })
}

func (p *criPod) logDir() string {
	return fmt.Sprintf("/var/log/pods/%s_%s_%s", p.Namespace, p.Name, p.UID)
}

// readCRI is what crictl sees; an error is a runtime that does not answer.
func readCRI(stateDir string) (*criState, error) {
	b, err := os.ReadFile(filepath.Join(stateDir, criFile))
	if err != nil {
		return nil, err
	}
	var s criState
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

func newID() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func digest(s string) string {
	h := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(h[:])
}
