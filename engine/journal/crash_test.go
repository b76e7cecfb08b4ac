package journal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

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

// How far something is.
const (
	never = iota
	asked
	acknowledged
)

// account is what was asked of a run and what was acknowledged.
type account struct {
	begun, removed int
	records        []string
	pending        string // was asked for: it may be there, whole
	kept           []payload
	keeping        []payload
	tail           string // of a record, which the disk has and nobody may throw away
}

type payload struct {
	engine.Content
	text string
}

func content(text string) payload { return payload{engine.Bytes([]byte(text)), text} }

// story is what was done in a state folder.
type story struct {
	version int
	runs    map[string]*account
	mark    string
}

func compact(e engine.Event) string { return string(must2(json.Marshal(e))) }

// teller tells the story, process by process.
type teller struct {
	d     *powerDisk
	store *Store
	j     *Journal
	a     *account
	id    string
	n     int
}

const powerState = "home/state"

// process begins a process.
func (p *teller) process() {
	p.store, p.j = must2(openStore(filepath.Join(p.d.root, powerState), p.d)), nil
}

// does changes the account.
func (p *teller) does(change func()) {
	change()
	p.d.story.version++
}

func (p *teller) create(id string) {
	p.id, p.a = id, &account{}
	p.does(func() { p.d.story.runs[id] = p.a; p.a.begun = asked })
	p.j = must2(p.store.Create(id))
	p.does(func() { p.a.begun = acknowledged })
}

func (p *teller) keep(c payload) {
	p.does(func() { p.a.keeping = append(p.a.keeping, c) })
	if err := p.j.Keep(context.Background(), c.Content); err != nil {
		panic(err)
	}
	p.does(func() { p.a.keeping, p.a.kept = nil, append(p.a.kept, c) })
}

func (p *teller) append(e engine.Event) {
	if err := p.try(e); err != nil {
		panic(err)
	}
}

func (p *teller) try(e engine.Event) error {
	p.n++
	e.Run, e.At = p.id, time.Date(2026, 11, 26, 1, 3, p.n, 345678901, time.UTC)
	p.does(func() { p.a.pending = compact(e) })
	err := p.j.Append(e)
	if err == nil {
		p.does(func() { p.a.pending, p.a.records = "", append(p.a.records, compact(e)) })
	}
	return err
}

func (p *teller) resume(id string) {
	p.id, p.a = id, p.d.story.runs[id]
	j, events, err := p.store.Continue(id)
	if err != nil {
		panic(err)
	}
	p.j = j
	p.does(func() {
		p.a.pending, p.a.records = "", nil
		for _, e := range events {
			p.a.records = append(p.a.records, compact(e))
		}
	})
}

func (p *teller) said(text string) engine.Event {
	return engine.Event{Kind: engine.EvSaid, Op: &engine.OpEvent{Step: 1, Text: text}}
}

// die ends the process in what it does, at a write or, once there is the folder over, at the sync of one.
func (p *teller) die(over string, in func()) {
	defer func() {
		if err := recover(); err != errDied {
			panic(err)
		}
	}()
	p.d.next, p.d.over = "die", over
	in()
}

// tear ends the process in the middle of a record, of which the disk has what was written.
func (p *teller) tear(e engine.Event) {
	p.die("", func() { p.append(e) })
	p.j.file.Close()
	raw := p.d.written(p.store.path(p.id))
	p.does(func() { p.a.tail = string(raw[bytes.LastIndexByte(raw, '\n')+1:]) })
	p.d.point("after the death")
}

// tell is the whole story.
func (p *teller) tell() {
	image := func(c payload) engine.Image { return engine.Image{Kind: engine.File, Mode: 0o600, Content: c.Content} }
	plan := func(size int, contents ...payload) engine.Event {
		step := engine.PlannedStep{Kind: "scp", Name: "policy", Check: json.RawMessage(`{"text":"` + strings.Repeat("0123456789abcde ", size/16) + `"}`)}
		for i, c := range contents {
			step.Changes = append(step.Changes, engine.Change{At: fmt.Sprintf("/etc/%d", i), Before: engine.Image{Kind: engine.Absent}, After: image(c)})
		}
		return engine.Event{Kind: engine.EvPlanned, Planned: []engine.PlannedStep{step}}
	}
	// The first record of a run is longer than a page.
	opened := engine.Event{Kind: engine.EvOpened, Opened: &engine.Opened{Playbook: "audit-5p", Node: "master1", Address: "10.0.0.1:22", User: "op@laptop",
		Inputs: map[string]string{"text": strings.Repeat("an input ", page/8)}}}
	large := content(strings.Repeat("a line of a large file\n", (256<<10)/23+500))
	secret := content(strings.Repeat("a secret\n", 2000))
	secret.Content = secret.Secret()
	log := content("the log")

	// Each of the folders was made by a process that died before it could sync that.
	for _, made := range []string{filepath.Dir(powerState), powerState, powerState + "/runs"} {
		p.die(made, p.process)
	}
	p.process()
	p.d.story.mark = must2(p.store.Mark())
	p.does(func() {})
	p.create(otherID)
	p.append(opened)
	p.keep(log)
	p.append(plan(100, log))
	p.tear(p.said("half of it"))

	p.process()
	p.resume(otherID)
	p.append(p.said("the end"))
	if err := p.j.Close(); err != nil {
		panic(err)
	}
	p.create(testID)
	p.append(opened)
	p.keep(large)
	p.keep(secret)
	p.append(plan(100, large, secret))
	for _, text := range []string{"one", "two", "three"} {
		p.append(p.said(text))
	}
	p.append(plan(3 * page)) // over several pages
	p.append(p.said("four"))
	if err := p.j.Close(); err != nil {
		panic(err)
	}

	p.process()
	p.resume(testID)
	p.append(p.said("five"))
	p.keep(log)
	p.append(engine.Event{Kind: engine.EvEvidence, Op: &engine.OpEvent{Step: 1, Text: "kubelet-log", Blob: &log.Content}})
	p.d.next = "full"
	if err := p.try(p.said("the disk is full")); err == nil {
		panic("written to a full disk")
	}

	p.process()
	p.resume(testID)
	p.append(p.said("six"))
	p.d.next = "broken"
	if err := p.try(p.said("the disk is broken")); err == nil {
		panic("synced to a broken disk")
	}

	p.process()
	p.resume(testID)
	p.tear(plan(2 * page))

	p.process()
	p.resume(testID)
	p.append(p.said("seven"))
	p.append(engine.Event{Kind: engine.EvLanded, End: &engine.End{By: "hcrun"}})
	if err := p.j.Close(); err != nil {
		panic(err)
	}
	for _, id := range []string{testID, otherID} {
		must2(p.store.Verify(id))
	}

	p.a = p.d.story.runs[otherID]
	p.does(func() { p.a.removed = asked })
	if err := p.store.Remove(otherID); err != nil {
		panic(err)
	}
	p.does(func() { p.a.removed = acknowledged })
	p.d.point("at the end")

	// A run whose names nobody has synced, and that another process goes on with.
	const unborn = "20261127-200312-master3-bbbb"
	p.process()
	p.die("", func() { p.create(unborn) })
	p.process()
	p.resume(unborn)
	p.does(func() { p.a.begun = acknowledged })
	p.append(opened)
	p.d.point("at the end")
}

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
