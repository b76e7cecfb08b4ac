package journal

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// TestJournalsOfOldVersions: what an earlier hcrun wrote is read for ever. testdata/vN has a landed run and
// one that was overridden, rolled back and acknowledged, as the first binary of that format wrote them;
// these files are never written again.
func TestJournalsOfOldVersions(t *testing.T) {
	for _, format := range []string{"v1"} {
		t.Run(format, func(t *testing.T) {
			store := stateOf(t, filepath.Join("testdata", format))
			ids, err := store.IDs()
			if err != nil || len(ids) != 2 {
				t.Fatalf("%q, %v", ids, err)
			}
			var states []engine.State
			for _, id := range ids {
				if report, err := store.Verify(id); err != nil || report.Blobs != 1 {
					t.Errorf("%s: %+v, %v", id, report, err)
				}
				events, err := store.Read(id)
				if err != nil {
					t.Fatal(err)
				}
				r, err := engine.Fold(events)
				if err != nil {
					t.Fatal(err)
				}
				states = append(states, r.State)
				if r.Playbook != "kernel-limits" || len(engine.Changes(r.Steps)) != 2 || len(r.Inputs) == 0 {
					t.Errorf("%s is now another run: %+v", id, r.Opened)
				}
				if acked := r.Acked != nil; acked != (r.State == engine.RolledBk) || len(r.Overrides) != 2*len(r.Failed) {
					t.Errorf("%s: acked %v, %d overrides, %d failures", id, acked, len(r.Overrides), len(r.Failed))
				}
			}
			if want := []engine.State{engine.Landed, engine.RolledBk}; !slices.Equal(states, want) {
				t.Errorf("the runs are %q, want %q", states, want)
			}
		})
	}
}

// stateOf is a copy of a state folder with the rights that one has; what a source tree is checked out with
// are others.
func stateOf(t *testing.T, from string) *Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, rel)
		if d.IsDir() {
			return os.Mkdir(to, 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store
}
