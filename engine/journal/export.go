package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/hcrun/hcrun/engine"
)

// Exported is what Export has written.
type Exported struct {
	Run      *engine.Run
	Records  int
	Head     string // sum of the last record
	Torn     int64  // bytes of a torn tail, which stay behind
	Contents int
	Sealed   int  // how many of them are sealed
	HasKey   bool // the key that opens them went along
}

// Export writes a run to w in one file, which ReadParcel reads: its journal up to the last whole record and the
// contents that the records name, sealed ones as they lie here. Only withKey takes the keys along that open those,
// and no others. All is verified on the way, and nothing is changed. Whoever calls it has the folder shared or
// locked: what a run does after it was exported is not known to who takes it up.
func (s *Store) Export(ctx context.Context, w io.Writer, id string, withKey bool) (*Exported, error) {
	x, err := s.pack(ctx, id, withKey)
	if err != nil {
		return nil, err
	}
	defer x.close()
	if err := x.manifest.check(); err != nil {
		return nil, engine.Problemf(engine.Invalid, "run %s cannot be exported: %w", id, err)
	}
	text := x.manifest.encode()
	files := append([]entry{{Name: manifestName, Size: int64(len(text)), Sum: sumOf(text)}}, x.manifest.Files...)
	for i, e := range files {
		in := io.NewSectionReader(bytes.NewReader(text), 0, e.Size)
		if i > 0 {
			if in, err = x.open(i - 1); err != nil {
				return nil, err
			}
		}
		if err := x.write(ctx, w, e, in); err != nil {
			return nil, err
		}
	}
	_, err = w.Write(make([]byte, 2*block))
	return &x.Exported, err
}

// packing is a run on its way into a parcel.
type packing struct {
	Exported
	store    *Store
	manifest manifest
	journal  file
	key      []byte
	now      file // the content that is open
}

func (x *packing) close() {
	x.journal.Close()
	if x.now != nil {
		x.now.Close()
	}
}

// pack reads all that will be written, for the manifest, which comes first.
func (s *Store) pack(ctx context.Context, id string, withKey bool) (*packing, error) {
	f, c, err := s.load(id, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	x := &packing{store: s, journal: f, manifest: manifest{Format: parcelFormat, Run: id}}
	x.Records, x.Head, x.Torn = len(c.events), c.chain.head, int64(len(c.torn))
	err = x.fill(ctx, c, withKey)
	if err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

func (x *packing) fill(ctx context.Context, c *contents, withKey bool) error {
	id := x.manifest.Run
	if len(c.events) == 0 {
		return engine.Problemf(engine.Invalid, "run %s never began: its journal is empty", id)
	}
	var err error
	if x.Run, err = engine.Fold(c.events); err != nil {
		return engine.Problemf(engine.Corrupt, "run %s: %w", id, err)
	}
	sum, err := sumOfAll(ctx, io.NewSectionReader(x.journal, 0, c.good))
	if err != nil {
		return err
	}
	x.manifest.Files = []entry{{Name: journalName, Size: c.good, Sum: sum}}
	keys, err := x.store.seal.present()
	if err != nil {
		return err
	}
	needs := map[string]bool{}
	promised := sizes(c.events)
	hashes := make([]string, 0, len(promised))
	for hash := range promised {
		hashes = append(hashes, hash)
	}
	slices.Sort(hashes)
	for _, hash := range hashes {
		if err := x.add(ctx, hash, promised[hash], keys, needs, withKey); err != nil {
			return err
		}
	}
	if withKey && len(needs) > 0 {
		lines, err := keyLines(slices.DeleteFunc(keys, func(k age.Identity) bool { return !needs[lineOf(k)] }))
		if err != nil {
			return engine.Problemf(engine.Corrupt, "%s: %w", x.store.seal.path, err)
		}
		x.HasKey, x.key = true, []byte(strings.Join(lines, ""))
		x.manifest.Files = append(x.manifest.Files, entry{Name: sealName, Size: int64(len(x.key)), Sum: sumOf(x.key)})
	}
	return nil
}

func lineOf(k age.Identity) string { return fmt.Sprint(k) }

// add takes a content into the manifest, in each form that it is kept in.
func (x *packing) add(ctx context.Context, hash string, size int64, keys []age.Identity, needs map[string]bool, withKey bool) error {
	found := false
	for _, ext := range []string{"", sealedExt} {
		f, in, err := x.store.openBlob(x.manifest.Run, hash+ext)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		path := filepath.Join(x.store.blobs(x.manifest.Run), hash+ext)
		sum, err := sumOfAll(ctx, in)
		var key age.Identity
		switch {
		case err != nil:
		case ext == "" && (sum != hash || in.Size() != size):
			err = engine.Problemf(engine.Corrupt, "%s is not what its record says: its bytes have changed", path)
		case ext != "":
			if key, err = opener(ctx, keys, hash, in); err != nil {
				err = engine.Problemf(engine.Corrupt, "%s: %w", path, err)
			}
		}
		f.Close()
		if err != nil {
			return err
		}
		if ext != "" {
			x.Sealed++
			if key != nil {
				needs[lineOf(key)] = true
			} else if withKey {
				return engine.Problemf(engine.Corrupt, "no key in %s opens %s: the key that does cannot go along", x.store.seal.path, path)
			}
		}
		found = true
		x.Contents++
		x.manifest.Files = append(x.manifest.Files, entry{Name: blobFolder + hash + ext, Size: in.Size(), Sum: sum})
	}
	if !found {
		p := engine.Problemf(engine.Corrupt, "the journal has lost a content: %s", filepath.Join(x.store.blobs(x.manifest.Run), hash))
		p.Next = "hcrun journal verify " + x.manifest.Run
		return p
	}
	return nil
}

// open are the bytes of a file of the manifest.
func (x *packing) open(i int) (*io.SectionReader, error) {
	e := x.manifest.Files[i]
	switch e.Name {
	case journalName:
		return io.NewSectionReader(x.journal, 0, e.Size), nil
	case sealName:
		return io.NewSectionReader(bytes.NewReader(x.key), 0, e.Size), nil
	}
	if x.now != nil {
		x.now.Close()
	}
	f, in, err := x.store.openBlob(x.manifest.Run, strings.TrimPrefix(e.Name, blobFolder))
	x.now = f
	return in, err
}

// write adds a file to the archive; it has to be what it was when the manifest was made.
func (x *packing) write(ctx context.Context, w io.Writer, e entry, in io.Reader) error {
	if _, err := w.Write(header(e.Name, e.Size)); err != nil {
		return err
	}
	sum := sha256.New()
	read, err := copyTo(ctx, io.MultiWriter(w, sum), io.LimitReader(in, e.Size))
	if err = errors.Join(read, err); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != e.Sum {
		return engine.Problemf(engine.Corrupt, "%s of run %s has changed while it was exported", e.Name, x.manifest.Run)
	}
	_, err = w.Write(make([]byte, padded(e.Size)-e.Size))
	return err
}

// openBlob opens a file of a run's contents. The error is os.ErrNotExist where it is not there.
func (s *Store) openBlob(id, name string) (file, *io.SectionReader, error) {
	path := filepath.Join(s.blobs(id), name)
	f, err := s.disk.open(path, os.O_RDONLY)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = ours(path, info)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, io.NewSectionReader(f, 0, info.Size()), nil
}

func sumOfAll(ctx context.Context, in *io.SectionReader) (string, error) {
	sum := sha256.New()
	read, err := copyTo(ctx, sum, io.NewSectionReader(in, 0, in.Size()))
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(read, err)
}
