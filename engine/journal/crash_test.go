package journal

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// hasty is a disk without syncs: what goes on after the power cut is not cut again.
type hasty struct{ realDisk }

func (d hasty) open(path string, flags int) (file, error) {
	f, err := d.realDisk.open(path, flags)
	if err != nil {
		return nil, err
	}
	return hastyFile{f}, nil
}

func (hasty) syncDir(string) error { return nil }

type hastyFile struct{ file }

func (hastyFile) Sync() error { return nil }

// survives lays out what the cut has left and goes on from there.
func (c *cut) survives(root string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", c.what, err)
		}
	}()
	for _, path := range slices.Sorted(maps.Keys(c.dirTree)) {
		at := filepath.Join(root, path)
		if strings.HasSuffix(path, "/") {
			err = os.Mkdir(at, 0o700)
		} else {
			err = os.WriteFile(at, c.dirTree[path], 0o600)
		}
		if err != nil {
			return err
		}
	}
	defer os.RemoveAll(filepath.Join(root, "home"))
	s, err := openStore(filepath.Join(root, powerState), hasty{})
	if err != nil {
		return err
	}
	if mark, err := s.Mark(); err != nil || c.story.mark != "" && mark != c.story.mark {
		return fmt.Errorf("the mark was %q, is %q, %v", c.story.mark, mark, err)
	}
	ids, err := s.IDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if c.story.runs[id] == nil {
			return fmt.Errorf("run %s never was", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.story.runs)) {
		if err := c.story.runs[id].survives(s, id, slices.Contains(ids, id)); err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
	}
	return nil
}

// beside are the names that begin with a run's.
func beside(s *Store, id string) []string {
	var all []string
	for _, e := range must2(os.ReadDir(s.runs())) {
		if of, _ := owner(e.Name()); of == id {
			all = append(all, e.Name())
		}
	}
	return all
}

// survives goes on with one run.
func (a *account) survives(s *Store, id string, listed bool) error {
	left, err := s.Leftovers()
	if err != nil {
		return err
	}
	gone := a.removed != never && !listed
	switch {
	case a.removed == acknowledged && len(beside(s, id)) > 0:
		return fmt.Errorf("it was removed, and there is %v", beside(s, id))
	case listed && slices.Contains(left, id):
		return errors.New("it is a run and what is left of one")
	case gone || !listed && a.begun != acknowledged:
		if len(beside(s, id)) > 0 != slices.Contains(left, id) {
			return fmt.Errorf("there is %v, and the leftovers are %v", beside(s, id), left)
		}
		if _, err := s.Read(id); err != nil && engine.CodeOf(err) != engine.Invalid {
			return err
		}
		if err := s.Remove(id); err != nil || len(beside(s, id)) > 0 {
			return fmt.Errorf("removed again: %v, there is %v", err, beside(s, id))
		}
		return nil
	case !listed && len(a.records) > 0:
		return errors.New("it is lost")
	}
	read, err := s.Read(id)
	if err != nil {
		return err
	}
	if err := a.told(read); err != nil {
		return err
	}
	if err := a.contents(s, id); err != nil {
		return err
	}
	report, err := s.Verify(id)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	raw := must2(os.ReadFile(s.path(id)))
	j, events, err := s.Continue(id)
	if err != nil {
		return fmt.Errorf("continue: %w", err)
	}
	defer j.Close()
	if len(events) != len(read) || report.Records != len(read) || j.Head() != (engine.Head{Records: len(read), Sum: report.Head}) {
		return fmt.Errorf("read has %d records, verify %d, continue %d, the head is %v", len(read), report.Records, len(events), j.Head())
	}
	whole := must2(os.ReadFile(s.path(id)))
	cut, ok := strings.CutPrefix(string(raw), string(whole))
	if !ok || int64(len(cut)) != report.Torn {
		return fmt.Errorf("continue left %d bytes of %d, %d of them torn", len(whole), len(raw), report.Torn)
	}
	aside := map[string]bool{"": true}
	for _, name := range beside(s, id) {
		if strings.Contains(name, ".torn-") {
			aside[string(must2(os.ReadFile(filepath.Join(s.runs(), name))))] = true
		}
	}
	if !aside[cut] || !aside[a.tail] {
		return fmt.Errorf("a torn tail is nowhere: the one that was there now: %v, the one before it: %v", aside[cut], aside[a.tail])
	}

	// Going on.
	after := *a
	after.records, after.pending = nil, ""
	for _, e := range events {
		after.records = append(after.records, compact(e))
	}
	after.kept = slices.Clone(a.kept)
	fresh := []payload{content("after the cut"), content("a secret after the cut")}
	fresh[1].Content = fresh[1].Secret()
	for _, c := range append(slices.Clone(a.keeping), fresh...) {
		if err := j.Keep(context.Background(), c.Content); err != nil {
			return fmt.Errorf("keep: %w", err)
		}
		after.kept = append(after.kept, c)
		e := engine.Event{Run: id, At: time.Unix(1, 0).UTC(), Kind: engine.EvEvidence, Op: &engine.OpEvent{Step: 1, Text: "log", Blob: &c.Content}}
		if err := j.Append(e); err != nil {
			return fmt.Errorf("append: %w", err)
		}
		after.records = append(after.records, compact(e))
	}
	after.keeping = nil
	s = must2(openStore(s.dir, hasty{}))
	if read, err = s.Read(id); err != nil {
		return err
	}
	if err := after.told(read); err != nil {
		return fmt.Errorf("after going on: %w", err)
	}
	if err := after.contents(s, id); err != nil {
		return fmt.Errorf("after going on: %w", err)
	}
	report, err = s.Verify(id)
	if want := (Report{Records: len(after.records), Head: j.Head().Sum, Blobs: len(after.kept)}); err != nil || report != want {
		return fmt.Errorf("verify says %+v, %v, want %+v", report, err, want)
	}
	if ids, err := s.IDs(); err != nil || !slices.Contains(ids, id) {
		return fmt.Errorf("after going on it is no run: %v, %v", ids, err)
	}
	return nil
}

