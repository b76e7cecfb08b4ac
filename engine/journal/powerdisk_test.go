package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// The fates of what was done and not synced when the power went.
const (
	lost  = iota // none of it is there
	done         // all of it is there
	mixed        // names without contents, contents without names, some pages, a step of several
	fates
)

// page is what a kernel writes at once.
const page = 4096

// powerDisk is a folder of the real disk that knows what of it a power cut would leave: of a file what it was at its
// last Sync, of a folder the names that it had at its last syncDir. At each call it notes what can be there if the
// power goes right then.
type powerDisk struct {
	realDisk
	root     string
	nodes    map[uint64]*node
	story    *story
	deaf     map[string]bool // sites whose sync does nothing; "file" and "folder" are all of a kind
	unsynced bool            // such a site was met
	next     string          // what the next write or sync does: "full", "broken" or "die"; "die" is for a folder's sync too
	over     string          // the folder that has to be there first, for "die" at a folder's sync
	sites    map[string]bool // lines of this package from which a call came
	syncs    map[string]bool // those of them from which a sync came that something depends on
	calls    int
	points   int
	states   [fates]int
	cuts     [fates]int // different ones
	seen     map[string]bool
	sums     map[*byte]string // of what a file was, by where that is in memory and then its length
	each     func(*cut)       // goes on from there, when that cut is a new one
}

// node is a file or a folder, whatever its names. It is held open, so that no other one gets its number.
type node struct {
	held   *os.File
	synced []byte
	since  [][]byte // what it was after each change that is not synced, the last is what it is
	names  entries  // of a folder, when it was synced
	folder bool
}

type entries map[string]uint64

func (n *node) now() []byte {
	if len(n.since) == 0 {
		return n.synced
	}
	return n.since[len(n.since)-1]
}

// dirTree is what a power cut has left, by path; folders end with a slash.
type dirTree map[string][]byte

// cut is one way in which the power can go.
type cut struct {
	what    string
	dirTree dirTree
	story   *story
}

func newPowerDisk(t testing.TB, deaf ...string) *powerDisk {
	d := &powerDisk{root: t.TempDir(), nodes: map[uint64]*node{}, story: &story{runs: map[string]*account{}}, deaf: map[string]bool{},
		sites: map[string]bool{}, syncs: map[string]bool{}, seen: map[string]bool{}, sums: map[*byte]string{}}
	for _, site := range deaf {
		d.deaf[site] = true
	}
	d.look(d.root, map[uint64]entries{})
	t.Cleanup(func() {
		for _, n := range d.nodes {
			n.held.Close()
		}
	})
	return d
}

