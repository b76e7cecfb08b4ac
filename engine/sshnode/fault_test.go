package sshnode

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// saboteur puts a wrapper before every tool that the node's scripts use; one of their calls goes wrong.
type saboteur struct{ dir, how string }

const wrapper = `#!/bin/sh
w=%[1]s
[ -e $w/armed ] || exec %[2]s "$@"
read -r n <$w/count; n=$((n+1)); echo $n >$w/count
read -r at how <$w/armed
[ $n = "$at" ] || exec %[2]s "$@"
echo %[3]s >$w/hit
case $how in
fail) echo '%[3]s: Input/output error' >&2; exit 1;;
late) %[2]s "$@"; exit 1;;
kill) read -r p <$w/pid; kill -9 $p; exit 1;;
killed-after) %[2]s "$@"; read -r p <$w/pid; kill -9 $p; exit 0;;
esac
`

func newSaboteur(t *testing.T, how string) *saboteur {
	s := &saboteur{dir: t.TempDir(), how: how}
	for _, tool := range strings.Fields("cat chmod chown cp cut dd flock grep ln ls mkdir mv rm rmdir sha256sum stat sync wc") {
		real, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, tool), fmt.Appendf(nil, wrapper, s.dir, real, tool), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// kills reports whether it takes the worker along.
func (s *saboteur) kills() bool { return strings.HasPrefix(s.how, "kill") }

// path finds the wrappers before the tools.
func (s *saboteur) path() string { return "PATH=" + s.dir + ":" + os.Getenv("PATH") }

func (s *saboteur) arm(t *testing.T, at int) {
	writeFile(t, filepath.Join(s.dir, "count"), "0\n")
	writeFile(t, filepath.Join(s.dir, "armed"), fmt.Sprintf("%d %s\n", at, s.how))
	os.Remove(filepath.Join(s.dir, "hit"))
}

// disarm returns the tool whose call went wrong, "" when there were fewer calls.
func (s *saboteur) disarm() string {
	os.Remove(filepath.Join(s.dir, "armed"))
	b, _ := os.ReadFile(filepath.Join(s.dir, "hit"))
	return strings.TrimSpace(string(b))
}

// eachCall has the first call of a tool go wrong, then the second one, and so on until there are no more. once has
// call number at go wrong and returns whose it was.
func (s *saboteur) eachCall(t *testing.T, what string, least int, once func(at int) (tool string)) {
	t.Helper()
	at := 1
	for once(at) != "" {
		at++
	}
	if t.Logf("%s: %d calls of tools", what, at-1); at-1 < least {
		t.Errorf("%s: only %d calls of tools were seen", what, at-1)
	}
}

// eachFault runs a test for every way in which a call can go wrong, on a server whose tools do.
func eachFault(t *testing.T, do func(t *testing.T, s *server, sab *saboteur)) {
	if testing.Short() {
		t.Skip("hundreds of calls that go wrong")
	}
	for _, how := range []string{"fail", "late", "kill", "killed-after"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			sab := newSaboteur(t, how)
			do(t, serve(t, &server{env: []string{sab.path()}, started: func(pid int) {
				writeFile(t, filepath.Join(sab.dir, "pid"), strconv.Itoa(pid)+"\n")
			}}), sab)
		})
	}
}

// TestToolsThatFail has every call of every tool fail, fail after it did its work, and take the worker
// with it: no put is ever acknowledged that did not happen, and there is never anything but Before or
// After.
func TestToolsThatFail(t *testing.T) {
	t.Parallel()
	chosen := " create, create any, replace, adjust, adjust any, remove, remove any, make directory, adjust directory, remove directory,"
	eachFault(t, func(t *testing.T, s *server, sab *saboteur) {
		n := s.dial(t)
		for _, c := range putCases() {
			if strings.Contains(chosen, " "+c.name+",") {
				sab.eachCall(t, c.name, 5, func(at int) string { return c.sabotage(t, n, sab, at) })
			}
		}
	})
}

