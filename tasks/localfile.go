package tasks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"text/template"

	"github.com/hcrun/hcrun/engine"
)

const (
	// inMemory is the size in bytes up to which a local file is kept as it was read. A larger one is
	// opened again when it is written, and refused then if it has changed.
	inMemory = 1 << 20
	// maxRendered bounds what a template may become.
	maxRendered = 16 << 20
)

// localFile is the content of a file below the playbook's folder. Only its hash is held in memory
// when it is large.
func localFile(files fs.FS, name string) (engine.Content, error) {
	f, size, err := openLocal(files, name)
	if err != nil {
		return engine.Content{}, err
	}
	defer f.Close()
	if size <= inMemory {
		b, err := io.ReadAll(io.LimitReader(f, inMemory+1))
		if err != nil || len(b) > inMemory {
			return engine.Content{}, fmt.Errorf("read %s: %w", name, cmpErr(err, errors.New("it grows while it is read")))
		}
		return engine.Bytes(b), nil
	}
	sum := sha256.New()
	if size, err = io.Copy(sum, f); err != nil {
		return engine.Content{}, fmt.Errorf("read %s: %w", name, err)
	}
	reopen := func(context.Context) (io.ReadCloser, error) {
		f, _, err := openLocal(files, name)
		return f, err
	}
	return engine.NewContent(hex.EncodeToString(sum.Sum(nil)), size, reopen), nil
}

// cmpErr is the first error that is not nil.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// openLocal opens a plain file below the playbook's folder.
func openLocal(files fs.FS, name string) (fs.File, int64, error) {
	if files == nil {
		return nil, 0, errors.New("there is no folder to read local files from")
	}
	clean := path.Clean(strings.TrimPrefix(name, "./"))
	if !fs.ValidPath(clean) {
		return nil, 0, engine.Problemf(engine.Security, "%q is outside the playbook's folder; local files are read only below it (the playbook's root = \"..\" can widen that)", name)
	}
	f, err := files.Open(clean)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, fmt.Errorf("there is no file %q below the playbook's folder%s", name, nearest(files, clean))
	case err != nil && strings.Contains(err.Error(), "escapes from parent"):
		return nil, 0, engine.Problemf(engine.Security, "%q is a link that leads out of the playbook's folder: %w", name, err)
	case err != nil:
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%q is a directory and scp copies one file; for all that is in it write:\n  for_each    = fileset(%q)\n  source      = each.value", name, path.Join(clean, "**"))
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%q is not a plain file", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// render fills in a template.
func render(files fs.FS, name string, vars map[string]any) (engine.Content, error) {
	source, err := localFile(files, name)
	if err != nil {
		return engine.Content{}, err
	}
	text, err := source.Read(context.Background(), inMemory)
	if err != nil {
		return engine.Content{}, fmt.Errorf("read %s: %w", name, err)
	}
	t, err := template.New(name).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return engine.Content{}, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	if vars == nil {
		vars = map[string]any{}
	}
	out := &boundedBuffer{max: maxRendered}
	if err := t.Execute(out, vars); err != nil {
		return engine.Content{}, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	if line := lineOf(out.Bytes(), "<no value>"); line > 0 {
		return engine.Content{}, fmt.Errorf("%s: line %d of the result has a value that is null", name, line)
	}
	return engine.Bytes(out.Bytes()), nil
}

// lineOf is the number of the first line that has s in it, 0 for none.
func lineOf(b []byte, s string) int {
	before, _, found := bytes.Cut(b, []byte(s))
	if !found {
		return 0
	}
	return bytes.Count(before, []byte("\n")) + 1
}

// boundedBuffer refuses to grow beyond max bytes.
type boundedBuffer struct {
	bytes.Buffer
	max int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.max {
		return 0, fmt.Errorf("the result is larger than %d bytes", b.max)
	}
	return b.Buffer.Write(p)
}
