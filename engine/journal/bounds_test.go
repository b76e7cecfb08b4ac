package journal

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// TestOneSyncForARecord writes what a real run of the flagship recorded once more, and counts: each record is one
// write and one sync of the journal, in this order, whatever its kind, and nothing else is done to the disk; each
// content is one sync of its own and one of its folder, before the record that names it.
func TestOneSyncForARecord(t *testing.T) {
	golden := stateOf(t, filepath.Join("testdata", "v2"))
	for _, id := range []string{"20261201-010000-master1-land", "20261201-010000-master1-back"} {
		events, err := golden.Read(id)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) >= 200 {
			t.Errorf("%s: %d records, want fewer than 200", id, len(events))
		}
		s, d := testStore(t)
		j, err := s.Create(id)
		if err != nil {
			t.Fatal(err)
		}
		contents := map[string]bool{}
		for i, e := range events {
			d.ops = nil
			for _, c := range named([]engine.Event{e}) {
				if err := j.Keep(t.Context(), golden.content(id, c)); err != nil {
					t.Fatal(err)
				}
				contents[c.Hash()] = true
			}
			if len(named([]engine.Event{e})) > 0 {
				if syncs := d.begins("sync "); syncs != len(contents) || d.begins("syncdir ") != syncs || d.begins("rename ") != syncs {
					t.Errorf("record %d: %d contents took %q", i, len(contents), d.ops)
				}
			}
			d.ops = nil
			if err := j.Append(e); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("[write %[1]s sync %[1]s]", id+fileExt); fmt.Sprint(d.ops) != want {
				t.Errorf("record %d, %s: did %q, want %s", i, e.Kind, d.ops, want)
			}
		}
		t.Logf("%s: %d records, %d contents", id, len(events), len(contents))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if report, err := s.Verify(id); err != nil || report.Records != len(events) {
			t.Errorf("%+v, %v", report, err)
		}
	}
}

// content is one that a store has kept.
func (s *Store) content(id string, c engine.Content) engine.Content {
	return engine.NewContent(c.Hash(), c.Size(), func(ctx context.Context) (io.ReadCloser, error) { return s.Blob(ctx, id, c) })
}

// begins is how many operations begin so.
func (d *testDisk) begins(with string) int {
	n := 0
	for _, op := range d.ops {
		if strings.HasPrefix(op, with) {
			n++
		}
	}
	return n
}

const (
	many      = 100_000
	openTime  = 2 * time.Second // on a quiet machine; three times that is allowed here
	openBytes = 200 << 20
	openIn    = "HCRUN_TEST_OPEN" // the state folder that a child opens
)

// TestHundredThousandRecordsOpenQuickly opens a journal of 100,000 records in a process of its own, as status
// does, and holds how long that takes and how much memory the process has had from the system in all.
func TestHundredThousandRecordsOpenQuickly(t *testing.T) {
	if dir := os.Getenv(openIn); dir != "" {
		openMany(t, dir)
		return
	}
	s, _ := testStore(t)
	raw := manyRecords(t, many)
	if err := os.WriteFile(s.path(testID), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), openIn+"="+s.dir)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var ms, bytes int64
	_, said, _ := strings.Cut(string(out), "opened: ")
	if _, err := fmt.Sscanf(said, "%d ms %d bytes", &ms, &bytes); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Duration(ms) * time.Millisecond
	t.Logf("%d records, %d MiB, in %v with %d MiB of memory", many, len(raw)>>20, took, bytes>>20)
	if raced {
		return
	}
	if took > 3*openTime {
		t.Errorf("it took %v, want %v", took, openTime)
	}
	if bytes > openBytes {
		t.Errorf("it took %d MiB of memory, want at most %d", bytes>>20, openBytes>>20)
	}
}

func openMany(t *testing.T, dir string) {
	began := time.Now()
	s, err := ReadStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Read(testID)
	if err != nil || len(events) != many {
		t.Fatalf("%d events, %v", len(events), err)
	}
	r, err := engine.Fold(events)
	if err != nil || r.State != engine.Planned {
		t.Fatalf("%+v, %v", r, err)
	}
	took := time.Since(began)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("opened: %d ms %d bytes\n", took.Milliseconds(), m.Sys)
}
