package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const testID = "20261125-200312-master1-k3f9"

// realistic is the story of a run with a plan, a check that waits, a failure and a rollback.
func realistic(id string) []engine.Event {
	at := time.Date(2026, 11, 25, 20, 3, 12, 345678901, time.FixedZone("", -5*3600))
	change := engine.Change{
		At:     "/etc/kubernetes/audit-policy.yaml",
		Before: engine.Image{Kind: engine.Absent},
		After:  engine.Image{Kind: engine.File, Mode: 0o600, Content: engine.Bytes([]byte("kind: Policy\n"))},
	}
	blob := engine.Bytes([]byte("the log"))
	events := []engine.Event{
		{Kind: engine.EvOpened, Opened: &engine.Opened{Playbook: "audit-5p", Node: "master1", Address: "10.0.0.1:22", User: "op@laptop"}},
		{Kind: engine.EvPlanned, Planned: []engine.PlannedStep{
			{Kind: "scp", Name: "policy", Changes: []engine.Change{change}},
			{Kind: "tail-log", Name: "events", Check: json.RawMessage(`{"path":"/var/log/kubernetes/audit.log"}`)},
		}},
		{Kind: engine.EvMarked, Op: &engine.OpEvent{Step: 1, Mark: json.RawMessage(`{"offset":17,"sum":"x"}`)}},
		{Kind: engine.EvIntent, Op: &engine.OpEvent{Path: change.At}},
		{Kind: engine.EvSettled, Op: &engine.OpEvent{Path: change.At, How: engine.Wrote}},
		{Kind: engine.EvChecking, Op: &engine.OpEvent{Step: 1}},
		{Kind: engine.EvSaid, Op: &engine.OpEvent{Step: 1, Text: "no events yet \u2028 <&> \"sum\":\""}},
		{Kind: engine.EvFailed, Op: &engine.OpEvent{Step: 1, Text: "no event in 30s"}},
		{Kind: engine.EvEvidence, Op: &engine.OpEvent{Step: 1, Text: "kubelet-log", Blob: &blob}},
		{Kind: engine.EvTurned, End: &engine.End{By: "hcrun"}},
		{Kind: engine.EvRolledBack, End: &engine.End{Code: engine.RolledBack}},
	}
	for i := range events {
		events[i].Run, events[i].At = id, at.Add(time.Duration(i)*time.Second)
	}
	return events
}

// write makes a journal of the events and returns its bytes.
func write(t testing.TB, s *Store, id string, events []engine.Event) []byte {
	t.Helper()
	j, err := s.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.path(id))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatWasAppendedIsReadBack(t *testing.T) {
	s, _ := testStore(t)
	want := realistic(testID)
	raw := write(t, s, testID, want)
	for i := range want {
		want[i].At = want[i].At.UTC()
	}
	got, err := s.Read(testID)
	if err != nil {
		t.Fatal(err)
	}
	if asJSON(t, got) != asJSON(t, want) {
		t.Errorf("got %s\nwant %s", asJSON(t, got), asJSON(t, want))
	}
	if !bytes.Contains(raw, []byte(`"at":"2026-11-26T01:03:12.345678901Z"`)) {
		t.Errorf("times are not UTC with nanoseconds:\n%s", raw)
	}
	if n := bytes.Count(raw, []byte("\n")); n != len(want) {
		t.Errorf("%d lines for %d events", n, len(want))
	}
}

