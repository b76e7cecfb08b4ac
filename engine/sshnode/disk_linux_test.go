package sshnode

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// mounted puts a file system in memory over a folder.
func mounted(t *testing.T, dir, options string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		missing(t, "the right to mount: "+err.Error())
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// refusedAt holds that a change is refused before it does anything, in words, and that all is as it was after it.
func refusedAt(t *testing.T, n *held, change engine.Change, words string) {
	t.Helper()
	at := strings.TrimSuffix(change.At, "/f")
	before, entries := must(n.Look(t.Context(), change.At))[0], names(t, at)
	err := n.Put(t.Context(), change)
	if engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v; want %q", change.Action(), err, words)
	}
	left := names(t, at)
	if strings.HasPrefix(left, ".hcrun-") && strings.Contains(words, "immutable") { // what may be added may not be taken away again
		_, left, _ = strings.Cut(left, " ")
	}
	if after := must(n.Look(t.Context(), change.At))[0]; !before.Matches(after) || left != entries {
		t.Errorf("%s: there was %s, and is %s; left: %s", change.Action(), before, after, names(t, at))
	}
}

// ways are the changes of a file that is there.
func ways(d string) []engine.Change {
	old := file("old", 0o644)
	return []engine.Change{
		{At: d + "/f", Before: old, After: file("new", 0o644)},
		{At: d + "/f", Before: old, After: file("old", 0o600)},
		{At: d + "/f", Before: old, After: absent},
	}
}

// TestNoInodes: a file system without an inode for the unfinished file.
func TestNoInodes(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d := folder(t)
	mounted(t, d, "nr_inodes=2,mode=0755") // its root and one file
	lay(t, d+"/f", "old", file("", 0o644))
	refusedAt(t, n, ways(d)[0], "no inodes left")
	if err := n.Put(t.Context(), engine.Change{At: d + "/g", Before: absent, After: dir(0o700)}); engine.CodeOf(err) != engine.Preflight || names(t, d) != "f" {
		t.Errorf("a folder: %v, and there is left: %s", err, names(t, d))
	}
}

// TestImmutable: what the file system lets nobody change, root neither.
func TestImmutable(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	for name, c := range map[string]struct{ flag, of string }{
		"immutable file":     {"+i", "/f"},
		"append-only file":   {"+a", "/f"},
		"immutable folder":   {"+i", ""},
		"append-only folder": {"+a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := folder(t)
			lay(t, d+"/f", "old", file("", 0o644))
			if out, err := exec.Command("chattr", c.flag, d+c.of).CombinedOutput(); err != nil {
				missing(t, "file system with such flags: "+string(out))
			}
			t.Cleanup(func() { exec.Command("chattr", "-ia", d+c.of).Run() })
			refusedAt(t, n, ways(d)[0], "an immutable file or directory")
		})
	}
}

// TestArmImmutable: what nobody can change is found before anything is written, on every shell; nothing is armed then.
func TestArmImmutable(t *testing.T) {
	old := file("old", 0o644)
	for name, c := range map[string]struct {
		flag, of string
		change   func(d string) engine.Change
		says     string // behind the path, "" when it is armed
	}{
		"no flag":                   {"-i", "/f", func(d string) engine.Change { return ways(d)[0] }, ""},
		"another flag":              {"+d", "/f", func(d string) engine.Change { return ways(d)[0] }, ""},
		"immutable file":            {"+i", "/f", func(d string) engine.Change { return ways(d)[0] }, "/f is immutable (attribute i"},
		"immutable file, its mode":  {"+i", "/f", func(d string) engine.Change { return ways(d)[1] }, "/f is immutable (attribute i"},
		"append-only file, removed": {"+a", "/f", func(d string) engine.Change { return ways(d)[2] }, "/f is append-only (attribute a"},
		"append-only log, its mode": {"+a", "/f", func(d string) engine.Change {
			return engine.Change{At: d + "/f", Before: anyFile(0o644), After: anyFile(0o600)}
		}, "/f is append-only (attribute a"},
		"immutable folder": {"+i", "/sub", func(d string) engine.Change { return engine.Change{At: d + "/sub/new", Before: absent, After: old} }, "/sub is immutable (attribute i"},
		"append-only folder": {"+a", "/sub", func(d string) engine.Change {
			return engine.Change{At: d + "/sub/new", Before: absent, After: dir(0o700)}
		}, "/sub is append-only (attribute a"},
		"folder that is immutable, its mode": {"+i", "/sub", func(d string) engine.Change {
			return engine.Change{At: d + "/sub", Before: dir(0o755), After: dir(0o700)}
		}, "/sub is immutable (attribute i"},
		"folder of an append-only one, meta": {"+a", "", func(d string) engine.Change {
			return engine.Change{At: d + "/sub", Before: dir(0o755), After: dir(0o700)}
		}, ""},
		"log in an append-only folder, meta": {"+a", "", func(d string) engine.Change {
			return engine.Change{At: d + "/f", Before: anyFile(0o644), After: anyFile(0o600)}
		}, ""},
		"folder that is made in an immutable": {"+i", "/sub", func(d string) engine.Change { return engine.Change{At: d + "/sub/a/b", Before: absent, After: old} }, ""}, // no such folder: the write says it
	} {
		t.Run(name, func(t *testing.T) {
			for shell, argv := range shells(t) {
				t.Run(shell, func(t *testing.T) {
					n, d := serve(t, &server{shell: argv}).dial(t), folder(t)
					lay(t, d+"/f", "old", old)
					lay(t, d+"/sub", "", dir(0o755))
					if _, err := exec.LookPath("lsattr"); err != nil {
						missing(t, "lsattr")
					}
					if out, err := exec.Command("chattr", c.flag, d+c.of).CombinedOutput(); err != nil {
						missing(t, "file system with such flags: "+string(out))
					}
					t.Cleanup(func() { exec.Command("chattr", "-ia", d+c.of).Run() })
					_, err := n.Arm(t.Context(), time.Hour, restores([]engine.Change{c.change(d)}))
					state, want := must(n.Switch(t.Context(), n.run)).State, engine.Armed
					if c.says != "" {
						want = engine.NoSwitch
					}
					if state != want || (err == nil) != (c.says == "") || err != nil && (engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), d+c.says)) {
						t.Errorf("%q: %v; want %q", state, err, c.says)
					}
					if c.says != "" && names(t, n.config.keep()+"/undo") != "" {
						t.Errorf("left: %s", names(t, n.config.keep()+"/undo"))
					}
				})
			}
		})
	}
}

