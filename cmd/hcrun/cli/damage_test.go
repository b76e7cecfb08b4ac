package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
)

// TestDamage damages the journal that a real run of the flagship leaves in every way there is: each bit flipped,
// cut at each byte, zeros from each byte on, records gone, repeated and swapped; and so with its contents. The
// damage is found, as Corrupt, or it is in the torn tail alone and only that is set aside. Never does the run
// that is read differ from a beginning of the one that was.
//
// What nobody can see from the file alone is that whole records are missing at its end: a cut between two
// records looks like a run that had come just so far. That is what happens, and is held here: not an error, and
// no torn tail. The records that are left are the true ones. (A head that was noted elsewhere shows it.)
//
// With the race detector it tries a sample, without it all of them; that is a step of its own in .ci/run.
func TestDamage(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	b.must(0, b.apply("master1")...)
	b.must(0, "lab", "down")
	whole := victim(t, b.state, t.TempDir())
	if n := len(whole.events); n < 30 {
		t.Fatalf("only %d records", n)
	}
	t.Logf("%s: %d bytes, %d records, %d contents", whole.id, len(whole.raw), len(whole.events), len(whole.named()))
	for _, damage := range []struct {
		name string
		do   func(*damaged, int) string // tries one and says what came of it
		n    int
	}{
		{"bit flips", (*damaged).flip, 8 * len(whole.raw)},
		{"bit flips in the last record of a run that had come just so far", (*damaged).flipLast, len(whole.raw)},
		{"bit flips in a torn tail", (*damaged).flipTorn, len(whole.raw)},
		{"cuts", (*damaged).cut, len(whole.raw)},
		{"zeros from a byte on", (*damaged).zeros, len(whole.raw)},
		{"records and stretches of them gone", (*damaged).gone, len(whole.lines) * len(whole.lines)},
		{"records repeated elsewhere", (*damaged).repeated, len(whole.lines) * (len(whole.lines) + 1)},
		{"records swapped", (*damaged).swapped, len(whole.lines) * len(whole.lines)},
		{"bit flips in contents", (*damaged).flipBlob, 8 * len(whole.blobs)},
		{"cuts of contents", (*damaged).cutBlob, len(whole.blobs)},
		{"contents gone, exchanged, longer", (*damaged).otherBlob, 3 * len(whole.named())},
	} {
		began := time.Now()
		tried, outcomes := whole.each(t, damage.n, damage.do)
		t.Logf("%7d %s in %v: %s", tried, damage.name, time.Since(began).Round(time.Millisecond), outcomes)
		if stride == 1 && tried != damage.n {
			t.Errorf("%s: %d were tried of %d", damage.name, tried, damage.n)
		}
	}
}

// What comes of a damage.
const (
	refused  = "refused as corrupt"
	torn     = "only the torn tail set aside"
	unseen   = "whole records missing at the end, which the file cannot show"
	unborn   = "no run yet, its first record never was acknowledged"
	harmless = "no damage at all"
)

// damaged is a copy of a run in a state folder of its own.
type damaged struct {
	t      testing.TB
	id     string
	store  *journal.Store
	file   *os.File
	folder string         // of its contents
	raw    []byte         // the journal as it was
	lines  [][]byte       // its records
	events []engine.Event // what they tell
	blobs  []spot         // every byte of every content
	now    int            // how many bytes the file has
}

// spot is one byte of a content.
type spot struct {
	content engine.Content
	text    []byte
	at      int
}

