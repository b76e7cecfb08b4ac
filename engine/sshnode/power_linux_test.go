package sshnode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// The power cut of these tests is the shutdown that ext4 and XFS have for it: from then on nothing reaches the
// device, neither data nor the log, and what mounts it again recovers from what had reached it before. What they
// cannot show is a device that loses what it said was written.

// powered is a file system on a loop device whose power can be cut, and a node whose tools do that.
type powered struct {
	t      *testing.T
	kind   string
	image  string
	mount  string
	tools  string // the wrappers, and what tells them when
	xfsIO  string
	worker atomic.Int64 // its process, which leads a session of its own
	n      *Node
	held   *held
	round  int

	cuts, before, after, between int
	wrong                        []string
}

// powerWrapper stands before every tool. The cut comes at the call with that number, before the tool, after it, or
// after it and a commit of the log on behalf of somebody else, which carries everything but data. After a tool that
// only reads there is nothing that was not there before the next one. Then the whole session is gone; only where the
// device dies before the power does, it goes on. Tools run at the same time, so the count must not be read and
// written back.
const powerWrapper = `#!/bin/sh
w=%[1]s
[ -e $w/armed ] || exec %[2]s "$@"
read -r at how <$w/armed
case ${how}%[6]s in before*|*writes) ;; *) exec %[2]s "$@";; esac
printf x >>$w/count; read -r n <$w/count
[ ${#n} -ge "$at" ] && ( set -C; echo %[3]s >$w/hit ) 2>/dev/null || exec %[2]s "$@"
case $how in after|committed) %[2]s "$@";; esac
if [ $how = committed ]; then %[4]s -x -f -c fsync -c shutdown %[5]s/tick; else %[4]s -x -c shutdown %[5]s; fi >/dev/null 2>&1
[ $how != dies ] || exec %[2]s "$@"
read -r p <$w/pid; kill -s KILL -- -$p
`

func inSbin(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, d := range []string{"/usr/sbin/", "/sbin/"} {
		if err != nil {
			path, err = exec.LookPath(d + name)
		}
	}
	return path, err
}

// apart runs a test once more, in a process that has its mounts for itself, and returns true in there. A container
// that is started meanwhile gets a copy of every mount, and a file system with two mounts is not gone when one is;
// and whatever becomes of the test, what it has mounted goes with that process.
func apart(t *testing.T) bool {
	t.Helper()
	const mark = "HCRUN_POWER_APART"
	if os.Getenv(mark) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		missing(t, "root, to mount a file system")
	}
	name := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.timeout=15m", "-test.run="+name)
	cmd.Env = append(os.Environ(), mark+"=1", "TMPDIR="+folder(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // it is that thread's death that is told
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		missing(t, "right to mount a file system")
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	case !bytes.Contains(out, []byte("--- PASS: "+t.Name())):
		t.Fatalf("it did not run:\n%s", out)
	}
	for line := range strings.Lines(string(out)) {
		if _, said, ok := strings.Cut(line, "_test.go:"); ok {
			t.Log(strings.TrimSpace(strings.TrimLeft(said, "0123456789:")))
		}
	}
	return false
}

