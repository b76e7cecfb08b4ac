package journal

import (
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
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

// golden is what a journal of an older version folds to.
type golden struct {
	records, steps   int
	state            engine.State
	next             engine.Op
	inDoubt          bool
	changed, clean   bool
	left             []string
	contents, sealed int
	head             string
}

// TestGoldenJournals: testdata/vN has runs of the flagship on the lab as the last binary of that format wrote
// them: one that landed, one that was rolled back, one that was killed while its manifest was on the way; and one
// of a playbook with a secret, and the key that it is sealed with, which seals nothing else. Every later version
// reads the same runs out of them, and has their contents, for resume and rollback. These files are never written
// again; TestMakeGolden of cmd/hcrun/cli makes those of the next format.
func TestGoldenJournals(t *testing.T) {
	const log = "/var/log/kubernetes/audit.log"
	for format, runs := range map[string]map[string]golden{
		"v2": {
			"20261201-010000-master1-land": {
				records: 41, steps: 9, state: engine.Landed, next: engine.Op{Step: 9}, changed: true, clean: true, contents: 3,
				head: "a3df1187744f621399be4665f67e5d0cfc7c8914bf476825d523d7fceee19bdc",
			},
			"20261201-010000-master1-back": {
				records: 61, steps: 9, state: engine.RolledBk, next: engine.Op{Step: -1, Change: -1}, changed: true, left: []string{log, filepath.Dir(log)}, contents: 3,
				head: "c2f8c64cb677d62f17bb9579db36dd4fe0c9e5ad7ff15b9790d605bd28b90f7d",
			},
			"20261201-010000-master1-died": {
				records: 22, steps: 9, state: engine.Applying, next: engine.Op{Step: 5}, inDoubt: true, changed: true, contents: 3,
				head: "4a1133cbdb79a6f1601b023261a3e1fd5d478bf7c53f37a6659daebb45a2d985",
			},
			"20261201-010000-master1-seal": {
				records: 9, steps: 2, state: engine.Landed, next: engine.Op{Step: 2}, changed: true, clean: true, contents: 2, sealed: 2,
				head: "c3c7abd4e3c91501c622004cf46903bc66d04dc6b6e557bc6a9c8498485d487e",
			},
		},
	} {
		t.Run(format, func(t *testing.T) {
			store := stateOf(t, filepath.Join("testdata", format))
			ids, err := store.IDs()
			if err != nil || !slices.Equal(ids, slices.Sorted(maps.Keys(runs))) {
				t.Fatalf("%q, %v", ids, err)
			}
			for _, id := range ids {
				t.Run(id, func(t *testing.T) {
					if got, want := goldenOf(t, store, id), runs[id]; !reflect.DeepEqual(got, want) {
						t.Errorf("it is\n%+v\nand was\n%+v", got, want)
					}
				})
			}
		})
	}
}

// goldenOf takes a run up as resume does, reads every content that its records promise, and says what it is.
func goldenOf(t *testing.T, store *Store, id string) golden {
	t.Helper()
	if report, err := store.Verify(id); err != nil || report.Torn != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	j, events, err := store.Continue(id)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r, err := engine.Fold(events)
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != id || r.Node != "master1" || r.User != "operator@laptop" || r.Inventory != "/home/operator/site/inventory.hcl" || len(r.Inputs) == 0 {
		t.Errorf("it is another run now: %+v", r.Opened)
	}
	g := golden{records: len(events), steps: len(r.Steps), state: r.State, next: r.Next, inDoubt: r.InDoubt, changed: r.Changed, clean: r.Clean, left: r.LeftPaths, head: j.Head().Sum}
	seen := map[string]bool{}
	for _, c := range named(events) {
		in, err := j.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, in); err != nil || n != c.Size() {
			t.Errorf("%s: %d bytes, %v", c, n, err)
		}
		in.Close()
		if seen[c.Hash()] {
			continue
		}
		seen[c.Hash()] = true
		g.contents++
		if _, err := os.Stat(filepath.Join(store.blobs(id), c.Hash()+sealedExt)); err == nil {
			g.sealed++
		}
	}
	// It can be gone on with: the next record follows on the last of the old format.
	if err := j.Append(engine.Event{Run: id, Kind: engine.EvOverride, Override: &engine.Override{Guard: "soak"}}); err != nil {
		t.Fatal(err)
	}
	if again, err := store.Read(id); err != nil || len(again) != len(events)+1 {
		t.Errorf("gone on with: %d records, %v", len(again), err)
	}
	return g
}

// TestGoldenSecretNeedsItsKey: without the key the journal is read all the same, and its contents are not.
func TestGoldenSecretNeedsItsKey(t *testing.T) {
	store := stateOf(t, filepath.Join("testdata", "v2"))
	if err := os.Remove(store.seal.path); err != nil {
		t.Fatal(err)
	}
	const id = "20261201-010000-master1-seal"
	events, err := store.Read(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range named(events) {
		_, err := store.Blob(t.Context(), id, c)
		wantCode(t, err, engine.Corrupt, "key that unseals secrets", store.seal.path)
	}
}

// stateOf is a copy of a state folder with the rights that one has; what a source tree is checked out with
// are others.
func stateOf(t testing.TB, from string) *Store {
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