// TestArmWithoutAttributes: where there is no lsattr, or it says nothing that can be understood, a switch is armed.
func TestArmWithoutAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		lsattr string
		says   string
	}{
		"is not there":             {"exit 127", ""},
		"no such thing here":       {"echo 'lsattr: Operation not supported While reading flags on '\"$2\" >&2; exit 1", ""},
		"says an error and says 0": {"echo 'lsattr: Inappropriate ioctl for device'", ""},
		"says nothing":             {"", ""},
		"busybox":                  {"echo '------------------- '\"$2\"", ""},
		"other letters":            {"echo '--S-----A--I--e----- '\"$2\"", ""},
		"immutable":                {"echo '----i--------------- '\"$2\"", "is immutable"},
		"both":                     {"echo '----ia-------------- '\"$2\"", "is immutable"},
		"append-only":              {"echo '-----a--------------- '\"$2\"", "is append-only"},
	} {
		t.Run(name, func(t *testing.T) {
			n, d := serve(t, &server{env: tools(t, map[string]string{"lsattr": c.lsattr + "\n"})}).dial(t), folder(t)
			lay(t, d+"/f", "old", file("", 0o644))
			_, err := n.Arm(t.Context(), time.Hour, restores(ways(d)[:1]))
			if (err == nil) != (c.says == "") || err != nil && (engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), d+"/f "+c.says)) {
				t.Errorf("%v; want %q", err, c.says)
			}
		})
	}
}

// TestMountPoint: a file that is a mount point of its own can be neither replaced nor removed.
func TestMountPoint(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d := folder(t)
	for _, name := range []string{"/f", "/other"} {
		lay(t, d+name, "old", file("", 0o644))
	}
	if err := unix.Mount(d+"/other", d+"/f", "", unix.MS_BIND, ""); err != nil {
		missing(t, "the right to mount: "+err.Error())
	}
	t.Cleanup(func() { unix.Unmount(d+"/f", unix.MNT_DETACH) })
	for _, c := range ways(d) {
		refusedAt(t, n, c, "it is a mount point")
	}
}

