package journal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

func TestEverythingIsForTheOwnerOnly(t *testing.T) {
	s, _ := testStore(t)
	write(t, s, testID, realistic(testID)[:1])
	j, _, err := s.Continue(testID)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Keep(t.Context(), engine.Bytes([]byte("secret"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock("test"); err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(s.dir, func(path string, info os.FileInfo, err error) error {
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAStateFolderThatOthersCanChangeIsRefused(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, dir string)
		words   string
	}{
		"world-writable": {func(t *testing.T, dir string) { mkdir(t, dir, 0o777) }, "chmod go-w"},
		"group-writable": {func(t *testing.T, dir string) { mkdir(t, dir, 0o770) }, "chmod go-w"},
		"a symbolic link": {func(t *testing.T, dir string) {
			mkdir(t, dir+"-real", 0o700)
			if err := os.Symlink(dir+"-real", dir); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link"},
		"runs is world-writable": {func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			mkdir(t, filepath.Join(dir, "runs"), 0o777)
		}, "chmod go-w"},
		"runs is a symbolic link": {func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			if err := os.Symlink(t.TempDir(), filepath.Join(dir, "runs")); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			tt.prepare(t, dir)
			for _, open := range []func(string) (*Store, error){OpenStore, ReadStore} {
				_, err := open(dir)
				wantCode(t, err, engine.Security, dir, tt.words)
			}
		})
	}
}

// TestReadingMakesNothing: a state folder that is not there has no runs, and reading in it leaves it so.
func TestReadingMakesNothing(t *testing.T) {
	parent := t.TempDir()
	s, err := ReadStore(filepath.Join(parent, "state"))
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := s.IDs(); err != nil || len(ids) != 0 {
		t.Errorf("IDs: %v, %v", ids, err)
	}
	_, err = s.Find("master1")
	wantCode(t, err, engine.Invalid, "has none")
	_, err = s.Read(testID)
	wantCode(t, err, engine.Invalid, "there is no run")
	if who, busy := s.Holder(); busy {
		t.Errorf("held by %s", who)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Errorf("reading made %v, %v", left, err)
	}
}

func mkdir(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil { // the umask does not matter here
		t.Fatal(err)
	}
}

func TestAStateFolderOfSomebodyElseIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	mkdir(t, dir, 0o700)
	if err := os.Chown(dir, 12345, -1); err != nil {
		if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skip("only root can give a folder away")
	}
	_, err := OpenStore(dir)
	wantCode(t, err, engine.Security, "user id 12345")
}

func TestAStateFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), filepath.Join(file, "further", "below")} {
		_, err := OpenStore(dir)
		wantCode(t, err, engine.NotDurable)
	}
}

func TestParentsAreMadeAndSynced(t *testing.T) {
	d := &testDisk{}
	top := t.TempDir()
	if _, err := openStore(filepath.Join(top, "a", "b"), d); err != nil {
		t.Fatal(err)
	}
	// What is there already is synced before what is made in it: whoever made it may have died.
	want := []string{"syncdir " + filepath.Base(filepath.Dir(top)), "syncdir " + filepath.Base(top), "syncdir a", "syncdir a", "syncdir b"}
	if !slices.Equal(d.ops, want) {
		t.Errorf("did %q\nwant %q", d.ops, want)
	}
}

