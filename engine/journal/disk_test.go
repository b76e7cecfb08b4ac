package journal

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// testDisk is the real disk, writing down what is done to it in order and failing where fail says so.
type testDisk struct {
	realDisk
	ops  []string
	fail func(op string) error
}

// do records an operation: its verb and the last element of its path.
func (d *testDisk) do(verb, path string) error {
	op := verb + " " + filepath.Base(path)
	d.ops = append(d.ops, op)
	if d.fail == nil {
		return nil
	}
	return d.fail(op)
}

func (d *testDisk) open(path string, flags int) (file, error) {
	if err := d.do("open", path); err != nil {
		return nil, err
	}
	f, err := d.realDisk.open(path, flags)
	if err != nil {
		return nil, err
	}
	return &testFile{file: f, disk: d, path: path}, nil
}

func (d *testDisk) rename(from, to string) error {
	if err := d.do("rename", to); err != nil {
		return err
	}
	return d.realDisk.rename(from, to)
}

func (d *testDisk) remove(path string) error {
	if err := d.do("remove", path); err != nil {
		return err
	}
	return d.realDisk.remove(path)
}

func (d *testDisk) syncDir(path string) error {
	if err := d.do("syncdir", path); err != nil {
		return err
	}
	return d.realDisk.syncDir(path)
}

// count is how often an operation was tried.
func (d *testDisk) count(op string) int {
	n := 0
	for _, o := range d.ops {
		if o == op {
			n++
		}
	}
	return n
}

type testFile struct {
	file
	disk *testDisk
	path string
}

// WriteAt writes half of what it is given when it is to fail, as a full disk does.
func (f *testFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.disk.do("write", f.path); err != nil {
		n, _ := f.file.WriteAt(p[:len(p)/2], at)
		return n, err
	}
	return f.file.WriteAt(p, at)
}

func (f *testFile) Sync() error {
	if err := f.disk.do("sync", f.path); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *testFile) Truncate(size int64) error {
	if err := f.disk.do("truncate", f.path); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

// failing fails every operation that begins so.
func failing(op string, err error) func(string) error {
	return func(o string) error {
		if strings.HasPrefix(o, op) {
			return err
		}
		return nil
	}
}

func testStore(t testing.TB) (*Store, *testDisk) {
	t.Helper()
	d := &testDisk{}
	s, err := openStore(filepath.Join(t.TempDir(), "state"), d)
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

func wantCode(t testing.TB, err error, code engine.Code, words ...string) {
	t.Helper()
	if err == nil || engine.CodeOf(err) != code {
		t.Fatalf("got %v (code %d), want code %d", err, engine.CodeOf(err), code)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q:\n%v", w, err)
		}
	}
}

var errFull = fmt.Errorf("write: %w", syscall.ENOSPC)
