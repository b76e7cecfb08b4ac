package sshnode

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// racer wraps a tool: its first call in a put, or the one whose arguments match, is preceded by what
// somebody else does at that very moment. Every call is logged.
func racer(t *testing.T) (env []string, arm func(tool, pattern, action string), calls func() string) {
	d := t.TempDir()
	for _, tool := range strings.Fields("cat chmod chown ln mkdir mv rm rmdir sync") {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("#!/bin/sh\necho \"%[3]s $*\" >>%[1]s/log\nif [ -e %[1]s/%[3]s.do ]; then read -r p <%[1]s/%[3]s.on; case \"$*\" in $p) . %[1]s/%[3]s.do; %[4]s %[1]s/%[3]s.do;; esac; fi\nexec %[2]s \"$@\"\n",
			d, real, tool, mustFind(t, "rm"))
		if err := os.WriteFile(filepath.Join(d, tool), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	arm = func(tool, pattern, action string) {
		writeFile(t, filepath.Join(d, tool+".on"), pattern+"\n")
		writeFile(t, filepath.Join(d, tool+".do"), action+"\n")
		os.Remove(filepath.Join(d, "log"))
	}
	calls = func() string {
		b, _ := os.ReadFile(filepath.Join(d, "log"))
		return string(b)
	}
	return []string{"PATH=" + d + ":" + os.Getenv("PATH")}, arm, calls
}

func mustFind(t *testing.T, tool string) string {
	t.Helper()
	p, err := exec.LookPath(tool)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSomebodyElse has somebody else change the path in the last moment, at every step: what he wrote
// is never lost.
func TestSomebodyElse(t *testing.T) {
	env, arm, _ := racer(t)
	n := serve(t, &server{env: env}).dial(t)
	for _, c := range []struct {
		name                  string
		tool, pattern, action string
		there                 engine.Image
		text                  string
		before, after         engine.Image
		kept                  string // what must stand there
	}{
		{"edited before the check", "sync", "*hcrun*", "echo theirs >f", file("old", 0o644), "old", file("old", 0o644), file("new", 0o644), "theirs\n"},
		{"mode changed before the check", "sync", "*hcrun*", "/bin/chmod 640 f", file("old", 0o644), "old", file("old", 0o644), file("new", 0o644), "old"},
		{"replaced before the check", "sync", "*hcrun*", "echo theirs >.theirs; /bin/mv .theirs f", file("old", 0o644), "old", file("old", 0o644), file("new", 0o644), "theirs\n"},
		{"moved away before the check", "sync", "*hcrun*", "/bin/mv f g; /bin/rm g", file("old", 0o644), "old", file("old", 0o644), file("new", 0o644), ""},
		{"deleted before the check", "sync", "*hcrun*", "/bin/rm f", file("old", 0o644), "old", file("old", 0o644), file("new", 0o644), ""},
		{"appeared before the check", "sync", "*hcrun*", "echo theirs >f", absent, "", absent, file("new", 0o644), "theirs\n"},
		{"appeared in the last moment", "ln", "*hcrun*", "echo theirs >f", absent, "", absent, file("new", 0o644), "theirs\n"},
		{"a link appeared", "ln", "*hcrun*", "/bin/ln -s /etc/passwd f", absent, "", absent, file("new", 0o644), "link"},
		{"a folder appeared for a file", "ln", "*hcrun*", "/bin/mkdir f", absent, "", absent, file("new", 0o644), "dir"},
		{"a folder appeared", "mv", "*", "/bin/mkdir -m 700 f; echo theirs >f/x", absent, "", absent, dir(0o755), "dir"},
		{"edited while it was removed", "mv", "*", "echo theirs >f", file("old", 0o644), "old", file("old", 0o644), absent, "theirs\n"},
		{"filled while it was removed", "mv", "*", "echo theirs >f", anyFile(0o644), "", anyFile(0o644), absent, "theirs\n"},
		{"edited right after", "sync", ".", "echo theirs >f", file("old", 0o644), "old", file("old", 0o644), file("new", 0o644), "theirs\n"},
		{"a folder was filled", "rmdir", "*", "echo theirs >f/x", dir(0o755), "", dir(0o755), absent, "dir"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := folder(t)
			at := d + "/f"
			lay(t, at, c.text, c.there)
			arm(c.tool, c.pattern, c.action)
			err := n.Put(t.Context(), engine.Change{At: at, Before: c.before, After: c.after})
			if !errors.As(err, new(*engine.ConflictError)) && !errors.Is(err, engine.ErrNotEmpty) {
				t.Errorf("error %v, want a conflict", err)
			}
			if got := thing(at); got != c.kept {
				t.Errorf("there is %q, want %q", got, c.kept)
			}
			if got := names(t, d); got != "f" && c.kept != "" || strings.Contains(got, ".") {
				t.Errorf("in the folder: %q", got)
			}
		})
	}
}

// thing is a file's text, or what else is there.
func thing(path string) string {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return ""
	case info.IsDir():
		return "dir"
	case info.Mode()&os.ModeSymlink != 0:
		return "link"
	}
	b, _ := os.ReadFile(path)
	return string(b)
}

// TestLinkInPlaceOfTheTemp: where somebody lays a link to another file in the place of the unfinished one, that
// file stays as it is.
func TestLinkInPlaceOfTheTemp(t *testing.T) {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		missing(t, "a /proc that shows the worker")
	}
	d, dir := folder(t), t.TempDir()
	victim := dir + "/victim"
	writeFile(t, victim, "theirs")
	// The shell that runs the script is the parent; its last argument is the nonce.
	lay := fmt.Sprintf("[ ! -e %[1]s/armed ] || case $* in *./f) n=$(tr '\\000' '\\n' </proc/$PPID/cmdline | tail -n 1); ln -s %[2]s .hcrun-$n-$PPID && rm %[1]s/armed;; esac\nexec %[3]s \"$@\"\n", dir, victim, mustFind(t, "stat"))
	n := serve(t, &server{env: tools(t, map[string]string{"stat": lay})}).dial(t)
	writeFile(t, dir+"/armed", "")
	err := n.Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: file("new", 0o600)})
	if _, e := os.Stat(dir + "/armed"); e == nil {
		t.Fatal("no link was laid")
	}
	if got := thing(victim); err == nil || got != "theirs" {
		t.Errorf("%v, and behind the link there is %q", err, got)
	}
}