// newPowered makes a file system, and has a node work with a script on it; t's end takes it all away again.
func newPowered(t *testing.T, kind, text string) *powered {
	t.Helper()
	d := folder(t)
	p := &powered{t: t, kind: kind, image: d + "/image", mount: d + "/mount", tools: d + "/tools"}
	mkfs, err := inSbin("mkfs." + kind)
	if err != nil {
		missing(t, "mkfs."+kind)
	}
	if p.xfsIO, err = inSbin("xfs_io"); err != nil {
		missing(t, "xfs_io")
	}
	quiet := map[string][]string{"ext4": {"-q", "-F"}, "xfs": {"-q", "-f"}}[kind]
	size := map[string]int64{"ext4": 64 << 20, "xfs": 320 << 20}[kind] // no XFS is smaller than 300 MB
	writeFile(t, p.image, "")
	p.ok(errors.Join(os.Truncate(p.image, size), os.Mkdir(p.mount, 0o755), os.Mkdir(p.tools, 0o755)))
	if out, err := exec.Command(mkfs, append(quiet, p.image)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", mkfs, err, out)
	}
	t.Cleanup(func() {
		p.kill()
		if err := p.unmount(); err != nil {
			t.Errorf("unmount: %v", err)
			unix.Unmount(p.mount, unix.MNT_DETACH)
		}
	})
	if err := p.on(); err != nil {
		missing(t, fmt.Sprintf("loop device with %s: %v", kind, err))
	}
	does := "reads"
	for _, tool := range strings.Fields("cut flock grep ls sha256sum stat wc writes cat chmod chown cp dd ln mkdir mv rm rmdir sync") {
		if tool == "writes" {
			does = tool
			continue
		}
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Appendf(nil, powerWrapper, p.tools, real, tool, p.xfsIO, p.mount, does)
		p.ok(os.WriteFile(filepath.Join(p.tools, tool), text, 0o755))
	}
	s := serve(t, &server{env: []string{"PATH=" + p.tools + ":" + os.Getenv("PATH")}, started: func(pid int) {
		writeFile(t, p.tools+"/pid", strconv.Itoa(pid)+"\n")
		p.worker.Store(int64(pid))
	}, wrap: func(in io.Reader) io.Reader {
		if text == script {
			return in
		}
		if _, err := io.CopyN(io.Discard, in, int64(len(script))); err != nil {
			t.Error(err)
		}
		return io.MultiReader(strings.NewReader(text), in)
	}})
	s.config.Keep = p.mount + "/record"
	p.n = s.connect(t)
	return p
}