func number(info os.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

// look finds what is in a folder and below it now.
func (d *powerDisk) look(path string, all map[uint64]entries) uint64 {
	f := must2(os.Open(path))
	info := must2(f.Stat())
	id := number(info)
	n, known := d.nodes[id]
	if !known {
		n = &node{held: f, folder: info.IsDir()}
		d.nodes[id] = n
	} else {
		defer f.Close()
	}
	if n.folder {
		in := entries{}
		for _, e := range must2(os.ReadDir(path)) {
			in[e.Name()] = d.look(filepath.Join(path, e.Name()), all)
		}
		all[id] = in
	}
	return id
}

// site is the line of this package that is at work, and whether that is one whose syncs do nothing.
func (d *powerDisk) site(kind string) (string, bool) {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	first, deaf := "", d.deaf[kind]
	for {
		f, more := frames.Next()
		base := filepath.Base(f.File)
		if strings.Contains(f.Function, "engine/journal.") && !strings.HasSuffix(base, "_test.go") {
			at := fmt.Sprintf("%s:%d", base, f.Line)
			d.sites[at] = true
			// Create syncs a file that is empty, and a folder that makeDir has just synced.
			if first = cmp.Or(first, at); first == at && kind != "" && !strings.HasSuffix(f.Function, ".Create") {
				d.syncs[at] = true
			}
		}
		if !more {
			deaf = deaf || d.deaf[first]
			d.unsynced = d.unsynced || deaf
			return first, deaf
		}
	}
}

// call notes what a power cut leaves before and after do.
func (d *powerDisk) call(what, path string, do func() error) error {
	site, _ := d.site("")
	d.calls++
	name := fmt.Sprintf("call %d, %s %s at %s", d.calls, what, filepath.Base(path), site)
	d.point("before " + name)
	err := do()
	d.point("after " + name)
	return err
}

// point notes every state that a power cut can leave here.
func (d *powerDisk) point(at string) {
	d.points++
	now := map[uint64]entries{}
	root := d.look(d.root, now)
	before := map[uint64]entries{}
	for id, n := range d.nodes {
		if n.folder {
			before[id] = n.names
		}
	}
	none := func(n *node) []byte { return n.synced }
	all := (*node).now
	d.add(at, lost, "all lost", root, before, none)
	d.add(at, done, "all there", root, now, all)
	d.add(at, mixed, "names without contents", root, now, none)
	d.add(at, mixed, "contents without names", root, before, all)
	steps := 0
	for _, n := range d.nodes {
		steps = max(steps, len(n.since))
	}
	for k := range steps {
		d.add(at, mixed, fmt.Sprintf("contents as of step %d", k), root, now, func(n *node) []byte {
			if len(n.since) == 0 {
				return n.synced
			}
			return n.since[min(k, len(n.since)-1)]
		})
	}
	// One changed name without the others, and the others without it.
	for id, in := range now {
		for name := range union(in, before[id]) {
			if in[name] == before[id][name] {
				continue
			}
			one, others := maps.Clone(before), maps.Clone(now)
			one[id], others[id] = with(before[id], name, in[name]), with(in, name, before[id][name])
			for how, contents := range map[string]func(*node) []byte{"without contents": none, "with contents": all} {
				d.add(at, mixed, "only "+name+" "+how, root, one, contents)
				d.add(at, mixed, "all but "+name+" "+how, root, others, contents)
			}
		}
	}
	if len(d.deaf) > 0 {
		return // a sync that is not done shows without what follows
	}
	for what, keep := range map[string]func(p, first, last int) bool{
		"zeros":              func(int, int, int) bool { return false },
		"zeros but page one": func(p, first, _ int) bool { return p == first },
		"all but page one":   func(p, first, _ int) bool { return p != first },
		"all but the last":   func(p, _, last int) bool { return p != last },
		"zeros but the last": func(p, _, last int) bool { return p == last },
	} {
		d.add(at, mixed, what, root, now, func(n *node) []byte { return pages(n.synced, n.now(), keep) })
	}
	d.add(at, mixed, "cut at the last page", root, now, func(n *node) []byte {
		was, is := n.synced, n.now()
		if end := (len(is) - 1) / page * page; len(is) > len(was) && end > len(was) {
			return is[:end]
		}
		return is
	})
}

func union(a, b entries) entries {
	u := maps.Clone(a)
	if u == nil {
		u = entries{}
	}
	maps.Copy(u, b)
	return u
}

// with is the names with one more, or without it when id is 0.
func with(of entries, name string, id uint64) entries {
	c := union(of, nil)
	if c[name] = id; id == 0 {
		delete(c, name)
	}
	return c
}

// pages is what is there when of the bytes that are not synced only some pages reach the disk, and the size does.
func pages(was, is []byte, keep func(p, first, last int) bool) []byte {
	same := 0
	for same < min(len(was), len(is)) && was[same] == is[same] {
		same++
	}
	if same == len(is) {
		return is
	}
	out, first, last := bytes.Clone(is), same/page, (len(is)-1)/page
	for i := same; i < len(is); i++ {
		if keep(i/page, first, last) {
			continue
		}
		if out[i] = 0; i < len(was) {
			out[i] = was[i]
		}
	}
	return out
}

func (d *powerDisk) add(at string, fate int, how string, root uint64, in map[uint64]entries, contents func(*node) []byte) {
	if len(d.deaf) > 0 && !d.unsynced {
		return // so far it is a disk like any other
	}
	d.states[fate]++
	t := dirTree{}
	var walk func(id uint64, path string)
	walk = func(id uint64, path string) {
		for name, id := range in[id] {
			if n := d.nodes[id]; n.folder {
				t[path+name+"/"] = nil
				walk(id, path+name+"/")
			} else {
				t[path+name] = contents(n)
			}
		}
	}
	walk(root, "")
	key := fmt.Sprint(d.story.version)
	for _, path := range slices.Sorted(maps.Keys(t)) {
		key += fmt.Sprintf(" %q %x", path, d.sum(t[path]))
	}
	if !d.seen[key] {
		d.seen[key] = true
		d.cuts[fate]++
		d.each(&cut{at + ", " + how, t, d.story})
	}
}

func (d *powerDisk) sum(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	at := &b[len(b)-1]
	if d.sums[at] == "" {
		d.sums[at] = engine.Bytes(b).Hash()
	}
	return d.sums[at]
}

func (d *powerDisk) open(path string, flags int) (f file, err error) {
	err = d.call("open", path, func() error {
		if f, err = d.realDisk.open(path, flags); err == nil && flags&os.O_TRUNC != 0 {
			(&powerFile{f, d, path}).changed()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &powerFile{f, d, path}, nil
}

func (d *powerDisk) rename(from, to string) error {
	return d.call("rename to", to, func() error { return d.realDisk.rename(from, to) })
}

func (d *powerDisk) remove(path string) error {
	return d.call("remove", path, func() error { return d.realDisk.remove(path) })
}

func (d *powerDisk) syncDir(path string) error {
	_, deaf := d.site("folder")
	return d.call("syncdir", path, func() error {
		if d.next == "die" {
			if _, err := os.Lstat(filepath.Join(d.root, d.over)); err == nil {
				d.next = ""
				panic(errDied)
			}
		}
		if now := (map[uint64]entries{}); !deaf {
			id := d.look(path, now)
			d.nodes[id].names = now[id]
		}
		return nil
	})
}

type powerFile struct {
	file
	disk *powerDisk
	path string
}

func (f *powerFile) node() *node {
	f.disk.look(f.disk.root, map[uint64]entries{})
	return f.disk.nodes[number(must2(f.Stat()))]
}

func (f *powerFile) changed() {
	n := f.node()
	b := make([]byte, must2(f.Stat()).Size())
	if _, err := n.held.ReadAt(b, 0); err != nil && err != io.EOF {
		panic(err)
	}
	if !bytes.Equal(b, n.now()) {
		n.since = append(n.since, b)
	}
}

// errDied is what a process dies of in the middle of a write.
var errDied = errors.New("killed")

// WriteAt writes in two halves, and the power can go between them.
func (f *powerFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.disk.call("write", f.path, func() error {
		half := len(p) / 2
		if n, err = f.file.WriteAt(p[:half], at); err != nil {
			return err
		}
		f.changed()
		f.disk.point(fmt.Sprintf("in call %d, write %s", f.disk.calls, filepath.Base(f.path)))
		switch next := f.disk.next; next {
		case "full", "die":
			if f.disk.next = ""; next == "die" {
				panic(errDied)
			}
			return errFull
		}
		m, err := f.file.WriteAt(p[half:], at+int64(half))
		n += m
		f.changed()
		return err
	})
	return n, err
}

func (f *powerFile) Sync() error {
	_, deaf := f.disk.site("file")
	return f.disk.call("sync", f.path, func() error {
		if f.disk.next == "broken" {
			f.disk.next = ""
			return syscall.EIO
		}
		if n := f.node(); !deaf {
			n.synced, n.since = n.now(), nil
		}
		return nil
	})
}

func (f *powerFile) Truncate(size int64) error {
	return f.disk.call("truncate", f.path, func() error {
		err := f.file.Truncate(size)
		f.changed()
		return err
	})
}

// written is that a kernel writes a file in its own time.
func (d *powerDisk) written(path string) []byte {
	n := d.nodes[number(must2(os.Stat(path)))]
	n.synced, n.since = n.now(), nil
	return n.synced
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