// TestOrder: the file is durable before it gets its name, and the name before it is acknowledged.
func TestOrder(t *testing.T) {
	env, arm, calls := racer(t)
	n := serve(t, &server{env: env}).dial(t)
	for _, c := range []struct {
		name          string
		there         engine.Image
		before, after engine.Image
		want          []string
	}{
		{"create", absent, absent, file("new", 0o600), []string{"cat ", "chown ", "chmod 00600 ./.hcrun", "sync ./.hcrun", "ln -T ./.hcrun", "sync .\n"}},
		{"replace", file("old", 0o644), file("old", 0o644), file("new", 0o600), []string{"chmod 600 ", "cat ", "chown ", "chmod 00600 ./.hcrun", "sync ./.hcrun", "mv -fT ./.hcrun", "sync .\n"}},
		{"remove", file("old", 0o644), file("old", 0o644), absent, []string{"mv -nT ./f", "rm -f ./.hcrun", "sync .\n"}},
		{"directory", absent, absent, dir(0o755), []string{"mkdir ./.hcrun", "chown ", "chmod 00755", "sync ./.hcrun", "mv -nT ./.hcrun", "sync ./f", "sync .\n"}},
		{"adjust directory", dir(0o700), dir(0o700), dir(0o755), []string{"chmod 00755 ./f", "sync ./f", "sync .\n"}},
		{"rmdir", dir(0o700), dir(0o700), absent, []string{"rmdir ./f", "sync .\n"}},
		{"already", file("new", 0o600), file("old", 0o600), file("new", 0o600), []string{"sync ./f", "sync .\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := folder(t) + "/f"
			text := "old"
			if c.there.Matches(c.after) {
				text = "new"
			}
			lay(t, at, text, c.there)
			arm("none", "", "")
			if err := n.Put(t.Context(), engine.Change{At: at, Before: c.before, After: c.after}); err != nil {
				t.Fatal(err)
			}
			rest := calls()
			for _, w := range c.want {
				i := strings.Index(rest, w)
				if i < 0 {
					t.Fatalf("no %q in the rest of\n%s", w, calls())
				}
				rest = rest[i+len(w):]
			}
		})
	}
}