// on mounts it; the loop device is taken for that, and goes with it. By default ext4 writes the data of a file that
// is truncated, or renamed over another one, as if a sync had been asked for; and a folder that was only read has a
// new access time, for which a sync of it commits what came before. Either would hide a sync that is not asked for.
func (p *powered) on() error {
	options := map[string]string{"ext4": "loop,noatime,noauto_da_alloc", "xfs": "loop,noatime"}[p.kind]
	out, err := exec.Command("mount", "-o", options, p.image, p.mount).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mount: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// kill ends the worker with all that it started, as a power cut does.
func (p *powered) kill() {
	if pid := p.worker.Swap(0); pid != 0 {
		unix.Kill(-int(pid), unix.SIGKILL)
	}
}

// unmount waits for what was killed to be gone, and for the file system to be.
func (p *powered) unmount() error {
	var why string
	for range 5000 {
		err := unix.Unmount(p.mount, 0)
		if err != nil && err != unix.EBUSY && err != unix.EINVAL { // EINVAL: it is not mounted
			return err
		}
		why = fmt.Sprint(err)
		if err != unix.EBUSY {
			if why = p.loop(); why == "" {
				return nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New(why)
}

// loop is the loop device that has the image.
func (p *powered) loop() string {
	all, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, l := range all {
		if b, _ := os.ReadFile(l); strings.TrimSpace(string(b)) == p.image {
			return l
		}
	}
	return ""
}

// cut has the power fail while do is at work, at that call, or right after do has returned. It returns where.
func (p *powered) cut(at int, how string, do func() error) (tool string, err error) {
	p.t.Helper()
	os.Remove(p.tools + "/hit")
	writeFile(p.t, p.tools+"/count", "")
	writeFile(p.t, p.tools+"/armed", fmt.Sprintf("%d %s\n", at, how))
	err = do()
	os.Remove(p.tools + "/armed")
	b, hitErr := os.ReadFile(p.tools + "/hit")
	if hitErr != nil {
		if out, err := exec.Command(p.xfsIO, "-x", "-c", "shutdown", p.mount).CombinedOutput(); err != nil {
			p.t.Fatalf("shutdown: %v: %s", err, out)
		}
	}
	p.kill()
	if os.Mkdir(p.mount+"/alive", 0o700) == nil {
		p.t.Fatal("the power is not off")
	}
	p.ok(p.unmount())
	p.ok(p.on())
	os.Remove(p.mount + "/tick")
	if hitErr != nil || how == "dies" {
		p.n.Look(p.t.Context(), "/") // the node learns that its worker is gone
	}
	p.cuts++
	return strings.TrimSpace(string(b)), err
}

// sync makes what is there durable.
func (p *powered) sync() {
	d, err := os.Open(p.mount)
	p.ok(err)
	defer d.Close()
	p.ok(unix.Syncfs(int(d.Fd())))
}

func (p *powered) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *powered) bad(format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// powerCases are changes of every kind.
func powerCases() map[string]putCase {
	cases := map[string]putCase{}
	for _, c := range putCases() {
		cases[c.name] = c
	}
	theirs := func(i engine.Image) engine.Image {
		i.UID, i.GID = 1234, 4321
		return i
	}
	large := strings.Repeat("0123456789abcde\n", 20000)
	for _, c := range []putCase{
		{"replace large", file(large, 0o644), large, file(large, 0o644), theirs(file(large+"x", 0o600)), large + "x", ""},
		{"give away", file("old", 0o644), "old", file("old", 0o644), theirs(file("old", 0o600)), "old", ""},
		{"give away any", anyFile(0o644), "log", anyFile(0o644), theirs(anyFile(0o600)), "log", ""},
	} {
		cases[c.name] = c
	}
	return cases
}

// image is what is there, read without the node's help.
func image(path string) (i engine.Image, text string, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return absent, "", nil
	} else if err != nil {
		return i, "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	i = engine.Image{Mode: engine.Mode(st.Mode & 0o7777), UID: int(st.Uid), GID: int(st.Gid)}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		i.Kind = engine.Dir
	case syscall.S_IFREG:
		var b []byte
		b, err = os.ReadFile(path)
		i.Kind, i.Content, text = engine.File, engine.Bytes(b), string(b)
	default:
		err = fmt.Errorf("mode %o", st.Mode)
	}
	return i, text, err
}

// put cuts the power at one call of a put; false when there were not so many.
func (p *powered) put(c putCase, at int, how string) bool {
	t, w := p.t, p.held
	t.Helper()
	p.round++
	d := fmt.Sprintf("%s/%d", p.mount, p.round)
	path := d + "/f"
	p.ok(os.Mkdir(d, 0o755))
	lay(t, path, c.text, c.there)
	change := engine.Change{At: path, Before: c.before, After: c.after}
	if _, err := w.Look(t.Context(), path); err != nil { // a worker is there again
		t.Fatal(err)
	}
	p.sync()
	tool, err := p.cut(at, how, func() error { return w.Put(t.Context(), change) })
	got, text, lookErr := image(path)
	what := fmt.Sprintf("%s on %s, %s call %d, %s, put: %v, there: %s", c.name, p.kind, how, at, tool, err, got)
	was, is := c.before.Matches(got) && text == c.text, c.after.Matches(got) && text == c.want
	halfway := got.Kind == c.after.Kind && c.before.Kind == c.after.Kind && (c.after.AnyContent || c.after.Kind == engine.Dir) && text == c.text &&
		(got.Mode == c.before.Mode || got.Mode == c.after.Mode) && (owner(got) == owner(c.before) || owner(got) == owner(c.after))
	switch {
	case lookErr != nil:
		p.bad("%s: %v", what, lookErr)
	case tool == "" && err != nil:
		t.Fatalf("%s: nothing was in its way", what)
	case err == nil && !is:
		p.bad("%s: acknowledged and not there", what)
	case is:
		p.after++
	case was:
		p.before++
	case halfway: // these change in place, the owner and then the mode
		p.between++
	default:
		p.bad("%s: neither before nor after, %d bytes", what, len(text))
	}
	switch {
	case engine.CodeOf(err) == engine.Preflight && !was && how == "dies":
		p.bad("%s: said that nothing has changed", what)
	case tool != "" && err != nil && !errors.As(err, new(*engine.LostError)) && how != "dies":
		p.bad("%s: unexpected error", what)
	}
	for _, name := range strings.Fields(names(t, d)) {
		if name != "f" && name[0] != '.' {
			p.bad("%s: left %s", what, name)
		}
	}
	if (was || is) && (how == "committed" || at%4 == 0) { // the node goes on from there
		if err := w.Put(t.Context(), change); err != nil {
			p.bad("%s: again: %v", what, err)
		}
		if left := names(t, d); left != "f" && left != "" {
			p.bad("%s: again: left %s", what, left)
		}
	}
	p.ok(os.RemoveAll(d))
	return tool != ""
}

// record cuts the power at one call of what changes the node's record; false when there were not so many. Nothing
// is made durable before: what stands there was acknowledged.
func (p *powered) record(name string, at int, how string) bool {
	t := p.t
	t.Helper()
	p.round++
	keep, run, seen := p.n.config.Keep, fmt.Sprint("run-", p.round), len(p.wrong)
	switch name {
	case "first claim":
		p.ok(os.RemoveAll(keep))
		p.sync()
	case "first line":
		p.ok(os.RemoveAll(keep + "/ledger"))
		p.sync()
	}
	if p.held == nil {
		p.held = hold(t, p.n)
	}
	w, over := p.held, engine.Claim{Token: p.held.token}
	if name == "first claim" {
		over.Token = ""
	}
	was, _ := os.ReadFile(keep + "/claim")
	lines, _ := os.ReadFile(keep + "/ledger")
	tool, err := p.cut(at, how, func() error {
		switch name {
		case "first claim", "claim":
			_, err := p.n.Claim(t.Context(), engine.Claim{Run: run}, over)
			return err
		case "give up":
			return w.Release(t.Context(), nil)
		}
		return w.Release(t.Context(), &engine.Outcome{Run: run, State: engine.Landed})
	})
	is, claimErr := os.ReadFile(keep + "/claim")
	longer, ledgerErr := os.ReadFile(keep + "/ledger")
	what := fmt.Sprintf("%s on %s, %s call %d, %s, said: %v, there: %q and %d bytes after %d", name, p.kind, how, at, tool, err, is, len(longer), len(lines))
	for _, err := range []error{claimErr, ledgerErr} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.bad("%s: %v", what, err)
		}
	}
	more, prefixed := bytes.CutPrefix(longer, lines)
	now, parseErr := p.n.Ledger(t.Context())
	line := len(more) > 0 && parseErr == nil && bytes.Count(more, []byte("\n")) == 1 && more[len(more)-1] == '\n' &&
		len(now.Outcomes) > 0 && now.Outcomes[len(now.Outcomes)-1].Run == run
	same := bytes.Equal(is, was) && (claimErr == nil) == (len(was) > 0)
	done := false
	switch name {
	case "first claim", "claim":
		done = parseErr == nil && len(more) == 0 && now.Claim != nil && now.Claim.Run == run
	case "give up":
		done = claimErr != nil && len(more) == 0
	default:
		done = claimErr != nil && line
	}
	switch {
	case tool == "" && err != nil:
		t.Fatalf("%s: nothing was in its way", what)
	case !prefixed:
		p.bad("%s: lines of the ledger are lost", what)
	case parseErr != nil:
		p.bad("%s: %v", what, parseErr)
	case done:
		p.after++
	case err == nil:
		p.bad("%s: acknowledged and not there", what)
	case same && len(more) == 0:
		p.before++
	case same && line && strings.HasSuffix(name, "line"): // the line is written before the claim is given up
		p.between++
	default:
		p.bad("%s: neither before nor after", what)
	}
	if len(p.wrong) > seen { // perhaps nobody can go on from there
		p.ok(os.RemoveAll(keep))
	}
	p.held = hold(t, p.n)
	if how == "committed" || at%4 == 0 {
		if err := p.held.Put(t.Context(), engine.Change{At: p.mount + "/g", Before: absent, After: file("g", 0o600)}); err != nil {
			p.bad("%s: who holds it cannot write: %v", what, err)
		}
	}
	for _, name := range strings.Fields(names(t, keep)) {
		if name[0] == '.' {
			p.bad("%s: a later claim did not clean up %s", what, name)
		}
	}
	return tool != ""
}

// report fails for all that is wrong.
func (p *powered) report(began time.Time) {
	for i, w := range p.wrong {
		if i == 20 {
			p.t.Errorf("and %d more", len(p.wrong)-i)
			break
		}
		p.t.Error(w)
	}
	p.count(began)
}

func (p *powered) count(began time.Time) {
	p.t.Logf("%s: %d cuts in %s: before %d, after %d, in between %d, wrong %d", p.t.Name(), p.cuts, time.Since(began).Round(time.Second/10),
		p.before, p.after, p.between, len(p.wrong))
}

// all cuts the power at every call there is.
func (p *powered) all(name, how string, cut func(at int) bool) {
	p.t.Helper()
	at := 1
	for cut(at) {
		at++
	}
	if at < 6 && how == "before" || at < 3 {
		p.t.Errorf("%s, %s: only %d calls of tools were seen", name, how, at-1)
	}
}

// TestPowerCut cuts the power before and after every call of every tool: there is exactly what was before or what
// is after, and what was acknowledged stays.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a thousand power cuts")
	}
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			if !apart(t) {
				return
			}
			t.Run("put", func(t *testing.T) {
				t.Parallel()
				began, p, cases := time.Now(), newPowered(t, kind, script), powerCases()
				p.held = hold(t, p.n)
				for name, hows := range map[string]string{"create": "before after committed dies", "replace": "before after committed dies",
					"replace large": "committed", "give away": "before after committed", "give away any": "before after committed dies",
					"remove": "before after committed dies", "remove any": "committed", "make directory": "before after committed dies",
					"adjust directory": "before after committed", "remove directory": "before after committed"} {
					for how := range strings.FieldsSeq(hows) {
						p.all(name, how, func(at int) bool { return p.put(cases[name], at, how) })
					}
				}
				p.report(began)
			})
			t.Run("record", func(t *testing.T) {
				t.Parallel()
				began, p := time.Now(), newPowered(t, kind, script)
				for _, name := range []string{"first claim", "claim", "first line", "line", "give up"} {
					for _, how := range []string{"before", "after", "committed"} {
						p.all(name, how, func(at int) bool { return p.record(name, at, how) })
					}
				}
				p.report(began)
			})
		})
	}
}