// told holds that events are all that was acknowledged, and at most what was asked for besides.
func (a *account) told(events []engine.Event) error {
	if len(events) < len(a.records) {
		return fmt.Errorf("%d of %d records are there", len(events), len(a.records))
	}
	for i, e := range events {
		want := a.pending
		if i < len(a.records) {
			want = a.records[i]
		}
		if compact(e) != want || i > len(a.records) {
			return fmt.Errorf("record %d of %d is\n%.300s\nwant\n%.300s", i+1, len(a.records), compact(e), want)
		}
	}
	return nil
}

// contents holds that there is every content that was kept, and no part of another one under its name.
func (a *account) contents(s *Store, id string) error {
	entries, err := os.ReadDir(s.blobs(id))
	if err != nil && a.begun == acknowledged && len(a.kept) > 0 {
		return err
	}
	there := map[string]bool{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			there[e.Name()] = true
		}
	}
	for i, c := range append(slices.Clone(a.kept), a.keeping...) {
		name := c.Hash()
		if c.IsSecret() {
			name += sealedExt
		}
		if !there[name] && i >= len(a.kept) {
			continue
		}
		delete(there, name)
		in, err := s.Blob(context.Background(), id, engine.NewContent(c.Hash(), c.Size(), nil))
		if err != nil {
			return err
		}
		b, err := io.ReadAll(in)
		in.Close()
		if err != nil || string(b) != c.text {
			return fmt.Errorf("content %.8s: %d bytes of %d, %v", c.Hash(), len(b), len(c.text), err)
		}
	}
	if len(there) > 0 {
		return fmt.Errorf("contents that nobody kept: %v", slices.Collect(maps.Keys(there)))
	}
	return nil
}

// run tells the story and goes on from every cut. It returns what went wrong, at most limit of it.
func (d *powerDisk) run(t testing.TB, limit int) (wrong []error) {
	root := t.TempDir()
	n := 0
	d.each = func(c *cut) {
		if n++; raced && n%8 != 0 && len(d.deaf) == 0 {
			return // one goroutine cannot race, it is only slower
		}
		if err := c.survives(root); err != nil {
			if wrong = append(wrong, err); len(wrong) == limit {
				panic(errEnough)
			}
		}
	}
	defer func() {
		if p := recover(); p != nil && p != errEnough {
			panic(p)
		}
	}()
	(&teller{d: d}).tell()
	return wrong
}

var errEnough = errors.New("enough is wrong")

