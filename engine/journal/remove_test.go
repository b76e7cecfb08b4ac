package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// kept makes a run with contents and a torn tail beside it.
func kept(t *testing.T, s *Store, id string) {
	t.Helper()
	write(t, s, id, realistic(id))
	j, _, err := s.Continue(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"kind: Policy\n", "the log"} {
		if err := j.Keep(t.Context(), engine.Bytes([]byte(text))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(j.Close(), os.WriteFile(filepath.Join(s.runs(), id+".torn-1"), []byte("torn"), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, s *Store) string {
	t.Helper()
	entries, err := os.ReadDir(s.runs())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

const otherID = "20261126-200312-master2-aaaa"

// TestRemoveAtEveryFailure ends a Remove at each of its steps: the run is there and whole, or it is gone;
// what is left of it is found and removed, and the other run never notices.
func TestRemoveAtEveryFailure(t *testing.T) {
	steps := 0
	for last := false; !last; steps++ {
		s, d := testStore(t)
		kept(t, s, testID)
		kept(t, s, otherID)
		other, err := s.Verify(otherID)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		d.fail = func(string) error {
			done++
			if done > steps {
				return errors.New("the power is cut")
			}
			return nil
		}
		err = s.Remove(testID)
		last = err == nil
		d.fail = nil
		if err != nil && engine.CodeOf(err) != engine.NotDurable {
			t.Errorf("step %d: %v", steps, err)
		}
		ids, err := s.IDs()
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(ids, testID) {
			if _, err := s.Verify(testID); err != nil || steps > 0 {
				t.Errorf("step %d: the run is there still: %v", steps, err)
			}
		} else if left, err := s.Leftovers(); err != nil || slices.Contains(left, testID) != strings.Contains(names(t, s), testID) {
			t.Errorf("step %d: what is left is %v of %s, %v", steps, left, names(t, s), err)
		}
		if err := s.Remove(testID); err != nil {
			t.Errorf("step %d, again: %v", steps, err)
		}
		if strings.Contains(names(t, s), testID) {
			t.Errorf("step %d: left are %s", steps, names(t, s))
		}
		if got, err := s.Verify(otherID); err != nil || got != other {
			t.Errorf("step %d: the other run is %+v, %v", steps, got, err)
		}
	}
	if steps < 7 { // the journal, its folder, two contents, theirs, the torn tail, the folder again
		t.Errorf("Remove has only %d steps", steps)
	}
}

func TestLeftovers(t *testing.T) {
	s, _ := testStore(t)
	kept(t, s, testID)
	for _, name := range []string{"gone.blobs/", "dead.torn-2", "unborn.jsonl", "unborn.blobs/", "notes.txt", ".hidden.jsonl", "a b.blobs/"} {
		at := filepath.Join(s.runs(), name)
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.Mkdir(at, 0o700)
		} else {
			err = os.WriteFile(at, nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	left, err := s.Leftovers()
	if err != nil || !slices.Equal(left, []string{"dead", "gone", "unborn"}) {
		t.Fatalf("%v, %v", left, err)
	}
	for _, id := range left {
		if err := s.Remove(id); err != nil {
			t.Fatal(err)
		}
	}
	if want := ".hidden.jsonl " + testID + ".blobs " + testID + ".jsonl " + testID + ".torn-1 a b.blobs notes.txt"; names(t, s) != want {
		t.Errorf("there is %s, want %s", names(t, s), want)
	}
}

// TestRemoveStaysInside: a link beside a journal goes itself, not what it points to, and no name leads out.
func TestRemoveStaysInside(t *testing.T) {
	s, _ := testStore(t)
	outside := filepath.Join(t.TempDir(), "precious")
	if err := errors.Join(os.Mkdir(outside, 0o700), os.WriteFile(filepath.Join(outside, "file"), nil, 0o600), os.Symlink(outside, s.blobs("x"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove("x"); err != nil || names(t, s) != "" {
		t.Errorf("%v, left is %q", err, names(t, s))
	}
	if _, err := os.Stat(filepath.Join(outside, "file")); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"../x", "", "a/b", "."} {
		wantCode(t, s.Remove(id), engine.Invalid, "name of a run")
	}
}

func TestSize(t *testing.T) {
	s, _ := testStore(t)
	kept(t, s, testID)
	info, err := os.Stat(s.path(testID))
	if err != nil {
		t.Fatal(err)
	}
	want := info.Size() + int64(len("kind: Policy\n")+len("the log")+len("torn"))
	if got, err := s.Size(testID); err != nil || got != want {
		t.Errorf("%d bytes, want %d (%v)", got, want, err)
	}
}
