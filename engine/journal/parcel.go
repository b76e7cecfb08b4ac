package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"filippo.io/age"

	"github.com/hcrun/hcrun/engine"
)

// Parcel is a run in one file, as Export writes it, read and found whole.
type Parcel struct {
	Contents int         // how many it has
	Sealed   int         // how many of them are sealed
	HasKey   bool        // the key that opens them is in it
	Records  int         // of the journal
	Head     string      // sum of the last one
	Run      *engine.Run // what the journal tells

	in       io.ReaderAt
	name     string // what it is called
	manifest manifest
	at       []int64 // where each file's bytes begin
	keys     []age.Identity
	sizes    map[string]int64 // of the contents that the records name
}

// ReadParcel verifies a parcel of size bytes, called name in errors: each byte of it is one that Export would have
// written, the journal's chain and what it tells, and each content by its hash; a sealed one that far only when its
// key is in the parcel. Nothing is written. The error has code Corrupt.
func ReadParcel(ctx context.Context, in io.ReaderAt, size int64, name string) (*Parcel, error) {
	p := &Parcel{in: in, name: name}
	for _, verify := range []func(context.Context, int64) error{p.verifyBytes, p.verifyJournal, p.verifyContents, p.verifyKey} {
		if err := verify(ctx, size); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, p.refuse(err)
		}
	}
	return p, nil
}

// Name is what the parcel is called.
func (p *Parcel) Name() string { return p.name }

func (p *Parcel) refuse(err error) *engine.Problem {
	r := engine.Problemf(engine.Corrupt, "%s: %w", p.name, err)
	r.Now = "nothing was imported"
	return r
}

var errNoParcel = errors.New("it is not what hcrun journal export writes, or it is cut or damaged")