func TestJournalFilesThatOthersCanChangeAreRefused(t *testing.T) {
	s, _ := testStore(t)
	write(t, s, testID, realistic(testID))
	if err := os.Chmod(s.path(testID), 0o622); err != nil {
		t.Fatal(err)
	}
	_, err := s.Read(testID)
	wantCode(t, err, engine.Security, "chmod go-w")
	if err := os.Rename(s.path(testID), s.path("real")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.jsonl", s.path(testID)); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Continue(testID)
	wantCode(t, err, engine.Security, "symbolic link")
}

func TestNamesCannotLeaveTheFolder(t *testing.T) {
	s, _ := testStore(t)
	for _, id := range []string{"", ".", "..", "../x", "a/b", ".hidden", "a\x00b", "a\nb", strings.Repeat("a", 300)} {
		_, err := s.Create(id)
		wantCode(t, err, engine.Invalid)
		_, err = s.Read(id)
		wantCode(t, err, engine.Invalid)
		_, err = s.Blob(t.Context(), id, engine.Bytes(nil))
		wantCode(t, err, engine.Corrupt)
	}
	_, err := s.Blob(t.Context(), testID, engine.NewContent("../../../etc/passwd", 1, nil))
	wantCode(t, err, engine.Corrupt)
}

func TestARunThatIsNotThere(t *testing.T) {
	s, _ := testStore(t)
	_, err := s.Read(testID)
	wantCode(t, err, engine.Invalid, testID)
	_, _, err = s.Continue(testID)
	wantCode(t, err, engine.Invalid, testID)
}

func TestARunIsNotBegunTwice(t *testing.T) {
	s, _ := testStore(t)
	raw := write(t, s, testID, realistic(testID))
	_, err := s.Create(testID)
	wantCode(t, err, engine.NotDurable)
	if now, _ := os.ReadFile(s.path(testID)); !bytes.Equal(now, raw) {
		t.Error("the journal that was there has changed")
	}
}

func TestNewID(t *testing.T) {
	now := time.Date(2026, 11, 25, 22, 3, 12, 0, time.FixedZone("", 2*3600))
	a, b := NewID(now, "master1"), NewID(now, "master1")
	if !strings.HasPrefix(a, "20261125-200312-master1-") || len(a) != len(testID) || a == b {
		t.Errorf("got %q and %q", a, b)
	}
	for _, node := range []string{"a/b", "web[a/b:c]", "..", "", "ü", strings.Repeat("x", 500)} {
		if id := NewID(now, node); !idRE.MatchString(id) {
			t.Errorf("%q gives %q", node, id)
		}
	}
	if early, late := NewID(now, "z"), NewID(now.Add(time.Second), "a"); early >= late {
		t.Errorf("%q does not sort before %q", early, late)
	}
}

func TestIDsLeavesOutWhatNeverBegan(t *testing.T) {
	s, _ := testStore(t)
	raw := write(t, s, testID, realistic(testID))
	line := raw[:bytes.IndexByte(raw, '\n')+1]
	for name, b := range map[string][]byte{"b-empty": nil, "c-torn": line[:len(line)/2], "d-garbage": []byte("garbage"), "a-short": line} {
		if err := os.WriteFile(s.path(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.runs(), "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := s.IDs()
	if want := []string{testID, "a-short", "d-garbage"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if events, err := s.Read("b-empty"); err != nil || len(events) != 0 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestFind(t *testing.T) {
	s, _ := testStore(t)
	_, err := s.Find("x")
	wantCode(t, err, engine.Invalid, "has none")
	ids := []string{"20261125-200312-master1-k3f9", "20261125-210000-master2-aaaa", "20261126-200000-master3-k3f8"}
	for _, id := range ids {
		write(t, s, id, realistic(id)[:1])
	}
	for part, want := range map[string]string{ids[1]: ids[1], "20261126": ids[2], "k3f9": ids[0], "aaaa": ids[1]} {
		if got, err := s.Find(part); got != want || err != nil {
			t.Errorf("%q: got %q, %v", part, got, err)
		}
	}
	_, err = s.Find("20261125")
	wantCode(t, err, engine.Invalid, "tell these runs apart", ids[0], ids[1])
	_, err = s.Find("nope")
	wantCode(t, err, engine.Invalid, "nope", ids[2])
	_, err = s.Find("")
	wantCode(t, err, engine.Invalid)
}

func TestLock(t *testing.T) {
	s, _ := testStore(t)
	l, err := s.Lock("apply audit-5p\x1b[31m on master1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Lock("resume")
	wantCode(t, err, engine.Locked, "process ", s.dir, "apply audit-5p", "since 2")
	if strings.Contains(err.Error(), "\x1b") {
		t.Error("control bytes reach the terminal")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := s.Lock("resume")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "lock"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Lock("status")
	wantCode(t, err, engine.Locked, "not said who")
	again.Close()
	if _, err := os.Stat(filepath.Join(s.dir, "lock")); err != nil {
		t.Errorf("the lock file is gone: %v", err)
	}
}

func TestLockThatIsALink(t *testing.T) {
	s, _ := testStore(t)
	target := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(target, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(s.dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock("apply"); err == nil {
		t.Error("followed a symbolic link")
	}
	if b, _ := os.ReadFile(target); string(b) != "x" {
		t.Error("the file behind the link has changed")
	}
}

func TestBlobsAreVerifiedWhenTheyAreRead(t *testing.T) {
	s, _ := testStore(t)
	c := engine.Bytes([]byte(strings.Repeat("what was there before\n", 100_000)))
	j, err := s.Create(testID)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Keep(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	known := engine.NewContent(c.Hash(), c.Size(), nil) // as a journal gives it back
	if got, err := readAll(j.Open(t.Context(), known)); err != nil || int64(len(got)) != c.Size() {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	r, err := s.Verify(testID)
	if err != nil || r.Blobs != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	path := filepath.Join(s.blobs(testID), c.Hash())
	raw, _ := os.ReadFile(path)
	for name, damage := range map[string][]byte{
		"flipped": append([]byte("W"), raw[1:]...),
		"cut":     raw[:len(raw)-1],
		"longer":  append(slices.Clone(raw), '\n'),
		"empty":   {},
	} {
		if err := os.WriteFile(path, damage, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readAll(s.Blob(t.Context(), testID, known))
		if engine.CodeOf(err) != engine.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Verify(testID); engine.CodeOf(err) != engine.Corrupt {
			t.Errorf("%s: verify says %v", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = s.Blob(t.Context(), testID, known)
	wantCode(t, err, engine.Corrupt, c.Hash())
}

func readAll(r io.ReadCloser, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestAContentThatCannotBeReadDoesNotPoison(t *testing.T) {
	s, _ := testStore(t)
	j, err := s.Create(testID)
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the connection is gone")
	good := engine.Bytes([]byte("right"))
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	tests := map[string]struct {
		ctx context.Context
		c   engine.Content
	}{
		"cannot be opened": {t.Context(), engine.NewContent(good.Hash(), 5, func(context.Context) (io.ReadCloser, error) { return nil, gone })},
		"has changed":      {t.Context(), engine.NewContent(good.Hash(), 5, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("wrong")), nil })},
		"is elsewhere":     {t.Context(), engine.NewContent(good.Hash(), 5, nil)},
		"context ended":    {ended, good},
		"none":             {t.Context(), engine.Content{}},
		"a hostile hash":   {t.Context(), engine.NewContent("../../x", 5, nil)},
	}
	for name, tt := range tests {
		if err := j.Keep(tt.ctx, tt.c); err == nil || engine.CodeOf(err) == engine.NotDurable {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(s.blobs(testID))
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := j.Append(realistic(testID)[0]); err != nil {
		t.Error(err)
	}
	if err := j.Keep(t.Context(), good); err != nil {
		t.Error(err)
	}
}

func TestEmptyContentIsKept(t *testing.T) {
	s, _ := testStore(t)
	j, err := s.Create(testID)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Keep(t.Context(), engine.Bytes(nil)); err != nil {
		t.Fatal(err)
	}
	if b, err := readAll(j.Open(t.Context(), engine.Bytes(nil))); err != nil || len(b) != 0 {
		t.Errorf("%q, %v", b, err)
	}
}

func TestABlobWithoutItsFolderNameIsWrittenAgain(t *testing.T) {
	s, d := testStore(t)
	c := engine.Bytes([]byte("x"))
	write(t, s, testID, realistic(testID)[:1])
	for range 2 { // what another process wrote may not have been synced before it died
		j, _, err := s.Continue(testID)
		if err != nil {
			t.Fatal(err)
		}
		d.ops = nil
		if err := j.Keep(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if d.count("syncdir "+testID+".blobs") != 1 {
			t.Errorf("did %q", d.ops)
		}
		j.Close()
	}
}
