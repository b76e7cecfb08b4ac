package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// FuzzRead: whatever is in a journal's file, it is refused as damaged, or every byte of it is either in a
// verified record or set aside as torn; and what was verified folds to a run or is refused.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/v*/runs/*.jsonl")
	if len(files) == 0 {
		f.Fatal("no journals to begin from")
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		id := idOf(path)
		f.Add(b, id)
		f.Add(b[:len(b)-7], id)
		f.Add(b[:bytes.IndexByte(b, '\n')+1], id)
	}
	f.Fuzz(func(t *testing.T, data []byte, id string) {
		c, err := read(bytes.NewReader(data), id, id+fileExt)
		if err != nil {
			if engine.CodeOf(err) != engine.Corrupt {
				t.Errorf("%v", err)
			}
			return
		}
		if c.good+int64(len(c.torn)) != int64(len(data)) || c.chain.seq != len(c.events)+1 {
			t.Errorf("%d bytes are good and %d torn of %d, in %d records", c.good, len(c.torn), len(data), len(c.events))
		}
		_, _ = engine.Fold(c.events)
	})
}
