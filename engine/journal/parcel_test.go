package journal

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// goldenState is a state folder with the golden runs: landed, rolled back, killed, and one with sealed contents.
func goldenState(t testing.TB) *Store {
	t.Helper()
	return stateOf(t, filepath.Join("testdata", "v2"))
}

const (
	landedID = "20261201-010000-master1-land"
	openID   = "20261201-010000-master1-died"
	sealedID = "20261201-010000-master1-seal"
)

func exportOf(t testing.TB, s *Store, id string, withKey bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Export(t.Context(), &b, id, withKey); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readParcel(b []byte) (*Parcel, error) {
	return ReadParcel(context.Background(), bytes.NewReader(b), int64(len(b)), "r.hcrun")
}

func parcelOf(t testing.TB, b []byte) *Parcel {
	t.Helper()
	p, err := readParcel(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func imported(t testing.TB, s *Store, b []byte) *Imported {
	t.Helper()
	in, err := s.Import(t.Context(), parcelOf(t, b))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// tree is every file below a folder with its bytes, but for the lock.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			fmt.Fprintln(&b, path)
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintln(&b, path, sumOf(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestParcelsGoRound: each golden run is exported, imported elsewhere and exported there again, to the byte.
func TestParcelsGoRound(t *testing.T) {
	if goRound(t, stateOf(t, filepath.Join("testdata", "v1")))+goRound(t, goldenState(t)) == 0 {
		t.Error("none of the golden runs has sealed contents")
	}
}

// goRound does it with each run of a state folder, and returns how many contents were sealed.
func goRound(t *testing.T, from *Store) (sealed int) {
	t.Helper()
	before := tree(t, from.dir)
	ids, err := from.IDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b := exportOf(t, from, id, false)
		if !bytes.Equal(b, exportOf(t, from, id, false)) {
			t.Errorf("%s: a second export differs", id)
		}
		p := parcelOf(t, b)
		sealed += p.Sealed
		s, _ := testStore(t)
		if in := imported(t, s, b); in.Before != 0 || in.Written != p.Contents || in.Unread != p.Sealed || in.KeyAdded {
			t.Errorf("%s: %+v of %+v", id, in, p)
		}
		was, err := from.Read(id)
		if err != nil {
			t.Fatal(err)
		}
		if is, err := s.Read(id); err != nil || asJSON(t, is) != asJSON(t, was) {
			t.Errorf("%s: it tells something else, %v", id, err)
		}
		if !bytes.Equal(exportOf(t, s, id, false), b) {
			t.Errorf("%s: exported from there it differs", id)
		}
		if r, err := s.Verify(id); p.Sealed == 0 && (err != nil || r.Head != p.Head || r.Records != p.Records) {
			t.Errorf("%s: %+v, %v", id, r, err)
		}
		for file := range strings.Lines(tree(t, s.dir)) {
			path, _, _ := strings.Cut(strings.TrimSpace(file), " ")
			if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
	}
	if is := tree(t, from.dir); is != before {
		t.Errorf("exporting has changed the folder:\n%s\nit was\n%s", is, before)
	}
	return sealed
}

// TestParcelIsATar: what reads archives reads a parcel.
func TestParcelIsATar(t *testing.T) {
	b := exportOf(t, goldenState(t), sealedID, true)
	r := tar.NewReader(bytes.NewReader(b))
	var all []string
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || h.Mode != 0o600 {
			t.Errorf("%+v", h)
		}
		n, err := io.Copy(io.Discard, r)
		if err != nil || n != h.Size {
			t.Errorf("%s: %d, %v", h.Name, n, err)
		}
		all = append(all, h.Name)
	}
	if all[0] != manifestName || all[1] != journalName || all[len(all)-1] != sealName {
		t.Errorf("it has %q", all)
	}
}

// TestKeysTravel: a key that came along is put behind the folder's own, which goes on sealing.
func TestKeysTravel(t *testing.T) {
	from := goldenState(t)
	other, err := os.ReadFile(filepath.Join(from.dir, sealName))
	if err != nil {
		t.Fatal(err)
	}
	plain, with := exportOf(t, from, sealedID, false), exportOf(t, from, sealedID, true)
	if bytes.Contains(plain, []byte("AGE-SECRET-KEY")) || !bytes.Contains(with, bytes.TrimSpace(other)) {
		t.Error("the key went along unasked, or not")
	}
	if bytes.Contains(exportOf(t, from, landedID, true), []byte("AGE-SECRET-KEY")) {
		t.Error("a key went along that opens nothing in it")
	}
	for name, prepare := range map[string]func(*Store){
		"no key yet":   func(*Store) {},
		"another key":  func(s *Store) { sealedText(t, s, "mine") },
		"run is there": func(s *Store) { imported(t, s, plain) },
		"its own key": func(s *Store) {
			if err := os.WriteFile(s.seal.path, other, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := testStore(t)
			prepare(s)
			had, _ := os.ReadFile(s.seal.path)
			in := imported(t, s, with)
			if in.Unread != 0 || in.KeyAdded == bytes.Equal(had, other) {
				t.Errorf("%+v", in)
			}
			if r, err := s.Verify(sealedID); err != nil || r.Records == 0 {
				t.Errorf("%+v, %v", r, err)
			}
			has, err := os.ReadFile(s.seal.path)
			if err != nil || !bytes.HasPrefix(has, had) || !bytes.Contains(has, bytes.TrimSpace(other)) {
				t.Errorf("the key file has changed otherwise: %v", err)
			}
			if in := imported(t, s, with); in.KeyAdded || in.Written != 0 {
				t.Errorf("again: %+v", in)
			}
			if again, _ := os.ReadFile(s.seal.path); !bytes.Equal(again, has) {
				t.Error("the key was added twice")
			}
			if info, err := os.Stat(s.seal.path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
	s, _ := testStore(t)
	imported(t, s, plain)
	if text := sealedText(t, s, "a secret of its own"); len(text) == 0 {
		t.Error("nothing can be sealed here any more")
	}
	if _, err := s.Export(t.Context(), io.Discard, sealedID, true); engine.CodeOf(err) != engine.Corrupt || !strings.Contains(err.Error(), "no key in ") {
		t.Errorf("a key that is not here went along: %v", err)
	}
}

// TestOnlyTheKeyThatIsNeededTravels: of several keys, and whatever else their file says.
func TestOnlyTheKeyThatIsNeededTravels(t *testing.T) {
	from := goldenState(t)
	s, _ := testStore(t)
	sealedText(t, s, "mine")
	mine, err := os.ReadFile(s.seal.path)
	if err != nil {
		t.Fatal(err)
	}
	imported(t, s, exportOf(t, from, sealedID, true))
	b := exportOf(t, s, sealedID, true)
	if bytes.Contains(b, bytes.TrimSpace(mine)) || !parcelOf(t, b).HasKey {
		t.Error("another key went along, or none")
	}
}

// TestDamagedParcels: cut at any block, or with any one bit flipped, a parcel is refused.
func TestDamagedParcels(t *testing.T) {
	from := goldenState(t)
	for _, id := range []string{landedID, sealedID} {
		b := exportOf(t, from, id, id == sealedID)
		for n := 0; n < len(b); n += block {
			for _, cut := range []int{n, n + 1, n + block/2} {
				if _, err := readParcel(b[:cut]); engine.CodeOf(err) != engine.Corrupt {
					t.Fatalf("cut to %d of %d bytes: %v", cut, len(b), err)
				}
			}
		}
		for _, more := range [][]byte{{0}, make([]byte, block), b} {
			if _, err := readParcel(slices.Concat(b, more)); engine.CodeOf(err) != engine.Corrupt {
				t.Errorf("%d bytes more: %v", len(more), err)
			}
		}
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		flip := func(bit int) {
			b[bit/8] ^= 1 << (bit % 8)
			if _, err := readParcel(b); engine.CodeOf(err) != engine.Corrupt {
				t.Errorf("seed %d, bit %d of byte %d flipped: %v", seed, bit%8, bit/8, err)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
		for range 500 {
			flip(rnd.IntN(8 * len(b)))
		}
		for bit := range 8 * block { // the first header, whole
			flip(bit)
		}
		parcelOf(t, b)
	}
}

// repacked is a parcel of other files; the manifest is made for them unless it is among them.
func repacked(m manifest, files map[string][]byte) []byte {
	text := m.encode()
	var b bytes.Buffer
	put := func(name string, size int64, text []byte) {
		b.Write(header(name, size))
		b.Write(text)
		b.Write(make([]byte, padded(int64(len(text)))-int64(len(text))))
	}
	put(manifestName, int64(len(text)), text)
	for _, e := range m.Files {
		put(e.Name, e.Size, files[e.Name])
	}
	b.Write(make([]byte, 2*block))
	return b.Bytes()
}

// unpacked is the manifest of a parcel and its files.
func unpacked(t testing.TB, b []byte) (manifest, map[string][]byte) {
	t.Helper()
	p := parcelOf(t, b)
	files := map[string][]byte{}
	for i, e := range p.manifest.Files {
		files[e.Name], _ = io.ReadAll(p.section(i))
	}
	m := p.manifest
	m.Files = slices.Clone(m.Files)
	return m, files
}

// TestHostileParcels: whoever makes the sums anew can still not bring in what no run has.
func TestHostileParcels(t *testing.T) {
	from := goldenState(t)
	good := exportOf(t, from, landedID, false)
	m, files := unpacked(t, good)
	if !bytes.Equal(repacked(m, files), good) {
		t.Fatal("packed again it differs")
	}
	add := func(m *manifest, files map[string][]byte, name, text string) {
		m.Files = append(m.Files, entry{Name: name, Size: int64(len(text)), Sum: sumOf([]byte(text))})
		files[name] = []byte(text)
	}
	zeros := strings.Repeat("0", 64)
	tests := map[string]struct {
		change func(m *manifest, files map[string][]byte)
		words  string
	}{
		"a path outside":        {func(m *manifest, f map[string][]byte) { add(m, f, "../../etc/passwd", "x") }, "no file"},
		"outside of contents":   {func(m *manifest, f map[string][]byte) { add(m, f, "blobs/../x", "x") }, "no file"},
		"an absolute path":      {func(m *manifest, f map[string][]byte) { add(m, f, "/etc/passwd", "x") }, "no file"},
		"another file":          {func(m *manifest, f map[string][]byte) { add(m, f, "mark", "x") }, "no file"},
		"a key in the middle":   {func(m *manifest, f map[string][]byte) { m.Files[1].Name = sealName }, "no file"},
		"no key at all":         {func(m *manifest, f map[string][]byte) { add(m, f, sealName, "x\n") }, "not a key"},
		"a long key":            {func(m *manifest, f map[string][]byte) { add(m, f, sealName, strings.Repeat("#\n", maxKeys)) }, "it may have"},
		"an extra content":      {func(m *manifest, f map[string][]byte) { add(m, f, blobFolder+sumOf([]byte("x")), "x") }, "not in its place|no record names"},
		"an extra sealed one":   {func(m *manifest, f map[string][]byte) { add(m, f, blobFolder+strings.Repeat("f", 64)+sealedExt, "x") }, "no record names"},
		"a content twice":       {func(m *manifest, f map[string][]byte) { m.Files = append(m.Files, m.Files[len(m.Files)-1]) }, "named twice"},
		"the journal twice":     {func(m *manifest, f map[string][]byte) { m.Files = append(m.Files, m.Files[0]) }, "no file"},
		"no journal":            {func(m *manifest, f map[string][]byte) { m.Files = m.Files[1:] }, "there have to be"},
		"nothing":               {func(m *manifest, f map[string][]byte) { m.Files = nil }, "there have to be"},
		"a content less":        {func(m *manifest, f map[string][]byte) { m.Files = m.Files[:len(m.Files)-1] }, "it lacks"},
		"another run's name":    {func(m *manifest, f map[string][]byte) { m.Run = openID }, "another run"},
		"a name that is a path": {func(m *manifest, f map[string][]byte) { m.Run = "../x" }, "cannot be the name"},
		"another run's journal": {func(m *manifest, f map[string][]byte) {
			_, others := unpacked(t, exportOf(t, from, openID, false))
			f[journalName] = others[journalName]
			m.Files[0] = entry{journalName, int64(len(f[journalName])), sumOf(f[journalName])}
		}, "another run"},
		"a huge journal":    {func(m *manifest, f map[string][]byte) { m.Files[0].Size = maxJournal + 1 }, "it may have"},
		"a huge content":    {func(m *manifest, f map[string][]byte) { m.Files[1].Size = maxParcel + 1 }, "it may have"},
		"a size below zero": {func(m *manifest, f map[string][]byte) { m.Files[1].Size = -1 }, "it may have"},
		"a bomb of contents": {func(m *manifest, f map[string][]byte) {
			for i := 1; i < len(m.Files); i++ {
				m.Files[i].Size = maxParcel / 2
			}
		}, "a run may have"},
		"many files": {func(m *manifest, f map[string][]byte) {
			m.Files = append(m.Files, make([]entry, maxFiles)...)
		}, "at most"},
		"a content of another name": {func(m *manifest, f map[string][]byte) { m.Files[1].Sum = zeros }, "not its own"},
		"a cut journal": {func(m *manifest, f map[string][]byte) {
			f[journalName] = f[journalName][:len(f[journalName])-9]
			m.Files[0] = entry{journalName, int64(len(f[journalName])), sumOf(f[journalName])}
		}, "ends within"},
		"an empty journal": {func(m *manifest, f map[string][]byte) {
			f[journalName] = nil
			m.Files[0] = entry{journalName, 0, sumOf(nil)}
		}, "no records"},
		"no first record": {func(m *manifest, f map[string][]byte) {
			_, rest, _ := bytes.Cut(f[journalName], []byte("\n"))
			f[journalName] = rest
			m.Files[0] = entry{journalName, int64(len(rest)), sumOf(rest)}
		}, "does not follow"},
		"no story": {func(m *manifest, f map[string][]byte) {
			line, _, _ := newChain().seal(engine.Event{Kind: engine.EvLanded, Run: m.Run})
			f[journalName] = line
			m.Files = []entry{{journalName, int64(len(line)), sumOf(line)}}
		}, "those of a run"},
		"a newer format": {func(m *manifest, f map[string][]byte) { m.Format = 2 }, "newer hcrun"},
		"no format":      {func(m *manifest, f map[string][]byte) { m.Format = 0 }, "manifest"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, files := unpacked(t, good)
			tt.change(&m, files)
			_, err := readParcel(repacked(m, files))
			if engine.CodeOf(err) != engine.Corrupt {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(strings.Split(tt.words, "|"), func(w string) bool { return strings.Contains(err.Error(), w) }) {
				t.Errorf("it says: %v", err)
			}
		})
	}
}

// TestHostileTars: an archive that somebody else's tar made is refused for each thing that it can hold.
func TestHostileTars(t *testing.T) {
	m, files := unpacked(t, exportOf(t, goldenState(t), landedID, false))
	pack := func(change func(*tar.Header)) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		put := func(name string, text []byte) {
			h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(text))}
			if name == m.Files[1].Name {
				change(h)
			}
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			if h.Size > 0 {
				if _, err := w.Write(text); err != nil {
					t.Fatal(err)
				}
			}
		}
		put(manifestName, m.encode())
		for _, e := range m.Files {
			put(e.Name, files[e.Name])
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, change := range map[string]func(*tar.Header){
		"a symbolic link": func(h *tar.Header) { h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, "/etc/passwd", 0 },
		"a hard link":     func(h *tar.Header) { h.Typeflag, h.Linkname, h.Size = tar.TypeLink, "/etc/passwd", 0 },
		"a device":        func(h *tar.Header) { h.Typeflag, h.Size = tar.TypeBlock, 0 },
		"a pipe":          func(h *tar.Header) { h.Typeflag, h.Size = tar.TypeFifo, 0 },
		"a folder":        func(h *tar.Header) { h.Typeflag, h.Size = tar.TypeDir, 0 },
		"setuid":          func(h *tar.Header) { h.Mode = 0o4755 },
		"an owner":        func(h *tar.Header) { h.Uid = 12345 },
		"a long name":     func(h *tar.Header) { h.Name = strings.Repeat("x/", 200) + "x" },
		"outside":         func(h *tar.Header) { h.Name = "../" + h.Name },
		"extended":        func(h *tar.Header) { h.PAXRecords = map[string]string{"HCRUN.x": "/etc/passwd"} },
		"sparse":          func(h *tar.Header) { h.Typeflag = tar.TypeGNUSparse; h.Format = tar.FormatGNU },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readParcel(pack(change)); engine.CodeOf(err) != engine.Corrupt {
				t.Error(err)
			}
		})
	}
	for _, b := range [][]byte{nil, []byte("PK\x03\x04"), make([]byte, 10*block), bytes.Repeat([]byte("7"), 4*block)} {
		if _, err := readParcel(b); engine.CodeOf(err) != engine.Corrupt {
			t.Error(err)
		}
	}
}

// prefix leaves n records of a run's journal, and a tail.
func prefix(t testing.TB, s *Store, id string, n int, tail string) {
	t.Helper()
	b, err := os.ReadFile(s.path(id))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	if err := os.WriteFile(s.path(id), append(bytes.Join(lines[:n], nil), tail...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestImportOverARun: what is here is only ever completed.
func TestImportOverARun(t *testing.T) {
	from := goldenState(t)
	whole := exportOf(t, from, landedID, false)
	records := parcelOf(t, whole).Records
	torn := "{\"v\":2,\"seq\":"
	tests := map[string]struct {
		prepare func(t *testing.T, s *Store)
		had     int
		code    engine.Code
		words   string
		aside   string
	}{
		"the same":                        {prepare: func(*testing.T, *Store) {}, had: records},
		"a beginning":                     {prepare: func(t *testing.T, s *Store) { prefix(t, s, landedID, 5, "") }, had: 5},
		"no record":                       {prepare: func(t *testing.T, s *Store) { prefix(t, s, landedID, 0, "") }},
		"a beginning, torn as it went on": {prepare: func(t *testing.T, s *Store) { prefix(t, s, landedID, 5, torn) }, had: 5},
		"a beginning with zeros":          {prepare: func(t *testing.T, s *Store) { prefix(t, s, landedID, 5, torn[:9]+"\x00\x00") }, had: 5, aside: torn[:9] + "\x00\x00"},
		"the same, torn behind it":        {prepare: func(t *testing.T, s *Store) { prefix(t, s, landedID, records, torn) }, had: records, aside: torn},
		"one with a lost content": {prepare: func(t *testing.T, s *Store) {
			if err := os.RemoveAll(s.blobs(landedID)); err != nil {
				t.Fatal(err)
			}
		}, had: records},
		"a longer one": {prepare: func(t *testing.T, s *Store) {
			j, events, err := s.Continue(landedID)
			if err == nil {
				err = errors.Join(j.Append(events[len(events)-1]), j.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		}, code: engine.Invalid, words: "goes on"},
		"another": {prepare: func(t *testing.T, s *Store) {
			events, err := s.Read(landedID)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(s.path(landedID)); err != nil {
				t.Fatal(err)
			}
			events[0].Opened.User = "somebody else"
			write(t, s, landedID, events[:3])
		}, code: engine.Corrupt, words: "other records"},
		"a damaged one": {prepare: func(t *testing.T, s *Store) {
			prefix(t, s, landedID, 5, "what\n")
		}, code: engine.Corrupt, words: "record 6"},
		"contents that are a link": {prepare: func(t *testing.T, s *Store) {
			if err := errors.Join(os.RemoveAll(s.blobs(landedID)), os.Symlink(t.TempDir(), s.blobs(landedID))); err != nil {
				t.Fatal(err)
			}
		}, code: engine.Security, words: "symbolic link"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := testStore(t)
			imported(t, s, whole)
			tt.prepare(t, s)
			before := tree(t, s.dir)
			in, err := s.Import(t.Context(), parcelOf(t, whole))
			if tt.code != 0 {
				wantCode(t, err, tt.code, tt.words)
				if is := tree(t, s.dir); is != before {
					t.Errorf("it has changed the store:\n%s\nit was\n%s", is, before)
				}
				return
			}
			if err != nil || in.Before != tt.had {
				t.Fatalf("%+v, %v", in, err)
			}
			if r, err := s.Verify(landedID); err != nil || r.Records != records || r.Torn != 0 {
				t.Errorf("%+v, %v", r, err)
			}
			aside, _ := os.ReadFile(filepath.Join(s.runs(), landedID+".torn-1"))
			if string(aside) != tt.aside {
				t.Errorf("set aside is %q, want %q", aside, tt.aside)
			}
		})
	}
}

// TestWhatIsReadableHereStays: sealed with another key here, a content that can be read is not replaced, and one that
// nobody can read is not thrown away for another that nobody can.
func TestWhatIsReadableHereStays(t *testing.T) {
	from := goldenState(t)
	plain := exportOf(t, from, sealedID, false)
	s, _ := testStore(t)
	sealedText(t, s, "this makes the key")
	imported(t, s, plain)
	files, err := filepath.Glob(filepath.Join(s.blobs(sealedID), "*"+sealedExt))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	hash := strings.TrimSuffix(filepath.Base(files[0]), sealedExt)
	in, err := from.Blob(t.Context(), sealedID, engine.NewContent(hash, parcelOf(t, plain).sizes[hash], nil))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	mine := sealedText(t, s, string(text))
	if err := os.WriteFile(files[0], mine, 0o600); err != nil {
		t.Fatal(err)
	}
	stays := func() {
		t.Helper()
		if is, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(is, mine) {
			t.Errorf("it was replaced, %v", err)
		}
	}
	if in := imported(t, s, plain); in.Written != 0 || in.Unread != parcelOf(t, plain).Sealed-1 {
		t.Errorf("%+v", in)
	}
	stays()
	key := s.seal.path
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	s.seal.keys = nil
	before := tree(t, s.dir)
	_, err = s.Import(t.Context(), parcelOf(t, plain))
	wantCode(t, err, engine.Corrupt, "sealed here with another key")
	stays()
	if is := tree(t, s.dir); is != before {
		t.Errorf("it has changed the store:\n%s", is)
	}
}

// TestImportAtEveryFailure ends an import at each of its steps, once with a disk that fails from there on and once
// with one that fails only there: the run is not there, or as it was before, or whole; and the next import ends well.
func TestImportAtEveryFailure(t *testing.T) {
	from := goldenState(t)
	with := exportOf(t, from, sealedID, true)
	records := parcelOf(t, with).Records
	for _, had := range []int{0, 5} {
		for _, once := range []bool{false, true} {
			steps := 0
			for last := false; !last; steps++ {
				s, d := testStore(t)
				if had > 0 {
					imported(t, s, with)
					prefix(t, s, sealedID, had, "{\"v\":2,\"seq\":")
				}
				done, failed := 0, false
				d.fail = func(string) error {
					done++
					if done == steps+1 || done > steps && !once {
						failed = true
						return errFull
					}
					return nil
				}
				_, err := s.Import(t.Context(), parcelOf(t, with))
				last = !failed
				d.fail, s.seal.keys = nil, nil
				if failed && err == nil && !once {
					t.Fatalf("step %d: no error", steps)
				}
				if last && err != nil {
					t.Fatal(err)
				}
				ids, listed := s.IDs()
				if listed != nil {
					t.Fatal(listed)
				}
				left, _ := s.Leftovers()
				switch r, verified := s.Verify(sealedID); {
				case had == 0 && len(ids) == 0 && engine.CodeOf(verified) == engine.Invalid:
					if once && err != nil && len(left) > 0 {
						t.Errorf("step %d: left behind %q: %s", steps, left, tree(t, s.dir))
					}
				case verified == nil && (r.Records == records || r.Records == had && had > 0):
				default:
					t.Fatalf("had %d, step %d, once %v: half of it is there: %+v, %v after %v\n%s", had, steps, once, r, verified, err, tree(t, s.dir))
				}
				imported(t, s, with)
				if r, err := s.Verify(sealedID); err != nil || r.Records != records {
					t.Fatalf("step %d, then again: %+v, %v", steps, r, err)
				}
				if names, _ := filepath.Glob(filepath.Join(s.dir, "*", "*", tempPrefix+"*")); len(names) > 0 {
					t.Errorf("step %d: %q are left", steps, names)
				}
			}
			if steps < 12 {
				t.Errorf("had %d: only %d steps", had, steps)
			}
		}
	}
}

// TestParcelThatChangesBeforeItIsWritten: what was verified is what is written, or nothing.
func TestParcelThatChangesBeforeItIsWritten(t *testing.T) {
	b := exportOf(t, goldenState(t), landedID, false)
	for i := range parcelOf(t, b).manifest.Files {
		c := bytes.Clone(b)
		p := parcelOf(t, c)
		s, _ := testStore(t)
		before := tree(t, s.dir)
		c[p.at[i]+p.manifest.Files[i].Size-1] ^= 1
		_, err := s.Import(t.Context(), p)
		wantCode(t, err, engine.Corrupt, "changed")
		if is := tree(t, s.dir); is != before {
			t.Errorf("it has changed the store:\n%s", is)
		}
	}
}

// TestExportRefusals: what is not whole here does not go anywhere.
func TestExportRefusals(t *testing.T) {
	tests := map[string]struct {
		prepare func(s *Store) error
		code    engine.Code
		words   string
	}{
		"no such run": {func(s *Store) error { return s.Remove(landedID) }, engine.Invalid, "there is no run"},
		"never began": {func(s *Store) error { return os.Truncate(s.path(landedID), 0) }, engine.Invalid, "never began"},
		"damaged":     {func(s *Store) error { return os.WriteFile(s.path(landedID), []byte("x\n"), 0o600) }, engine.Corrupt, "record 1"},
		"no contents": {func(s *Store) error { return os.RemoveAll(s.blobs(landedID)) }, engine.Corrupt, "lost a content"},
		"a changed content": {func(s *Store) error {
			files, _ := filepath.Glob(filepath.Join(s.blobs(landedID), "*"))
			return os.WriteFile(files[0], []byte("x"), 0o600)
		}, engine.Corrupt, "have changed"},
		"a content of others": {func(s *Store) error {
			files, _ := filepath.Glob(filepath.Join(s.blobs(landedID), "*"))
			return os.Chmod(files[0], 0o666)
		}, engine.Security, "others can write it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := testStore(t)
			imported(t, s, exportOf(t, goldenState(t), landedID, false))
			if err := tt.prepare(s); err != nil {
				t.Fatal(err)
			}
			_, err := s.Export(t.Context(), io.Discard, landedID, false)
			wantCode(t, err, tt.code, tt.words)
		})
	}
}

// TestTornTailStaysBehind: what was never acknowledged is no part of a run that is exported.
func TestTornTailStaysBehind(t *testing.T) {
	s, _ := testStore(t)
	imported(t, s, exportOf(t, goldenState(t), landedID, false))
	prefix(t, s, landedID, 5, "{\"v\":2,")
	var b bytes.Buffer
	x, err := s.Export(t.Context(), &b, landedID, false)
	if err != nil || x.Torn != 7 || x.Records != 5 {
		t.Fatalf("%+v, %v", x, err)
	}
	if p := parcelOf(t, b.Bytes()); p.Records != 5 || p.Head != x.Head {
		t.Errorf("%+v", p)
	}
}

// TestShare: whoever writes keeps those out who export, and they him.
func TestShare(t *testing.T) {
	s, _ := testStore(t)
	free := func(l *Lock, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	free(s.Share())
	if _, err := os.Stat(filepath.Join(s.dir, "lock")); err == nil {
		t.Error("it has made the lock")
	}
	l, err := s.Lock("work")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Share()
	wantCode(t, err, engine.Locked, "work")
	free(l, nil)
	one, err := s.Share()
	if err != nil {
		t.Fatal(err)
	}
	free(s.Share())
	_, err = s.Lock("work")
	wantCode(t, err, engine.Locked)
	free(one, nil)
	free(s.Lock("work"))
}