// verifyBytes checks that the archive is the one that its manifest describes.
func (p *Parcel) verifyBytes(ctx context.Context, size int64) error {
	first := make([]byte, block)
	if _, err := p.in.ReadAt(first, 0); err != nil && err != io.EOF {
		return err
	}
	n, err := strconv.ParseInt(string(first[124:135]), 8, 64)
	if err != nil || n < 0 || n > maxManifest || !bytes.Equal(first, header(manifestName, n)) {
		return errNoParcel
	}
	text := make([]byte, padded(n))
	if got, err := p.in.ReadAt(text, block); got < len(text) {
		return errors.Join(errNoParcel, noEOF(err))
	}
	if p.manifest, err = decodeManifest(text[:n]); err != nil {
		return err
	}
	if want := p.manifest.size(); size != want || len(bytes.Trim(text[n:], "\x00")) > 0 {
		return fmt.Errorf("it has %d bytes, and has to have %d with nothing between its files: it is cut or damaged", size, want)
	}
	at := block + padded(n)
	for _, e := range p.manifest.Files {
		if !p.reads(at, header(e.Name, e.Size)) {
			return fmt.Errorf("at byte %d there is not the plain file %s of %d bytes that its manifest names", at, e.Name, e.Size)
		}
		p.at = append(p.at, at+block)
		if err := p.copy(ctx, io.Discard, len(p.at)-1); err != nil {
			return err
		}
		at += block + e.Size
		rest := padded(e.Size) - e.Size
		if !p.reads(at, make([]byte, rest)) {
			return fmt.Errorf("there is something behind %s", e.Name)
		}
		at += rest
	}
	if !p.reads(at, make([]byte, 2*block)) {
		return errors.New("there is something behind its last file")
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// reads reports whether the parcel has these bytes there.
func (p *Parcel) reads(at int64, want []byte) bool {
	got := make([]byte, len(want))
	n, _ := p.in.ReadAt(got, at)
	return n == len(want) && bytes.Equal(got, want)
}

// section are the bytes of a file.
func (p *Parcel) section(i int) *io.SectionReader {
	return io.NewSectionReader(p.in, p.at[i], p.manifest.Files[i].Size)
}

// copy writes a file to w, and fails when its bytes are not those of the manifest: the parcel is read twice, and
// somebody can have changed it meanwhile.
func (p *Parcel) copy(ctx context.Context, w io.Writer, i int) error {
	sum := sha256.New()
	read, err := copyTo(ctx, io.MultiWriter(w, sum), p.section(i))
	if err = errors.Join(read, err); err != nil {
		return err
	}
	if e := p.manifest.Files[i]; hex.EncodeToString(sum.Sum(nil)) != e.Sum {
		return fmt.Errorf("%s: %w", e.Name, errChanged)
	}
	return nil
}

var errChanged = errors.New("its bytes have changed: the checksum does not match")

// verifyJournal checks the chain, and that the records tell a story which every command can read: one run that cannot
// be read stops all guards.
func (p *Parcel) verifyJournal(context.Context, int64) error {
	c, err := read(p.section(0), p.manifest.Run, journalName)
	if err != nil {
		return err
	}
	if len(c.torn) > 0 || len(c.events) == 0 {
		return errors.New("its journal has no records, or ends within one")
	}
	if p.Run, err = engine.Fold(c.events); err != nil {
		return fmt.Errorf("its records cannot be those of a run: %w", err)
	}
	p.Records, p.Head, p.sizes = len(c.events), c.chain.head, sizes(c.events)
	return nil
}

// sizes are the contents that the events promise, by hash.
func sizes(events []engine.Event) map[string]int64 {
	all := map[string]int64{}
	for _, c := range named(events) {
		all[c.Hash()] = c.Size()
	}
	return all
}

// verifyContents checks that all contents are there which the records name, and no others.
func (p *Parcel) verifyContents(context.Context, int64) error {
	has := map[string]bool{}
	for _, e := range p.manifest.Files[1:] {
		hash, isSealed := e.content()
		size, ok := p.sizes[hash]
		switch {
		case hash == "":
			continue
		case !ok:
			return fmt.Errorf("no record names %s", e.Name)
		case isSealed:
			p.Sealed++
		case size != e.Size:
			return fmt.Errorf("%s has %d bytes, and its record says %d", e.Name, e.Size, size)
		}
		has[hash] = true
		p.Contents++
	}
	for hash := range p.sizes {
		if !has[hash] {
			return fmt.Errorf("it lacks the content %s, which a record names", hash)
		}
	}
	return nil
}

// verifyKey checks that the key, where there is one, opens every sealed content.
func (p *Parcel) verifyKey(ctx context.Context, _ int64) error {
	last := len(p.manifest.Files) - 1
	if p.HasKey = p.manifest.Files[last].Name == sealName; !p.HasKey {
		return nil
	}
	var text bytes.Buffer
	if err := p.copy(ctx, &text, last); err != nil {
		return err
	}
	var err error
	if p.keys, err = age.ParseIdentities(&text); err != nil {
		return errors.New("its seal.key is not a key that seals secrets")
	}
	if _, err = keyLines(p.keys); err != nil {
		return err
	}
	for i, e := range p.manifest.Files {
		if hash, isSealed := e.content(); isSealed {
			key, err := opener(ctx, p.keys, hash, p.section(i))
			if err == nil && key == nil {
				err = errors.New("its seal.key does not open it")
			}
			if err != nil {
				return fmt.Errorf("%s: %w", e.Name, err)
			}
		}
	}
	return nil
}

// keyLines are keys as they stand in a file, one a line.
func keyLines(keys []age.Identity) ([]string, error) {
	var lines []string
	for _, k := range keys {
		s, ok := k.(fmt.Stringer)
		if !ok || strings.ContainsAny(s.String(), "\r\n") {
			return nil, errors.New("its seal.key is not a key that seals secrets")
		}
		lines = append(lines, s.String()+"\n")
	}
	return lines, nil
}

// opener is the key that opens a sealed content, nil where none does. The content is read to its end: the error is
// what is wrong with it.
func opener(ctx context.Context, keys []age.Identity, hash string, sealed *io.SectionReader) (age.Identity, error) {
	for _, k := range keys {
		in, err := age.Decrypt(io.NewSectionReader(sealed, 0, sealed.Size()), k)
		if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
			continue
		}
		sum := sha256.New()
		if err == nil {
			var read error
			read, err = copyTo(ctx, sum, in)
			err = errors.Join(read, err)
		}
		if err != nil {
			return nil, fmt.Errorf("a sealed content is damaged: %w", err)
		}
		if hex.EncodeToString(sum.Sum(nil)) != hash {
			return nil, errors.New("a sealed content is not the one that it is called")
		}
		return k, nil
	}
	return nil, nil
}