// TestFullRecord: the file system of the node's own record is full. Nobody is said to hold the node, no switch is
// armed, and no target is touched.
func TestFullRecord(t *testing.T) {
	s := serve(t, &server{})
	d := folder(t)
	lay(t, d+"/f", strings.Repeat("old", 100_000), file("", 0o644))
	if err := os.Mkdir(s.config.Keep, 0o700); err != nil {
		t.Fatal(err)
	}
	mounted(t, s.config.Keep, "size=64k,mode=0700")
	n := s.dial(t)
	restores := engine.Restores([]engine.PlannedStep{{Changes: []engine.Change{{At: d + "/f", Before: file(strings.Repeat("old", 100_000), 0o644), After: file("new", 0o644)}}}})
	if _, err := n.Arm(t.Context(), time.Minute, restores); engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("no room for the copies: %v", err)
	}
	if s, err := n.Switch(t.Context(), "run-1"); err != nil || s.State != engine.NoSwitch {
		t.Errorf("%+v, %v", s, err)
	}
	must(0, n.Release(t.Context(), nil))
	fill := must(os.Create(s.config.Keep + "/fill"))
	for b := make([]byte, 4096); ; {
		if _, err := fill.Write(b); err != nil {
			break
		}
	}
	fill.Close()
	if _, err := n.Claim(t.Context(), engine.Claim{Run: "run-2"}, engine.Claim{}); engine.CodeOf(err) != engine.Preflight {
		t.Errorf("no room for a claim: %v", err)
	}
	if l, err := n.Ledger(t.Context()); err != nil || l.Claim != nil {
		t.Errorf("it is held by %+v: %v", l.Claim, err)
	}
	if left := names(t, s.config.Keep); left != "fill lock undo" && left != "fill lock" {
		t.Errorf("left: %s", left)
	}
	must(0, os.Remove(s.config.Keep+"/fill"))
	if _, err := n.Claim(t.Context(), engine.Claim{Run: "run-2"}, engine.Claim{}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestRecordOfSomebodyElse: a record that another user could write says nothing.
func TestRecordOfSomebodyElse(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d, keep := folder(t), n.config.Keep
	if err := os.Chown(keep, 12345, -1); err != nil {
		missing(t, "the right to give a folder away")
	}
	if _, err := n.Claim(t.Context(), engine.Claim{Run: "run-2"}, *must(n.Ledger(t.Context())).Claim); engine.CodeOf(err) != engine.Security || !strings.Contains(err.Error(), keep) {
		t.Errorf("a claim: %v", err)
	}
	if got := names(t, d); got != "" {
		t.Errorf("left: %s", got)
	}
}

// errnoOf are the calls of each tool that change something; each of them fails with each of these.
var errnoOf = map[string]string{
	"sync": "fsync,fdatasync,syncfs", "mv": "rename,renameat,renameat2", "ln": "link,linkat",
	"chmod": "chmod,fchmodat,fchmod", "chown": "fchownat,chown,lchown,fchown", "cat": "write", "rm": "unlinkat,unlink",
}

// TestErrnos has the system calls of the node's tools fail with what disks and kernels say: nothing is acknowledged
// that is not there, and what is there is the old file or the new one.
func TestErrnos(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		missing(t, "strace")
	}
	if testing.Short() {
		t.Skip("some dozen puts")
	}
	dir := t.TempDir()
	wrapped := map[string]string{}
	for tool := range errnoOf {
		real := mustFind(t, tool)
		wrapped[tool] = "[ -e " + dir + "/" + tool + " ] || exec " + real + ` "$@"
IFS= read -r fault <` + dir + "/" + tool + `
exec strace -qq -o /dev/null -e "$fault" ` + real + ` "$@"`
	}
	n := serve(t, &server{env: tools(t, wrapped)}).dial(t)
	for tool, calls := range errnoOf {
		for _, errno := range []string{"ENOSPC", "EIO", "EROFS", "EDQUOT", "EPERM", "EACCES"} {
			d := folder(t)
			old, after := file("old", 0o644), file("new", 0o600)
			for _, c := range []engine.Change{{At: d + "/f", Before: old, After: after}, {At: d + "/g", Before: absent, After: after}} {
				lay(t, c.At, "old", c.Before)
				writeFile(t, dir+"/"+tool, "inject="+calls+":error="+errno+"\n")
				err := n.Put(t.Context(), c)
				must(0, os.Remove(dir+"/"+tool))
				got := must(n.Look(t.Context(), c.At))[0]
				_, lost := errors.AsType[*engine.LostError](err)
				switch code := engine.CodeOf(err); {
				case err == nil && !c.After.Matches(got):
					t.Errorf("%s with %s, %s: acknowledged, and there is %s", tool, errno, c.Action(), got)
				case code == engine.Preflight && !c.Before.Matches(got):
					t.Errorf("%s with %s, %s: said that nothing has changed, and there is %s", tool, errno, c.Action(), got)
				case err != nil && code != engine.Preflight && !lost:
					t.Errorf("%s with %s, %s: %v", tool, errno, c.Action(), err)
				case !c.Before.Matches(got) && !c.After.Matches(got):
					t.Errorf("%s with %s, %s: there is %s", tool, errno, c.Action(), got)
				case err == nil && tool == "sync":
					t.Errorf("%s with %s, %s: acknowledged", tool, errno, c.Action())
				}
				for _, name := range strings.Fields(names(t, d)) {
					if name != "f" && name != "g" && (name[0] != '.' || tool != "rm") {
						t.Errorf("%s with %s, %s: left %s", tool, errno, c.Action(), name)
					}
				}
			}
		}
	}
}