// victim copies the one run of a state folder to another.
func victim(t testing.TB, from, to string) *damaged {
	t.Helper()
	if err := os.CopyFS(filepath.Join(to, "runs"), os.DirFS(filepath.Join(from, "runs"))); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{to, filepath.Join(to, "runs")} {
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	store, err := journal.OpenStore(to)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := store.IDs()
	if err != nil || len(ids) != 1 {
		t.Fatalf("runs %q, %v", ids, err)
	}
	d := &damaged{t: t, id: ids[0], store: store, folder: filepath.Join(to, "runs", ids[0]+".blobs")}
	if d.events, err = store.Read(d.id); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Verify(d.id); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, "runs", d.id+".jsonl")
	d.raw, err = os.ReadFile(path)
	if err == nil {
		d.file, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.file.Close() })
	d.now = len(d.raw)
	d.lines = slices.Collect(bytes.Lines(d.raw))
	for _, c := range d.named() {
		text, err := os.ReadFile(filepath.Join(d.folder, c.Hash()))
		if err != nil {
			t.Fatal(err)
		}
		for at := range text {
			d.blobs = append(d.blobs, spot{c, text, at})
		}
	}
	return d
}

// named are the contents that the records promise, each once.
func (d *damaged) named() []engine.Content {
	var all []engine.Content
	for _, e := range d.events {
		for _, c := range namedBy(e) {
			if !slices.ContainsFunc(all, c.Same) {
				all = append(all, c)
			}
		}
	}
	return all
}

