package journal

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// hashRE is what may be the file name of a blob.
var hashRE = regexp.MustCompile(`^[0-9a-f]{64}$`)

// tempPrefix begins the name of a blob that is not whole yet.
const tempPrefix = ".tmp-"

// writeBlob stores c in dir under its hash, sealed when it is a secret. read is an error of c itself, err one of
// the disk.
func (s *Store) writeBlob(ctx context.Context, dir string, c engine.Content) (read, err error) {
	d := s.disk
	in, read := c.Open(ctx)
	if read != nil {
		return read, nil
	}
	defer in.Close()
	temp, final := filepath.Join(dir, tempPrefix+c.Hash()), filepath.Join(dir, c.Hash())
	if c.IsSecret() {
		final += sealedExt
	}
	out, err := d.open(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	defer func() {
		if read != nil || err != nil {
			_ = os.Remove(temp)
		}
	}()
	defer out.Close()
	if c.IsSecret() {
		read, err = s.copySealed(ctx, io.NewOffsetWriter(out, 0), in)
	} else {
		read, err = copyTo(ctx, io.NewOffsetWriter(out, 0), in)
	}
	if read != nil || err != nil {
		return read, err
	}
	if err := out.Sync(); err != nil {
		return nil, err
	}
	if err := d.rename(temp, final); err != nil {
		return nil, err
	}
	return nil, d.syncDir(dir)
}

func (s *Store) copySealed(ctx context.Context, out io.Writer, in io.Reader) (read, err error) {
	w, err := s.Seal(out)
	if err != nil {
		return nil, err
	}
	if read, err = copyTo(ctx, w, in); read != nil || err != nil {
		return read, err
	}
	return nil, w.Close()
}

// copyTo copies in bounded memory and tells errors of the source from errors of the disk.
func copyTo(ctx context.Context, out io.Writer, in io.Reader) (read, err error) {
	buf := make([]byte, 256<<10)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx), nil
		}
		n, read := in.Read(buf)
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return nil, err
			}
		}
		if read == io.EOF {
			return nil, nil
		}
		if read != nil {
			return read, nil
		}
	}
}

// Blob opens a content that the run has kept. The bytes are verified while they are read; when they
// are missing or not what they were, the error has code Corrupt.
func (s *Store) Blob(ctx context.Context, id string, c engine.Content) (io.ReadCloser, error) {
	if !idRE.MatchString(id) || !hashRE.MatchString(c.Hash()) {
		return nil, engine.Problemf(engine.Corrupt, "run %q has kept no content %q", id, c.Hash())
	}
	path := filepath.Join(s.blobs(id), c.Hash())
	f, err := s.disk.open(path, os.O_RDONLY)
	isSealed := os.IsNotExist(err)
	if isSealed {
		path += sealedExt
		f, err = s.disk.open(path, os.O_RDONLY)
	}
	if err != nil {
		return nil, engine.Problemf(engine.Corrupt, "the journal has lost a content: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = ours(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r := &blob{Reader: io.NewSectionReader(f, 0, info.Size()), file: f}
	if isSealed {
		if r.Reader, err = s.Unseal(r.Reader); err != nil {
			f.Close()
			return nil, err
		}
	}
	verified, err := engine.NewContent(c.Hash(), c.Size(), func(context.Context) (io.ReadCloser, error) { return r, nil }).Open(ctx)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &sealed{ReadCloser: verified, path: path}, nil
}

// blob reads an open file from its start.
type blob struct {
	io.Reader
	file file
}

func (b *blob) Close() error { return b.file.Close() }

// sealed makes a Problem of what the verifying reader below it finds.
type sealed struct {
	io.ReadCloser
	path string
}

func (s *sealed) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		return n, engine.Problemf(engine.Corrupt, "%s: %w", s.path, err)
	}
	return n, err
}

// Report is what Verify found.
type Report struct {
	Records int    // whole records
	Head    string // sum of the last one
	Torn    int64  // bytes of a torn tail, which the next resume sets aside
	Blobs   int    // contents, each read and found whole
}

// Verify checks a run's chain, reads all its blobs, and misses those that its records name and that are
// not there. It changes nothing.
func (s *Store) Verify(id string) (Report, error) {
	f, c, err := s.load(id, os.O_RDONLY)
	if err != nil {
		return Report{}, err
	}
	f.Close()
	r := Report{Records: len(c.events), Head: c.chain.head, Torn: int64(len(c.torn))}
	entries, err := os.ReadDir(s.blobs(id))
	if err != nil && !os.IsNotExist(err) {
		return r, fmt.Errorf("list the blobs of %s: %w", id, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			continue // never whole, and nothing names it
		}
		r.Blobs++
		if strings.HasSuffix(e.Name(), sealedExt) {
			continue // how long it is, only the record that names it tells
		}
		if err := s.verifyBlob(id, e); err != nil {
			return r, err
		}
	}
	for _, blob := range named(c.events) {
		in, err := s.Blob(context.Background(), id, blob)
		if err != nil {
			return r, err
		}
		if _, err := os.Lstat(filepath.Join(s.blobs(id), blob.Hash()+sealedExt)); err == nil {
			_, err = io.Copy(io.Discard, in)
			if err != nil {
				in.Close()
				return r, err
			}
		}
		in.Close()
	}
	return r, nil
}

// named lists the contents that the events promise: every image that is written or brought back, and
// the evidence.
func named(events []engine.Event) []engine.Content {
	var all []engine.Content
	for _, e := range events {
		for _, c := range engine.Changes(e.Planned) {
			for _, img := range []engine.Image{c.Before, c.After} {
				if img.Kind == engine.File && !img.AnyContent && !img.Content.IsZero() {
					all = append(all, img.Content)
				}
			}
		}
		if e.Opened != nil && e.Opened.Hidden != nil {
			all = append(all, *e.Opened.Hidden)
		}
		if e.Op != nil && e.Op.Blob != nil {
			all = append(all, *e.Op.Blob)
		}
	}
	return all
}

func (s *Store) verifyBlob(id string, e os.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	in, err := s.Blob(context.Background(), id, engine.NewContent(e.Name(), info.Size(), nil))
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(io.Discard, in)
	return err
}
