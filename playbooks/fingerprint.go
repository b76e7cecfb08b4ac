package playbooks

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"

	"github.com/hcrun/hcrun/engine"
)

// fingerprint is a hash of all that a compiled playbook says for one node. A file has its text for that;
// here it is what was made that counts, so that a binary built anew from the same sources, or from others
// that say the same, holds nobody.
func fingerprint(pb *engine.Playbook) (string, error) {
	type step struct {
		Kind string
		engine.Step
	}
	var steps []step
	for _, s := range pb.Steps {
		steps = append(steps, step{s.Task.Kind(), s})
	}
	gates, err := engine.PlanGates(pb)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(struct {
		Name, Description, Hosts string
		Schedule                 engine.Schedule
		Gates                    []engine.PlannedGate
		Steps                    []step
	}{pb.Name, pb.Description, pb.Hosts, pb.Schedule, gates, steps})
	if err != nil {
		return "", fmt.Errorf("a task's fields cannot be written as JSON: %w", err)
	}
	return hashOf(b), nil
}

// readFiles is a folder that remembers which files were read.
type readFiles struct {
	from fs.FS // nil: it is empty
	mu   sync.Mutex
	read map[string]bool
}

// Open opens a file or folder.
func (r *readFiles) Open(name string) (fs.File, error) {
	if r.from == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%w: no files are compiled in", fs.ErrNotExist)}
	}
	f, err := r.from.Open(path.Clean(name))
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && !info.IsDir() {
		r.mu.Lock()
		r.read[path.Clean(name)] = true
		r.mu.Unlock()
	}
	return f, nil
}

// hashes adds the files that were read to a playbook's inputs.
func (r *readFiles) hashes(inputs map[string]string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.read)) {
		b, err := fs.ReadFile(r.from, name)
		if err != nil {
			return err
		}
		inputs["file "+name] = hashOf(b)
	}
	return nil
}