// sabotage has the call number at go wrong, and returns whose it was, "" when there were not so many.
func (c putCase) sabotage(t *testing.T, n *held, sab *saboteur, at int) (tool string) {
	t.Helper()
	d := folder(t)
	path := filepath.Join(d, "f")
	lay(t, path, c.text, c.there)
	change := engine.Change{At: path, Before: c.before, After: c.after}
	if _, err := n.Look(t.Context(), path); err != nil { // a worker is there again
		t.Fatal(err)
	}
	sab.arm(t, at)
	err := n.Put(t.Context(), change)
	tool = sab.disarm()
	images, lookErr := n.Look(t.Context(), path)
	if lookErr != nil {
		t.Fatal(lookErr)
	}
	got := images[0]
	what := fmt.Sprintf("%s, call %d, %s, put: %v, there: %s", c.name, at, tool, err, got)
	var lost *engine.LostError
	switch {
	case err == nil && !c.after.Matches(got):
		t.Errorf("%s: acknowledged and not there", what)
	case engine.CodeOf(err) == engine.Preflight && !c.before.Matches(got):
		t.Errorf("%s: said that nothing has changed", what)
	case err != nil && engine.CodeOf(err) != engine.Preflight && !errors.As(err, &lost):
		t.Errorf("%s: unexpected error", what)
	case !c.before.Matches(got) && !c.after.Matches(got) && c.before.Kind == c.after.Kind && sab.how == "kill":
		t.Logf("%s: between mode and owner", what)
	case !c.before.Matches(got) && !c.after.Matches(got):
		t.Errorf("%s: neither before nor after", what)
	}
	for _, name := range strings.Fields(names(t, d)) {
		if name != "f" && (name[0] != '.' || err == nil && tool != "rm" && tool != "grep" && tool != "stat") {
			t.Errorf("%s: left %s", what, name)
		}
	}
	if !c.after.Matches(got) {
		if err := n.Put(t.Context(), change); err != nil {
			t.Errorf("%s: again: %v", what, err)
		}
	}
	if err := n.Put(t.Context(), engine.Change{At: d + "/g", Before: absent, After: file("g", 0o600)}); err != nil {
		t.Errorf("%s: another: %v", what, err)
	}
	for _, name := range strings.Fields(names(t, d)) {
		if name[0] == '.' && sab.kills() {
			t.Errorf("%s: a later put did not clean up %s", what, name)
		}
	}
	return tool
}

// TestCut cuts a request that writes at every byte of its frame: only a whole one does anything, and nothing else
// stays.
func TestCut(t *testing.T) {
	d, keep := folder(t), folder(t)
	if err := os.Chmod(keep, 0o700); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(d, "f")
	job, err := planPut(engine.Change{At: at, Before: absent, After: file("twelve bytes", 0o600)})
	if err != nil {
		t.Fatal(err)
	}
	frame := func(verb, payload string, words ...string) string {
		return fmt.Sprintf("1 %s 0 %d 0\n%s\n%s", verb, len(payload), quote(words...), payload)
	}
	for _, c := range []struct{ name, frame, claim, undone, done string }{
		{"put", frame("put", "twelve bytes", append([]string{keep, "TOKEN"}, job.words(false)...)...), "TOKEN\n{}\n", "claim lock", "claim lock f"},
		{"claim", frame("claim", "{\"run\":\"a\"}\n", keep, "TOKEN", "-"), "", "lock", "claim lock"},
		{"release", frame("release", "{\"run\":\"a\"}\n", keep, "TOKEN"), "TOKEN\n{}\n", "claim lock", "ledger lock"},
	} {
		step := map[string]int{"dash": 5, "bash": 17, "busybox": 17}
		for name, shell := range shells(t) {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				for cut := 0; cut <= len(c.frame); cut++ {
					if cut%step[name] != 0 && cut < len(c.frame)-14 {
						continue
					}
					for _, old := range []string{at, keep + "/claim", keep + "/ledger"} {
						os.Remove(old)
					}
					writeFile(t, keep+"/lock", "")
					if c.claim != "" {
						writeFile(t, keep+"/claim", c.claim)
					}
					cutAt(t, shell, c.frame, cut)
					want := c.undone
					if cut == len(c.frame) {
						want = c.done
					}
					if got := strings.TrimSpace(names(t, keep) + " " + names(t, d)); got != want {
						t.Fatalf("cut at %d of %d: there is %q, want %q", cut, len(c.frame), got, want)
					}
				}
			})
		}
	}
}

// cutAt gives a worker the first bytes of a frame and ends the connection.
func cutAt(t *testing.T, shell []string, frame string, cut int) {
	t.Helper()
	cmd := exec.Command(shell[0], append(append([]string{}, shell[1:]...), "-s", "0123456789abcdef01234567")...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(in, script)
	hello := make([]byte, 100)
	for text := ""; !strings.Contains(text, "hello"); {
		k, err := out.Read(hello)
		if text += string(hello[:k]); err != nil {
			t.Fatal(err, text)
		}
	}
	fmt.Fprint(in, frame[:cut])
	in.Close()
	cmd.Wait()
}

// TestCutScript: a script that does not arrive whole does nothing at all.
func TestCutScript(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			for cut := 0; cut < len(script)-3; cut += 397 {
				cmd := exec.Command(shell[0], append(append([]string{}, shell[1:]...), "-s", "x")...)
				cmd.Stdin = strings.NewReader(script[:cut])
				if out, _ := cmd.Output(); len(out) != 0 {
					t.Fatalf("cut at %d, it said %q", cut, out)
				}
			}
		})
	}
}