// each does something with 0 to n-1, or every stride-th of them, on all processors, and counts what it says.
func (d *damaged) each(t *testing.T, n int, do func(*damaged, int) string) (tried int, outcomes string) {
	t.Helper()
	const some = 64 // so many at a time
	var (
		next   atomic.Int64
		mu     sync.Mutex
		counts = map[string]int{}
		wg     sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		mine := victim(t, filepath.Dir(filepath.Dir(d.folder)), memory(t))
		wg.Go(func() {
			own := map[string]int{}
			for !t.Failed() {
				first := int(next.Add(some)) - some
				if first*stride >= n {
					break
				}
				for i := first; i < first+some && i*stride < n; i++ {
					own[do(mine, i*stride)]++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for what, n := range own {
				counts[what] += n
			}
		})
	}
	wg.Wait()
	var all []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		tried += counts[what]
		all = append(all, fmt.Sprintf("%d %s", counts[what], what))
	}
	return tried, strings.Join(all, "; ")
}

// memory is a folder in memory where there is one, so that thousands of syncs take no time.
func memory(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "hcrun-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (d *damaged) must(err error) {
	if err != nil {
		d.t.Error(err)
		runtime.Goexit()
	}
}

// holds makes the journal file hold something else.
func (d *damaged) holds(text []byte) {
	_, err := d.file.WriteAt(text, 0)
	if err == nil && len(text) < d.now {
		err = d.file.Truncate(int64(len(text)))
	}
	d.must(err)
	d.now = len(text)
}

// opened opens the run as every command does, says what came of it, and fails when the run is any other than
// one of so many first records.
func (d *damaged) opened(what string, at, records int) string {
	listed := true
	if records == 0 || records == 1 || d.now < 2*len(d.lines[0]) { // else there is a newline, and one suffices
		ids, err := d.store.IDs()
		d.must(err)
		listed = len(ids) == 1 && ids[0] == d.id
	}
	got, err := d.store.Read(d.id)
	switch {
	case engine.CodeOf(err) == engine.Corrupt && listed:
		return refused
	case err != nil || listed != (len(got) > 0):
		d.t.Errorf("%s %d: listed %v, %v", what, at, listed, err)
		return ""
	case !d.begins(got, records):
		d.t.Errorf("%s %d: nothing is said, and the run is another: %d records, want the first %d", what, at, len(got), records)
		return ""
	case records == 0:
		return unborn
	}
	_, err = engine.Fold(got)
	d.must(err)
	return harmless
}

// begins reports whether events are the first of the run, so many.
func (d *damaged) begins(got []engine.Event, records int) bool {
	return len(got) == records && (records == 0 || reflect.DeepEqual(got, d.events[:records]))
}

// wholeIn is how many records are whole in the first n bytes, and where the last one of them ends.
func (d *damaged) wholeIn(n int) (records, end int) {
	return bytes.Count(d.raw[:n], []byte("\n")), bytes.LastIndexByte(d.raw[:n], '\n') + 1
}

// flipped flips one bit of a file that holds text while it does something.
func (d *damaged) flipped(f *os.File, text []byte, at, bit int, do func() string) string {
	write := func(c byte) {
		_, err := f.WriteAt([]byte{c}, int64(at))
		d.must(err)
	}
	write(text[at] ^ 1<<bit)
	defer write(text[at])
	return do()
}

func (d *damaged) only(want, what string, at int, got string) string {
	if got != want && !d.t.Failed() {
		d.t.Errorf("%s %d: %s, want it %s", what, at, got, want)
	}
	return got
}

func (d *damaged) flip(i int) string {
	if d.now != len(d.raw) {
		d.holds(d.raw)
	}
	return d.only(refused, "bit", i, d.flipped(d.file, d.raw, i/8, i%8, func() string { return d.opened("bit", i, -1) }))
}

// flipLast flips a bit of a byte, and each of a newline, in the last record of a journal that ends with it.
func (d *damaged) flipLast(at int) string {
	records, _ := d.wholeIn(at)
	if end := len(bytes.Join(d.lines[:records+1], nil)); d.now != end {
		d.holds(d.raw[:end])
	}
	bits := []int{at % 8}
	if d.raw[at] == '\n' {
		bits = []int{0, 1, 2, 3, 4, 5, 6, 7}
	}
	for _, bit := range bits {
		d.only(refused, "byte", at, d.flipped(d.file, d.raw, at, bit, func() string { return d.opened("byte of the last record", at, -1) }))
	}
	return refused
}

// flipTorn flips in a tail that is torn somewhere behind the byte: that it is damaged need not be seen, but what
// is whole before it stays what it was.
func (d *damaged) flipTorn(at int) string {
	records, end := d.wholeIn(at)
	n := min(at+1+at%97, end+len(d.lines[records])-1)
	if n <= at {
		return "newlines, which no torn tail has"
	}
	d.holds(d.raw[:n])
	got := d.flipped(d.file, d.raw, at, at%8, func() string { return d.opened("byte of a torn tail", at, records) })
	if got == harmless {
		return torn
	}
	return got
}

// cut ends the journal before byte n and takes it up as resume does.
func (d *damaged) cut(n int) string {
	d.holds(d.raw[:n])
	records, end := d.wholeIn(n)
	what := d.opened("cut", n, records)
	if n == end || n%8 == 0 {
		report, err := d.store.Verify(d.id)
		d.must(err)
		if report.Records != records || report.Torn != int64(n-end) {
			d.t.Errorf("cut at %d: %+v", n, report)
		}
	}
	if d.taken("cut", n, records, d.raw[end:n]); what == harmless {
		what = unseen
		if end < n {
			what = torn
		}
	}
	return what
}

// taken takes the run up: what is not whole is set aside, and nothing else, byte for byte.
func (d *damaged) taken(what string, n, records int, tail []byte) {
	j, got, err := d.store.Continue(d.id)
	d.must(err)
	d.must(j.Close())
	if !d.begins(got, records) {
		d.t.Errorf("%s %d: taken up with %d records, want %d", what, n, len(got), records)
	}
	left, err := os.ReadFile(d.file.Name())
	d.must(err)
	if want := bytes.Join(d.lines[:records], nil); !bytes.Equal(left, want) {
		d.t.Errorf("%s %d: %d bytes are left, want %d", what, n, len(left), len(want))
	}
	d.now = len(left)
	aside := strings.TrimSuffix(d.file.Name(), ".jsonl") + ".torn-1"
	text, err := os.ReadFile(aside)
	if !bytes.Equal(text, tail) || (err == nil) != (len(tail) > 0) {
		d.t.Errorf("%s %d: set aside are %d bytes, want %d: %v", what, n, len(text), len(tail), err)
	}
	os.Remove(aside)
}

// zeros is what a power cut leaves of pages that were never written.
func (d *damaged) zeros(n int) string {
	text := append(slices.Clone(d.raw[:n]), make([]byte, len(d.raw)-n)...)
	d.holds(text)
	records, end := d.wholeIn(n)
	what := d.opened("zeros from", n, records)
	if what == refused {
		return d.only(torn, "zeros from", n, what)
	}
	if n == end || n%8 == 0 {
		d.taken("zeros from", n, records, text[end:])
	}
	if what == harmless {
		return torn
	}
	return what
}

// moved writes records in another order.
func (d *damaged) moved(what string, i int, lines [][]byte) string {
	d.holds(bytes.Join(lines, nil))
	if len(lines) <= len(d.lines) && slices.EqualFunc(lines, d.lines[:len(lines)], bytes.Equal) {
		got := d.opened(what, i, len(lines))
		if got == harmless && len(lines) < len(d.lines) {
			return unseen
		}
		return got
	}
	return d.only(refused, what, i, d.opened(what, i, -1))
}

// gone drops records from a to b.
func (d *damaged) gone(i int) string {
	a, b := i/len(d.lines), i%len(d.lines)
	return d.moved("gone", i, slices.Delete(slices.Clone(d.lines), min(a, b), max(a, b)+1))
}

// repeated puts a record once more before another, and at the end.
func (d *damaged) repeated(i int) string {
	n := len(d.lines)
	return d.moved("repeated", i, slices.Insert(slices.Clone(d.lines), i/n, d.lines[i%n]))
}

func (d *damaged) swapped(i int) string {
	a, b := i/len(d.lines), i%len(d.lines)
	lines := slices.Clone(d.lines)
	lines[a], lines[b] = lines[b], lines[a]
	return d.moved("swapped", i, lines)
}

// content reads a content as a rollback does that brings it back, and fails when it is another.
func (d *damaged) content(c engine.Content, want []byte, what string, at int) string {
	in, err := d.store.Blob(d.t.Context(), d.id, c)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(in)
		err = errors.Join(err, in.Close())
	}
	if engine.CodeOf(err) == engine.Corrupt {
		return refused
	}
	if err != nil || !bytes.Equal(text, want) {
		d.t.Errorf("%s %d: nothing is said, and the content is another: %v", what, at, err)
	}
	return harmless
}