// TestPowerCutFinds: a script that leaves out a sync is found out, on each file system and by every change that
// needs that sync.
func TestPowerCutFinds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a hundred power cuts")
	}
	for _, kind := range []string{"ext4", "xfs"} {
		for _, less := range []struct {
			what, sync string
			found      []string
		}{
			{"new file", `try sync "$t"`, []string{"create", "replace", "claim", "line"}},
			{"folder", "try sync .", []string{"create", "replace", "remove", "claim", "line"}},
			{"old file", `try sync "$f"`, []string{"adjust any", "adjust directory"}},
		} {
			if kind == "ext4" && less.what == "old file" {
				continue // there a sync of its folder commits the change with everybody else's
			}
			t.Run(kind+" without sync of the "+less.what, func(t *testing.T) {
				t.Parallel()
				if !apart(t) {
					return
				}
				if !strings.Contains(script, less.sync) {
					t.Fatalf("the script has no %s to leave out", less.sync)
				}
				began, cases := time.Now(), powerCases()
				p := newPowered(t, kind, strings.ReplaceAll(script, less.sync, strings.Replace(less.sync, "sync", "true", 1)))
				p.held = hold(t, p.n)
				for _, name := range less.found {
					seen := len(p.wrong)
					p.all(name, "committed", func(at int) bool {
						if c, ok := cases[name]; ok {
							return p.put(c, at, "committed")
						}
						return p.record(name, at, "committed")
					})
					if len(p.wrong) == seen {
						t.Errorf("%s: nothing was found wrong", name)
					}
				}
				p.count(began)
				t.Logf("the first: %s", clip(append(p.wrong, "")[0]))
			})
		}
	}
}
