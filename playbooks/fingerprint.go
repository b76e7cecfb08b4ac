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
	gates, err := engine.PlanGates(pb)
	if err != nil {
		return "", err
	}
	whole := []any{map[string]string{"name": pb.Name, "description": pb.Description, "hosts": pb.Hosts}, pb.Schedule}
	for _, g := range gates {
		whole = append(whole, g)
	}
	for _, s := range pb.Steps {
		whole = append(whole, map[string]string{"kind": s.Task.Kind()}, s)
	}
	var said []map[string]json.RawMessage
	for _, part := range whole {
		fields, err := saidIn(part)
		if err != nil {
			return "", fmt.Errorf("its fields cannot be written as JSON: %w", err)
		}
		said = append(said, fields)
	}
	b, err := json.Marshal(said)
	return hashOf(b), err
}

// saidIn is what a part of a playbook says: its fields without those that say nothing, so that a version
// of hcrun with one field more makes the same of a playbook that does not use it.
func saidIn(part any) (map[string]json.RawMessage, error) {
	b, err := json.Marshal(part)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	err = json.Unmarshal(b, &fields)
	maps.DeleteFunc(fields, func(_ string, v json.RawMessage) bool {
		return slices.Contains([]string{"null", `""`, "false", "0", "[]", "{}"}, string(v))
	})
	return fields, err
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