// TestPowerCutAnywhere cuts the power before and after every call that changes the disk, and within every write.
// Whatever of the unsynced is there, all that was acknowledged is, and one can go on.
func TestPowerCutAnywhere(t *testing.T) {
	began, d := time.Now(), newPowerDisk(t)
	for _, err := range d.run(t, 20) {
		t.Error(err)
	}
	t.Logf("%d calls, %d points; power cuts with all lost %d, all there %d, mixed %d; different ones %d, %d, %d; in %v", d.calls, d.points,
		d.states[lost], d.states[done], d.states[mixed], d.cuts[lost], d.cuts[done], d.cuts[mixed], time.Since(began).Round(time.Millisecond))
	if d.states[lost] != d.points || d.states[done] != d.points || d.states[mixed] < 2*d.points || slices.Contains(d.cuts[:], 0) {
		t.Error("not every fate was tried at every point")
	}
	for call := range diskCalls(t) {
		if !d.sites[call] {
			t.Errorf("%s is no point that was hit", call)
		}
	}
}

// TestPowerCutFinds: a disk that does not sync is found out, be it files, folders, or one line that asks for it.
func TestPowerCutFinds(t *testing.T) {
	whole := newPowerDisk(t)
	whole.each = func(*cut) {}
	(&teller{d: whole}).tell()
	all := []string{"file", "folder"}
	if !raced {
		all = append(all, slices.Sorted(maps.Keys(whole.syncs))...)
	}
	for _, deaf := range all {
		t.Run(deaf, func(t *testing.T) {
			t.Parallel()
			d := newPowerDisk(t, deaf)
			wrong := d.run(t, 1)
			if len(wrong) == 0 {
				t.Fatal("nothing was found wrong")
			}
			t.Logf("%.400s", wrong[0])
		})
	}
}

// besideTheSeam are calls that change the disk and that no test can let fail; they are not crash points. What each
// does is there, whole, at the next point.
var besideTheSeam = map[string]int{
	"disk.go Mkdir":    1, // followed by a syncDir
	"blob.go Remove":   1, // after an error; the name is nobody's
	"seal.go Remove":   1, // the key's other name
	"seal.go Link":     1, // followed by a syncDir
	"lock.go OpenFile": 3, // the lock is the kernel's, what the file says is a courtesy
}

// diskCalls lists every call in this package of what changes or syncs the disk, from its syntax tree.
func diskCalls(t *testing.T) map[string]bool {
	t.Helper()
	sites, others, fset := map[string]bool{}, map[string]int{}, token.NewFileSet()
	for _, entry := range must2(os.ReadDir(".")) {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "import.go" || name == "export.go" {
			continue // parcels are interrupted at every step by TestImportAtEveryFailure
		}
		for _, decl := range must2(parser.ParseFile(fset, name, nil, 0)).Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "replace" {
				continue // of the key file, by a parcel
			} else if ok && f.Recv != nil {
				if of, ok := f.Recv.List[0].Type.(*ast.Ident); ok && of.Name == "realDisk" {
					continue // what is below the seam
				}
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				on := ""
				switch x := sel.X.(type) {
				case *ast.Ident:
					on = x.Name
				case *ast.SelectorExpr:
					on = x.Sel.Name
				}
				at := fset.Position(sel.Sel.Pos())
				where := fmt.Sprintf("%s:%d", name, at.Line)
				switch sel.Sel.Name {
				case "open": // a chain has one too
					if on == "d" || on == "disk" {
						sites[where] = true
					}
				case "rename", "remove", "syncDir":
					sites[where] = true
				case "WriteAt", "Write", "WriteString", "Sync", "Truncate":
					if name != "lock.go" {
						sites[where] = true
					}
				case "Mkdir", "MkdirAll", "Link", "Symlink", "Remove", "RemoveAll", "Rename", "OpenFile", "Create", "WriteFile", "Chmod":
					if on == "os" {
						others[name+" "+sel.Sel.Name]++
					}
				}
				return true
			})
		}
	}
	if len(sites) < 20 {
		t.Fatalf("only %d calls found: the walk is broken", len(sites))
	}
	if !maps.Equal(others, besideTheSeam) {
		t.Errorf("beside the seam are %v, known are %v", others, besideTheSeam)
	}
	t.Logf("%d lines call the seam", len(sites))
	return sites
}