// TestFilledStays: a log that has been filled is not even moved.
func TestFilledStays(t *testing.T) {
	env, arm, calls := racer(t)
	n := serve(t, &server{env: env}).dial(t)
	at := folder(t) + "/log"
	lay(t, at, "line", anyFile(0o600))
	arm("none", "", "")
	if err := n.Put(t.Context(), engine.Change{At: at, Before: anyFile(0o600), After: absent}); !errors.Is(err, engine.ErrNotEmpty) {
		t.Errorf("error %v", err)
	}
	if strings.Contains(calls(), "mv ") {
		t.Errorf("it was moved:\n%s", calls())
	}
}

// TestSweep: temps of dead workers go, those of living ones and what only looks like one stay.
func TestSweep(t *testing.T) {
	s := serve(t, &server{})
	n, other := s.dial(t), s.connect(t)
	d := folder(t)
	dead := "aaaaaaaaaaaaaaaaaaaaaaaa"
	sum := engine.Bytes([]byte("x")).Hash()
	alive := fmt.Sprintf(".hcrun-%s-%d", other.worker.nonce, workerPID(t, other.worker.nonce))
	kept := []string{alive, ".hcrun-" + dead, ".hcrun-" + dead + "-x", ".hcrun-short-1", ".hcrun-" + dead + "-2-" + strings.Repeat("0", 64), ".hcrun-" + dead + "-1 2"}
	for _, name := range append(kept, ".hcrun-"+dead+"-4194305", ".hcrun-"+dead+"-4194305-"+sum) {
		writeFile(t, d+"/"+name, "x")
	}
	if err := errors.Join(os.Mkdir(d+"/.hcrun-"+dead+"-4194306", 0o700), os.Symlink("f", d+"/.hcrun-"+dead+"-4194307")); err != nil {
		t.Fatal(err)
	}
	kept = append(kept, ".hcrun-"+dead+"-4194307")
	if err := n.Put(t.Context(), engine.Change{At: d + "/f", Before: absent, After: file("new", 0o600)}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(d)
	if err != nil || len(entries) != len(kept)+1 {
		t.Errorf("%d entries, want %d: %v", len(entries), len(kept)+1, entries)
	}
	for _, name := range kept {
		if _, err := os.Lstat(d + "/" + name); err != nil {
			t.Error(err)
		}
	}
}

// workerPID finds the shell that has the nonce in its arguments.
func workerPID(t *testing.T, nonce string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if b, _ := os.ReadFile(f); strings.Contains(string(b), nonce) {
			pid := 0
			fmt.Sscanf(f, "/proc/%d/", &pid)
			return pid
		}
	}
	missing(t, "a /proc that shows the worker")
	return 0
}

// TestAttributes: what else there is about a file stays when its content is replaced.
func TestAttributes(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	at := folder(t) + "/f"
	lay(t, at, "old", file("", 0o644))
	if err := unix.Setxattr(at, "user.kept", []byte("yes"), 0); err != nil {
		missing(t, "a file system with attributes: "+err.Error())
	}
	if err := n.Put(t.Context(), engine.Change{At: at, Before: file("old", 0o644), After: file("new", 0o600)}); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 16)
	if n, err := unix.Getxattr(at, "user.kept", value); err != nil || string(value[:n]) != "yes" {
		t.Errorf("the attribute is %q: %v", value[:max(n, 0)], err)
	}
}

// TestCapabilities: a file that carries capabilities would lose them, so it is not replaced.
func TestCapabilities(t *testing.T) {
	if _, err := exec.LookPath("getfattr"); err != nil {
		missing(t, "getfattr")
	}
	n := serve(t, &server{}).dial(t)
	at := folder(t) + "/f"
	lay(t, at, "old", file("", 0o755))
	// cap_net_raw=ep, as the kernel stores it: version 2, effective; one bit of the permitted set.
	if err := unix.Setxattr(at, "security.capability", []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0); err != nil {
		missing(t, "the right to give a file capabilities: "+err.Error())
	}
	err := n.Put(t.Context(), engine.Change{At: at, Before: file("old", 0o755), After: file("new", 0o755)})
	if engine.CodeOf(err) != engine.Preflight {
		t.Errorf("replaced: %v", err)
	}
	if b, err := os.ReadFile(at); err != nil || string(b) != "old" {
		t.Errorf("it holds %q: %v", b, err)
	}
}