func (d *damaged) blob(c engine.Content) *os.File {
	f, err := os.OpenFile(filepath.Join(d.folder, c.Hash()), os.O_RDWR, 0)
	d.must(err)
	return f
}

func (d *damaged) flipBlob(i int) string {
	b := d.blobs[i/8]
	f := d.blob(b.content)
	defer f.Close()
	return d.only(refused, "bit", i, d.flipped(f, b.text, b.at, i%8, func() string { return d.content(b.content, b.text, "bit", i) }))
}

func (d *damaged) cutBlob(i int) string {
	b := d.blobs[i]
	f := d.blob(b.content)
	defer f.Close()
	d.must(f.Truncate(int64(b.at)))
	defer f.WriteAt(b.text[b.at:], int64(b.at))
	return d.only(refused, "cut", i, d.content(b.content, b.text, "cut", i))
}

// otherBlob removes a content, puts another in its place, and makes it longer. Verify misses it as well.
func (d *damaged) otherBlob(i int) string {
	all := d.named()
	c := all[i/3]
	path := filepath.Join(d.folder, c.Hash())
	text, err := os.ReadFile(path)
	d.must(err)
	defer os.WriteFile(path, text, 0o600)
	switch i % 3 {
	case 0:
		err = os.Remove(path)
	case 1:
		other := all[(i/3+1+rand.IntN(len(all)-1))%len(all)]
		var there []byte
		if there, err = os.ReadFile(filepath.Join(d.folder, other.Hash())); err == nil {
			err = os.WriteFile(path, there, 0o600)
		}
	case 2:
		err = os.WriteFile(path, append(slices.Clone(text), '\n'), 0o600)
	}
	d.must(err)
	if _, err := d.store.Verify(d.id); engine.CodeOf(err) != engine.Corrupt {
		d.t.Errorf("content %d: verified: %v", i, err)
	}
	return d.only(refused, "content", i, d.content(c, text, "content", i))
}
