package sshnode

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// command is a change by argv that nothing tells of.
func command(argv ...string) engine.Change {
	return engine.CommandChange(nil, engine.Image{}, "", engine.Command{Run: argv})
}

// sh is a change by a line of shell in a folder.
func sh(dir, line string) engine.Change {
	return command("sh", "-c", "cd "+dir+" && "+line)
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// TestExec: a command runs with exactly the words that it has, for whoever holds the node, and no longer than it may.
func TestExec(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := serve(t, &server{shell: shell}).dial(t)
			d := folder(t)
			words := []string{"a b", "it's", `$HOME "x" \`, "new\nline", "*", "", "@timeout@"}
			put := func(c engine.Change) error { return n.Put(t.Context(), c) }
			if err := put(command(append([]string{"sh", "-c", `printf '%s/' "$@" >` + d + `/words; echo said; echo "@0@ not me" >&2`, "sh"}, words...)...)); err != nil {
				t.Fatal(err)
			}
			if got, want := contents(t, d+"/words"), strings.Join(words, "/")+"/"; got != want {
				t.Errorf("it was given %q, want %q", got, want)
			}
			// However much it prints, the node keeps little of it.
			if err := put(sh(d, "head -c 30000000 /dev/zero; stat -c %s "+n.config.keep()+"/saw >kept")); err != nil {
				t.Fatal(err)
			}
			if kept, err := strconv.Atoi(strings.TrimSpace(contents(t, d+"/kept"))); err != nil || kept > 4096 {
				t.Errorf("the node kept %d bytes, %v", kept, err)
			}
			must(0, os.Remove(d+"/kept"))
			for line, want := range map[string]engine.ExitError{
				"echo much; echo no such unit >&2; exit 3": {Code: 3, Stderr: "much no such unit"},
				"seq 100000; echo the end; exit 1":         {Code: 1, Stderr: "the end"},
				"printf '0 fine\\n@0@'; exit 5":            {Code: 5, Stderr: "0 fine @0@"},
				"kill -9 $$":                               {Code: 255},
			} {
				got, ok := errors.AsType[*engine.ExitError](put(sh(d, line)))
				if !ok || got.Code != want.Code || !strings.HasSuffix(got.Stderr, want.Stderr) {
					t.Errorf("%s: %+v", line, got)
				}
			}
			if got, ok := errors.AsType[*engine.ExitError](put(command("no-such-command"))); !ok || got.Code != 127 {
				t.Errorf("%+v", got)
			}
			if err := put(command("true", "\x00")); engine.CodeOf(err) != engine.Preflight {
				t.Errorf("%v", err)
			}
			slow := sh(d, "echo begun >slow; sleep 100; echo ended >slow")
			slow.Cmd.Limit = engine.Second
			begin := time.Now()
			if got, ok := errors.AsType[*engine.ExitError](put(slow)); !ok || got.Code != 255 || !strings.Contains(got.Stderr, "did not end within 1 s and was killed") || time.Since(begin) > 30*time.Second || contents(t, d+"/slow") != "begun\n" {
				t.Errorf("%+v after %s", got, time.Since(begin))
			}
			// What it leaves behind does not hold the node, also when that goes on writing where the command did.
			begin = time.Now()
			if err := put(sh(d, "setsid sh -c 'sleep 30; echo much' & exit 0")); err != nil || time.Since(begin) > 20*time.Second {
				t.Errorf("%v after %s", err, time.Since(begin))
			}
			if err := put(sh(d, "umask >umask; pwd >/dev/null")); err != nil || contents(t, d+"/umask") != "0022\n" && contents(t, d+"/umask") != "022\n" {
				t.Errorf("%v, and it ran with umask %q", err, contents(t, d+"/umask"))
			}
			if err := put(sh(d, "setsid sleep 30 >/dev/null 2>&1 &")); err != nil {
				t.Errorf("%v", err)
			}
			if err := exec.Command("flock", "-w", "5", n.config.keep()+"/lock", "true").Run(); err != nil {
				t.Errorf("the lock is held: %v", err)
			}
			// Whoever does not hold the node runs nothing.
			another := hold(t, n.Node)
			if err := put(sh(d, "echo x >forbidden")); !isClaimed(err) {
				t.Errorf("%v", err)
			}
			if err := another.Put(t.Context(), sh(d, "echo x >allowed")); err != nil {
				t.Errorf("%v", err)
			}
			if got := names(t, d); got != "allowed slow umask words" {
				t.Errorf("in the folder is %q", got)
			}
		})
	}
}

func isClaimed(err error) bool { _, ok := errors.AsType[*engine.ClaimedError](err); return ok }

// TestExecWaits: while another process writes on the node no command runs.
func TestExecWaits(t *testing.T) {
	n := serve(t, &server{env: tools(t, map[string]string{"sleep": "exec " + mustFind(t, "sleep") + " 0.05"})}).dial(t)
	d := folder(t)
	lock := must(os.OpenFile(n.config.Keep+"/lock", os.O_RDWR, 0))
	defer lock.Close()
	must(0, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	if err := n.Put(t.Context(), sh(d, "echo x >f")); engine.CodeOf(err) != engine.Busy || names(t, d) != "" {
		t.Errorf("%v, and there is %q", err, names(t, d))
	}
}

// TestExecLost: a command that has begun goes on to its end when nobody listens any more, and whoever comes next waits
// for it.
func TestExecLost(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, &server{shell: shell})
			n := s.dial(t)
			d := folder(t)
			ended := make(chan error, 1)
			go func() {
				ended <- n.Put(t.Context(), sh(d, "echo begun >f; sleep 3; echo ended >f"))
			}()
			for end := time.Now().Add(20 * time.Second); contents(t, d+"/f") == ""; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it does not begin")
				}
			}
			n.Close()
			if _, ok := errors.AsType[*engine.LostError](<-ended); !ok {
				t.Error("a lost connection is no lost answer")
			}
			another := s.dial(t)
			if err := another.Put(t.Context(), sh(d, "cat f >seen")); err != nil {
				t.Fatal(err)
			}
			if got := contents(t, d+"/seen"); got != "ended\n" {
				t.Errorf("the next one saw %q", got)
			}
		})
	}
}

// TestRevertCommandsAtBoot: what a probe says then does not keep a node from undoing a command, since what is to be
// started may only be waiting for its turn.
func TestRevertCommandsAtBoot(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := serve(t, &server{shell: shell}).dial(t)
			d := folder(t)
			writeFile(t, filepath.Join(d, "state"), "inactive\n")
			c := engine.CommandChange([]string{"head", "-n", "1", d + "/state"}, engine.Says("inactive"), "active",
				engine.Command{Run: []string{"true"}, Undo: []string{"sh", "-c", "echo x >" + d + "/undone"}})
			if _, err := n.Arm(t.Context(), time.Hour, restores([]engine.Change{c})); err != nil {
				t.Fatal(err)
			}
			script := filepath.Join(n.config.keep(), "undo", n.run, "revert.sh")
			writeFile(t, filepath.Join(filepath.Dir(script), "boot"), "another\n")
			if out, err := exec.Command(shell[0], append(append([]string{}, shell[1:]...), script, "boot", "0123456789abcdef01234567")...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got := names(t, d); got != "state undone" {
				t.Errorf("in the folder is %q", got)
			}
		})
	}
}

// TestEndRunsNothing: a run that ends clears up, and runs nothing that undoes it.
func TestEndRunsNothing(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := serve(t, &server{shell: shell}).dial(t)
			for _, state := range []engine.State{engine.Landed, engine.RolledBk, engine.Abandoned} {
				d := folder(t)
				c := engine.CommandChange(nil, engine.Image{}, "", engine.Command{Run: []string{"true"}, Undo: []string{"sh", "-c", "echo x >" + d + "/f"}})
				if _, err := n.Arm(t.Context(), time.Hour, restores([]engine.Change{c})); err != nil {
					t.Fatal(err)
				}
				must(0, n.Release(t.Context(), &engine.Outcome{Run: n.run, State: state}))
				if got := names(t, d); got != "" {
					t.Errorf("%s: in the folder is %q", state, got)
				}
				n = hold(t, n.Node)
			}
		})
	}
}

// TestRevertCommands: a node that undoes a run by itself runs what undoes its commands, newest first, and not what the
// probe says is undone already; what does not end well is told.
func TestRevertCommands(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := serve(t, &server{shell: shell}).dial(t)
			d := folder(t)
			undo := func(line string) engine.Command {
				return engine.Command{Undo: []string{"sh", "-c", "cd " + d + " && " + line, "it's $0"}, Run: []string{"true"}}
			}
			tells := func(file string) []string { return []string{"head", "-n", "1", d + "/" + file} }
			for _, f := range []string{"on", "off"} {
				writeFile(t, filepath.Join(d, f), f+"\n")
			}
			writeFile(t, filepath.Join(d, "f"), "new")
			slow := undo("echo slow >>order; sleep 15; echo awake >>order")
			slow.Limit = engine.Second
			all := []engine.Change{
				engine.CommandChange(nil, engine.Image{}, "", undo("echo first >>order")),
				{At: d + "/f", Before: absent, After: file("new", 0o600)},
				engine.CommandChange(tells("off"), engine.Says("off"), "on", undo("echo not this >>order")),
				engine.CommandChange(tells("on"), engine.Says("off"), "on", undo("ls f >>order; echo off >on")),
				engine.CommandChange(nil, engine.Image{}, "", engine.Command{Run: []string{"true"}}),
				engine.CommandChange(tells("gone"), engine.Says("status 1"), "on", undo("echo nor this >>order")),
				engine.CommandChange(nil, engine.Image{}, "", undo("echo bad >>order; exit 7")),
				engine.CommandChange(nil, engine.Image{}, "", slow),
			}
			if _, err := n.Arm(t.Context(), time.Hour, restores(all)); err != nil {
				t.Fatal(err)
			}
			script := filepath.Join(n.config.keep(), "undo", n.run, "revert.sh")
			out, err := exec.Command(shell[0], append(append([]string{}, shell[1:]...), script, "now")...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got, want := contents(t, d+"/order"), "slow\nbad\nf\nfirst\n"; got != want {
				t.Errorf("what ran is %q, want %q", got, want)
			}
			if got := names(t, d); got != "off on order" {
				t.Errorf("in the folder is %q", got)
			}
			s, err := n.Switch(t.Context(), n.run)
			if err != nil || len(s.Left) != 2 || !strings.HasSuffix(s.Left[0], "it ended with status 137") || !strings.HasSuffix(s.Left[1], "it ended with status 7") {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}