func TestContinueGoesOnWithTheChain(t *testing.T) {
	s, _ := testStore(t)
	events := realistic(testID)
	write(t, s, testID, events[:4])
	j, got, err := s.Continue(testID)
	if err != nil || len(got) != 4 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	for _, e := range events[4:] {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range named(events) {
		_, err := s.Verify(testID)
		wantCode(t, err, engine.Corrupt, "lost a content")
		if err := j.Keep(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Verify(testID)
	if err != nil || r.Blobs != 2 || r.Records != len(events) || r.Head != j.Head().Sum || r.Torn != 0 {
		t.Errorf("%+v, %v; head %v", r, err, j.Head())
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	s, _ := testStore(t)
	raw := write(t, s, testID, realistic(testID))
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			_, err := read(bytes.NewReader(raw), testID, s.path(testID))
			if engine.CodeOf(err) != engine.Corrupt {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			raw[i] ^= 1 << bit
		}
	}
}

func TestCutAnywhereOnlyTheTornTailIsSetAside(t *testing.T) {
	s, _ := testStore(t)
	events := realistic(testID)
	raw := write(t, s, testID, events)
	for n := range raw {
		c, err := read(bytes.NewReader(raw[:n]), testID, "x.jsonl")
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		whole := bytes.LastIndexByte(raw[:n], '\n') + 1
		if len(c.events) != bytes.Count(raw[:n], []byte("\n")) || c.good != int64(whole) || !bytes.Equal(c.torn, raw[whole:n]) {
			t.Fatalf("cut at %d: %d events, good %d, %d torn", n, len(c.events), c.good, len(c.torn))
		}
	}
}

func TestRecordsThatMovedAreFound(t *testing.T) {
	s, _ := testStore(t)
	lines := bytes.SplitAfter(bytes.TrimSuffix(write(t, s, testID, realistic(testID)), []byte("\n")), []byte("\n"))
	last := len(lines) - 1
	lines[last] = append(lines[last], '\n')
	for i := range lines {
		for j := range lines {
			swapped := slices.Clone(lines)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			inserted := slices.Insert(slices.Clone(lines), j, lines[i])
			for what, l := range map[string][][]byte{"swapped": swapped, "repeated": inserted} {
				_, err := read(bytes.NewReader(bytes.Join(l, nil)), testID, "x.jsonl")
				if same := what == "swapped" && i == j; same != (err == nil) {
					t.Errorf("%s %d and %d: %v", what, i, j, err)
				}
			}
		}
		dropped := bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil)
		if _, err := read(bytes.NewReader(dropped), testID, "x.jsonl"); (err == nil) != (i == last) {
			t.Errorf("dropped %d: %v", i, err)
		}
	}
}

func TestDamageIsNamed(t *testing.T) {
	s, _ := testStore(t)
	raw := write(t, s, testID, realistic(testID))
	second := bytes.IndexByte(raw, '\n') + 1
	offset := fmt.Sprintf("record 2, at byte %d", second)
	replace := func(old, new string) []byte { return bytes.Replace(raw[second:], []byte(old), []byte(new), 1) }
	tests := map[string]struct {
		rest  []byte
		words []string
	}{
		"a changed byte":      {replace("audit-policy", "audit-Policy"), []string{offset, "bytes have changed"}},
		"a newer version":     {replace(`{"v":2`, `{"v":12`), []string{offset, "version 12", "newer"}},
		"a newer torn tail":   {[]byte(`{"v":3,"n":7`), []string{offset, "version 3"}},
		"an upper-case sum":   {bytes.ToUpper(raw[second:]), []string{offset}},
		"no record":           {[]byte("hello\n"), []string{offset, "not a record"}},
		"an empty line":       {[]byte("\n"), []string{offset, "not a record"}},
		"a tail of something": {[]byte("hello"), []string{offset, "not the beginning of a record"}},
		"a tail that is whole and one byte": {append(bytes.TrimSuffix(raw[second:second+bytes.IndexByte(raw[second:], '\n')+1], []byte("\n")), 'x'),
			[]string{offset, "newline"}},
		"an endless line": {bytes.Repeat([]byte("a"), maxLine+1), []string{offset, "longer than any"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(s.path(testID), append(slices.Clone(raw[:second]), tt.rest...), 0o600); err != nil {
				t.Fatal(err)
			}
			words := append(tt.words, s.path(testID))
			_, err := s.Read(testID)
			wantCode(t, err, engine.Corrupt, words...)
			_, _, err = s.Continue(testID)
			wantCode(t, err, engine.Corrupt, words...)
			_, err = s.Verify(testID)
			wantCode(t, err, engine.Corrupt, words...)
		})
	}
}

func TestAJournalOfAnotherRunIsRefused(t *testing.T) {
	s, _ := testStore(t)
	raw := write(t, s, testID, realistic(testID))
	if err := os.WriteFile(s.path("other"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s.Read("other")
	wantCode(t, err, engine.Corrupt, "belongs to another run", testID)
}

func TestTornTailIsSetAsideDurablyBeforeItIsCut(t *testing.T) {
	for name, tail := range map[string]string{
		"half a record": `{"v":1,"seq":4,"prev":"`,
		"zeros":         "\x00\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			s, d := testStore(t)
			events := realistic(testID)
			raw := write(t, s, testID, events[:3])
			c, err := read(bytes.NewReader(raw), testID, "x.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			tail = strings.Replace(tail, `"prev":"`, `"prev":"`+c.chain.head[:9], 1)
			if err := os.WriteFile(s.path(testID), append(slices.Clone(raw), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Read(testID); err != nil || len(got) != 3 {
				t.Fatalf("%d events, %v", len(got), err)
			}
			r, err := s.Verify(testID)
			if engine.CodeOf(err) != engine.Corrupt || r.Torn != int64(len(tail)) {
				t.Fatalf("%+v, %v", r, err)
			}
			if b, _ := os.ReadFile(s.path(testID)); len(b) != len(raw)+len(tail) {
				t.Fatal("reading has changed the file")
			}
			d.ops = nil
			j, got, err := s.Continue(testID)
			if err != nil || len(got) != 3 {
				t.Fatalf("%d events, %v", len(got), err)
			}
			torn, file := testID+".torn-1", testID+".jsonl"
			want := []string{"open " + file, "open " + torn, "write " + torn, "sync " + torn, "syncdir runs", "truncate " + file, "sync " + file, "syncdir runs"}
			if !slices.Equal(d.ops, want) {
				t.Errorf("did %q\nwant %q", d.ops, want)
			}
			if b, _ := os.ReadFile(filepath.Join(s.runs(), torn)); string(b) != tail {
				t.Errorf("set aside %q, want %q", b, tail)
			}
			if err := j.Append(events[3]); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Read(testID); err != nil || len(got) != 4 {
				t.Errorf("%d events, %v", len(got), err)
			}
		})
	}
}

// TestANewlineThatReadsAsZeroIsATornTail: where a page begins with the newline and never reaches the disk, the
// record before it is whole and was not acknowledged. A newline that is anything else was changed.
func TestANewlineThatReadsAsZeroIsATornTail(t *testing.T) {
	s, _ := testStore(t)
	raw := write(t, s, testID, realistic(testID)[:3])
	for _, zeros := range []int{1, 4096} {
		text := append(slices.Clone(raw[:len(raw)-1]), make([]byte, zeros)...)
		c, err := read(bytes.NewReader(text), testID, "x.jsonl")
		if err != nil {
			t.Fatalf("%d zeros: %v", zeros, err)
		}
		if whole := bytes.LastIndexByte(raw[:len(raw)-1], '\n') + 1; len(c.events) != 2 || c.good != int64(whole) || !bytes.Equal(c.torn, text[whole:]) {
			t.Errorf("%d zeros: %d events, %d bytes good, %d torn", zeros, len(c.events), c.good, len(c.torn))
		}
		_, err = read(bytes.NewReader(append(text, 'x')), testID, "x.jsonl")
		wantCode(t, err, engine.Corrupt, "the newline behind it has changed")
	}
}

// TestPagesThatNeverCameAreATornTail: a kernel writes the pages of a record in any order, so that after a power cut
// its newline can be there and an earlier page not. Zeros that are no page of it, or are not in the last line, are
// damage.
func TestPagesThatNeverCameAreATornTail(t *testing.T) {
	s, _ := testStore(t)
	events := realistic(testID)[:4]
	events[0].Opened.Inputs = map[string]string{"text": strings.Repeat("a long first record ", 150)}
	events[3] = events[0]
	events[3].Opened = &engine.Opened{Inputs: map[string]string{"text": strings.Repeat("a long last record ", 750)}}
	raw := write(t, s, testID, events)
	start := bytes.LastIndexByte(raw[:len(raw)-1], '\n') + 1
	first := start / pageSize
	pages := (len(raw)-1)/pageSize - first + 1
	if pages != 4 {
		t.Fatalf("the last record is on %d pages", pages)
	}
	span := func(p int) (from, to int) { return max(start, p*pageSize), min(len(raw), (p+1)*pageSize) }
	for missing := 1; missing < 1<<pages; missing++ {
		text := slices.Clone(raw)
		for p := range pages {
			if from, to := span(first + p); missing>>p&1 == 1 {
				clear(text[from:to])
			}
		}
		c, err := read(bytes.NewReader(text), testID, "x.jsonl")
		if err != nil || len(c.events) != 3 || c.good != int64(start) || !bytes.Equal(c.torn, text[start:]) {
			t.Errorf("without pages %04b: %+v, %v", missing, c, err)
		}
	}
	for p := range pages - 1 {
		from, to := span(first + p)
		for _, zero := range [][2]int{{from + 1, to}, {from, to - 1}} {
			text := slices.Clone(raw)
			clear(text[zero[0]:zero[1]])
			_, err := read(bytes.NewReader(text), testID, "x.jsonl")
			wantCode(t, err, engine.Corrupt, "record 4")
		}
	}
	text := append(slices.Clone(raw), "x"...)
	clear(text[start : (first+1)*pageSize])
	_, err := read(bytes.NewReader(text), testID, "x.jsonl")
	wantCode(t, err, engine.Corrupt, "record 4")

	// A run of which the first record lost a page never was one.
	events[0].Opened.Inputs["text"] += strings.Repeat("x", pageSize)
	raw = write(t, s, otherID, []engine.Event{{Run: otherID, Kind: engine.EvOpened, Opened: events[0].Opened}})
	if ids, err := s.IDs(); err != nil || !slices.Equal(ids, []string{testID, otherID}) {
		t.Errorf("%v, %v", ids, err)
	}
	clear(raw[:pageSize])
	if err := os.WriteFile(s.path(otherID), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.IDs(); err != nil || !slices.Equal(ids, []string{testID}) {
		t.Errorf("%v, %v", ids, err)
	}
	if j, got, err := s.Continue(otherID); err != nil || len(got) != 0 {
		t.Errorf("%d events, %v", len(got), err)
	} else {
		j.Close()
	}
}

func TestEachTornTailGetsItsOwnFile(t *testing.T) {
	s, _ := testStore(t)
	raw := write(t, s, testID, realistic(testID)[:1])
	for n := 1; n <= 3; n++ {
		if err := os.WriteFile(s.path(testID), append(slices.Clone(raw), `{"v"`...), 0o600); err != nil {
			t.Fatal(err)
		}
		j, _, err := s.Continue(testID)
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
		if _, err := os.Stat(fmt.Sprintf("%s/%s.torn-%d", s.runs(), testID, n)); err != nil {
			t.Error(err)
		}
	}
}

func TestOrderOfSyncs(t *testing.T) {
	s, d := testStore(t)
	above := filepath.Dir(s.dir)
	// Before each folder is made the one above it is known to have its name.
	if want := []string{"syncdir " + filepath.Base(filepath.Dir(above)), "syncdir " + filepath.Base(above), "syncdir " + filepath.Base(above), "syncdir state"}; !slices.Equal(d.ops, want) {
		t.Errorf("open store: did %q\nwant %q", d.ops, want)
	}
	d.ops = nil
	j, err := s.Create(testID)
	if err != nil {
		t.Fatal(err)
	}
	file := testID + ".jsonl"
	if want := []string{"open " + file, "syncdir state", "syncdir runs", "sync " + file, "syncdir runs"}; !slices.Equal(d.ops, want) {
		t.Errorf("create: did %q\nwant %q", d.ops, want)
	}
	d.ops = nil
	if err := j.Append(realistic(testID)[0]); err != nil {
		t.Fatal(err)
	}
	if want := []string{"write " + file, "sync " + file}; !slices.Equal(d.ops, want) {
		t.Errorf("append: did %q\nwant %q", d.ops, want)
	}
	d.ops = nil
	c := engine.Bytes([]byte("x"))
	for range 2 { // the second time it is there already
		if err := j.Keep(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	temp := tempPrefix + c.Hash()
	if want := []string{"open " + temp, "write " + temp, "sync " + temp, "rename " + c.Hash(), "syncdir " + testID + ".blobs"}; !slices.Equal(d.ops, want) {
		t.Errorf("keep: did %q\nwant %q", d.ops, want)
	}
}

func TestADiskThatFailsPoisonsTheJournal(t *testing.T) {
	file, c := testID+".jsonl", engine.Bytes([]byte("content"))
	tests := map[string]struct {
		op  string
		err error
		do  func(*Journal, engine.Event) error
	}{
		"full disk":          {"write " + file, errFull, (*Journal).Append},
		"fsync":              {"sync " + file, syscall.EIO, (*Journal).Append},
		"blob: full disk":    {"write " + tempPrefix, errFull, keepIt(c)},
		"blob: fsync":        {"sync " + tempPrefix, syscall.EIO, keepIt(c)},
		"blob: rename":       {"rename", syscall.EROFS, keepIt(c)},
		"blob: folder fsync": {"syncdir", syscall.EIO, keepIt(c)},
		"blob: open":         {"open", syscall.EACCES, keepIt(c)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, d := testStore(t)
			events := realistic(testID)
			j, err := s.Create(testID)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Append(events[0]); err != nil {
				t.Fatal(err)
			}
			good, _ := os.ReadFile(s.path(testID))
			d.fail, d.ops = failing(tt.op, tt.err), nil
			err = tt.do(j, events[1])
			wantCode(t, err, engine.NotDurable)
			if !errors.Is(err, errors.Unwrap(tt.err)) && !errors.Is(err, tt.err) {
				t.Errorf("the cause is lost: %v", err)
			}
			d.fail = nil // the disk is well again, which must not help
			before := len(d.ops)
			wantCode(t, j.Append(events[1]), engine.NotDurable)
			wantCode(t, j.Keep(t.Context(), c), engine.NotDurable)
			if len(d.ops) != before {
				t.Errorf("touched the disk after the failure: %q", d.ops[before:])
			}
			if now, _ := os.ReadFile(s.path(testID)); !bytes.Equal(now, good) {
				t.Errorf("the file is not cut back to the last good record")
			}
			if n := d.count("sync " + file); n > 1 {
				t.Errorf("synced %d times", n)
			}
		})
	}
}

func keepIt(c engine.Content) func(*Journal, engine.Event) error {
	return func(j *Journal, _ engine.Event) error { return j.Keep(context.Background(), c) }
}

func TestAFullDiskThatCannotBeCutBackLeavesATornTail(t *testing.T) {
	s, d := testStore(t)
	events := realistic(testID)
	j, err := s.Create(testID)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(events[0]); err != nil {
		t.Fatal(err)
	}
	d.fail = func(op string) error {
		if strings.HasPrefix(op, "write") || strings.HasPrefix(op, "truncate") {
			return errFull
		}
		return nil
	}
	wantCode(t, j.Append(events[1]), engine.NotDurable)
	d.fail = nil
	_, got, err := s.Continue(testID)
	if err != nil || len(got) != 1 {
		t.Errorf("%d events, %v", len(got), err)
	}
}

func TestCreateAndContinueFailWhenTheDiskDoes(t *testing.T) {
	file := testID + ".jsonl"
	for _, op := range []string{"open " + file, "sync " + file, "syncdir runs"} {
		s, d := testStore(t)
		d.fail = failing(op, syscall.EIO)
		_, err := s.Create(testID)
		wantCode(t, err, engine.NotDurable)
	}
	for _, op := range []string{"open " + file, "truncate " + file, "sync " + file, "syncdir runs", "open " + testID + ".torn-1", "write " + testID + ".torn-1", "sync " + testID + ".torn-1"} {
		s, d := testStore(t)
		raw := write(t, s, testID, realistic(testID)[:2])
		if err := os.WriteFile(s.path(testID), append(raw, '{'), 0o600); err != nil {
			t.Fatal(err)
		}
		d.fail = failing(op, syscall.EIO)
		_, _, err := s.Continue(testID)
		wantCode(t, err, engine.NotDurable)
		d.fail = nil
		if got, err := s.Read(testID); err != nil || len(got) != 2 {
			t.Errorf("%s: after the failure there are %d events, %v", op, len(got), err)
		}
	}
}

func TestAppendRefusesWhatItCouldNotReadBack(t *testing.T) {
	s, _ := testStore(t)
	j, err := s.Create(testID)
	if err != nil {
		t.Fatal(err)
	}
	other := realistic("other")[0]
	if err := j.Append(other); err == nil {
		t.Error("took an event of another run")
	}
	long := realistic(testID)[6]
	long.Op.Text = strings.Repeat("x", maxLine)
	wantCode(t, j.Append(long), engine.NotDurable, "record of")
	bad := realistic(testID)[2]
	bad.Op.Mark = json.RawMessage("{")
	if err := j.Append(bad); err == nil {
		t.Error("took a mark that is not JSON")
	}
	if err := j.Append(realistic(testID)[0]); err != nil {
		t.Errorf("refused a good event after bad ones: %v", err)
	}
	if got, err := s.Read(testID); err != nil || len(got) != 1 {
		t.Errorf("%d events, %v", len(got), err)
	}
}

// manyRecords is the journal of a run that waits for very long, in so many records.
func manyRecords(t testing.TB, n int) []byte {
	t.Helper()
	var raw bytes.Buffer
	c := newChain()
	for i := range n {
		e := engine.Event{Run: testID, At: time.Unix(int64(i), 0).UTC(), Kind: engine.EvSaid,
			Op: &engine.OpEvent{Step: 1, Text: fmt.Sprintf("pod kube-apiserver: waiting for a new container, look %d", i)}}
		if i < 2 {
			e = realistic(testID)[i]
		}
		line, next, err := c.seal(e)
		if err != nil {
			t.Fatal(err)
		}
		raw.Write(line)
		c = next
	}
	return raw.Bytes()
}

func BenchmarkOpen(b *testing.B) {
	raw := manyRecords(b, 100_000)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(bytes.NewReader(raw), testID, "x.jsonl"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	s, err := OpenStore(filepath.Join(b.TempDir(), "state"))
	if err != nil {
		b.Fatal(err)
	}
	j, err := s.Create(testID)
	if err != nil {
		b.Fatal(err)
	}
	e := realistic(testID)[6]
	for b.Loop() {
		if err := j.Append(e); err != nil {
			b.Fatal(err)
		}
	}
}

var _ io.Closer = (*Journal)(nil)

// TestHad: a journal has what it had, however much was added since; one that was cut off, or put in its place, has not.
func TestHad(t *testing.T) {
	s, _ := testStore(t)
	j, err := s.Create(testID)
	if err != nil {
		t.Fatal(err)
	}
	var heads []engine.Head
	for _, e := range realistic(testID)[:6] {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		heads = append(heads, j.Head())
	}
	j.Close()
	for i, h := range append(heads, engine.Head{}) {
		if err := s.Had(testID, h); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	other := heads[2]
	other.Sum = heads[1].Sum
	if err := s.Had(testID, other); engine.CodeOf(err) != engine.Corrupt {
		t.Errorf("another journal: %v", err)
	}
	b, err := os.ReadFile(s.path(testID))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	if err := os.WriteFile(s.path(testID), bytes.Join(lines[:4], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, h := range heads {
		if err := s.Had(testID, h); (err != nil) != (i >= 4) || err != nil && engine.CodeOf(err) != engine.Corrupt {
			t.Errorf("cut after 4 records, %d: %v", i, err)
		}
	}
}
