package journal

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

func sealedText(t *testing.T, s *Store, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := s.Seal(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestNoKeyInPlaceOfALostOne: while something is sealed with a key that is gone, no other is made.
func TestNoKeyInPlaceOfALostOne(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	j, err := s.Create("run-1")
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Keep(t.Context(), engine.Bytes([]byte("it")).Secret()); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, sealName))
	if s, err = OpenStore(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(io.Discard); engine.CodeOf(err) != engine.Corrupt || !strings.Contains(err.Error(), "no other key is made") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, sealName)); err == nil {
		t.Error("there is a key")
	}
}

func unsealed(s *Store, b []byte) (string, error) {
	r, err := s.Unseal(bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// TestSeal: only the key of the state folder reads what was sealed; two keys in its file read what either sealed.
func TestSeal(t *testing.T) {
	dir := t.TempDir()
	open := func() *Store {
		s, err := OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	key := filepath.Join(dir, sealName)
	first := sealedText(t, open(), "one")
	if bytes.Contains(first, []byte("one")) {
		t.Error("it is not sealed")
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	if got, err := unsealed(open(), first); got != "one" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	torn := bytes.Clone(first)
	torn[len(torn)-1] ^= 1
	if got, err := unsealed(open(), torn); err == nil {
		t.Errorf("a flipped bit gives %q", got)
	}
	old, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(key)
	if _, err := unsealed(open(), first); engine.CodeOf(err) != engine.Corrupt || !strings.Contains(err.Error(), "cannot be read") {
		t.Error(err)
	}
	second := sealedText(t, open(), "two")
	if _, err := unsealed(open(), first); engine.CodeOf(err) != engine.Corrupt || !strings.Contains(err.Error(), "another key") {
		t.Error(err)
	}
	fresh, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, append(fresh, old...), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, b := range map[string][]byte{"one": first, "two": second, "three": sealedText(t, open(), "three")} {
		if got, err := unsealed(open(), b); got != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := os.Chmod(key, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := unsealed(open(), first); err == nil {
		t.Error("a key that others can write was used")
	}
}

// TestOneKey: processes that begin at the same time end with one key.
func TestOneKey(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	sealed := make([][]byte, 8)
	for i := range sealed {
		all.Go(func() {
			s, err := OpenStore(dir)
			if err != nil {
				t.Error(err)
				return
			}
			sealed[i] = sealedText(t, s, "it")
		})
	}
	all.Wait()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range sealed {
		if got, err := unsealed(s, b); got != "it" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestSecretsAreKeptSealed: a secret content is not in the state folder as it is, comes back whole, and is verified.
func TestSecretsAreKeptSealed(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	j, err := s.Create("run-1")
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	text := strings.Repeat("a canary in the blobs\n", 5000)
	c := engine.Bytes([]byte(text)).Secret()
	if err := j.Keep(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "runs", "*", "*"))
	if err != nil || len(files) != 1 || !strings.HasSuffix(files[0], sealedExt) {
		t.Fatalf("%v, %v", files, err)
	}
	if b, err := os.ReadFile(files[0]); err != nil || bytes.Contains(b, []byte("canary")) {
		t.Errorf("it can be read, %v", err)
	}
	read := func() (string, error) {
		in, err := j.Open(t.Context(), engine.NewContent(c.Hash(), c.Size(), nil))
		if err != nil {
			return "", err
		}
		defer in.Close()
		b, err := io.ReadAll(in)
		return string(b), err
	}
	if got, err := read(); got != text || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := os.Truncate(files[0], 70_000); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); engine.CodeOf(err) != engine.Corrupt {
		t.Errorf("cut: %v", err)
	}
}
