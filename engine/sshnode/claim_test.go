package sshnode

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// TestRecordOnToolsThatFail has every call of every tool fail, fail late, and take the worker with it, while a claim
// is made, replaced and given up: nothing is acknowledged that is not so, and what is on record is always whole:
// the claim of before or the new one, the ledger of before or one with the line.
func TestRecordOnToolsThatFail(t *testing.T) {
	t.Parallel()
	eachFault(t, func(t *testing.T, s *server, sab *saboteur) {
		n := s.connect(t)
		run := func(at int) engine.Claim { return engine.Claim{Run: fmt.Sprint("run-", at+1)} } // hold's is the first
		sab.eachCall(t, "claim", 5, func(at int) string {
			old := hold(t, n)
			was := must(n.Ledger(t.Context()))
			sab.arm(t, at)
			won, err := n.Claim(t.Context(), run(at), *was.Claim)
			tool := sab.disarm()
			now := must(n.Ledger(t.Context()))
			w := won
			if new := now.Claim != nil && now.Claim.Run == run(at).Run; err == nil && !new || !new && *now.Claim != *was.Claim {
				t.Fatalf("claim, call %d: %v, on record is %+v", at, err, now.Claim)
			} else if new && err != nil {
				w = hold(t, n) // it was not heard that it is ours
			} else if !new {
				w = old
			}
			if err := w.Put(t.Context(), engine.Change{At: folder(t) + "/f", Before: absent, After: file("x", 0o600)}); err != nil {
				t.Fatalf("claim, call %d: who holds it cannot write: %v", at, err)
			}
			return tool
		})
		sab.eachCall(t, "release", 5, func(at int) string {
			w := hold(t, n)
			was := must(n.Ledger(t.Context()))
			o := engine.Outcome{Run: run(at).Run, State: engine.Landed}
			sab.arm(t, at)
			err := w.Release(t.Context(), &o)
			tool := sab.disarm()
			now := must(n.Ledger(t.Context()))
			lines := len(now.Outcomes) - len(was.Outcomes)
			if lines < 0 || !reflect.DeepEqual(slices.Concat(was.Outcomes, now.Outcomes[len(was.Outcomes):]), now.Outcomes) {
				t.Fatalf("release, call %d: lines of the ledger are lost: %+v, before %+v", at, now.Outcomes, was.Outcomes)
			}
			if lines > 0 && now.Outcomes[len(was.Outcomes)].Run != o.Run || lines > 1 || now.Claim == nil && lines == 0 || err == nil && now.Claim != nil {
				t.Fatalf("release, call %d: %v, on record is %+v and %d lines more", at, err, now.Claim, lines)
			}
			return tool
		})
		left := names(t, s.config.Keep)
		for _, name := range strings.Fields(left) {
			if name[0] == '.' && !sab.kills() { // after that the next worker sweeps
				t.Errorf("left: %s", left)
			}
		}
	})
}

// TestForeignRecord: what is in the way of a record is said, and nothing is written.
func TestForeignRecord(t *testing.T) {
	eachShell(t, func(t *testing.T, n *held) {
		keep := n.config.Keep
		must(0, n.Release(t.Context(), nil))
		claim := func() error {
			_, err := n.Claim(t.Context(), engine.Claim{Run: "run-1"}, engine.Claim{})
			return err
		}
		must(0, os.Chmod(keep, 0o755))
		if err := claim(); engine.CodeOf(err) != engine.Security || !strings.Contains(err.Error(), "mode 0700") {
			t.Errorf("a folder that others can read: %v", err)
		}
		must(0, os.Chmod(keep, 0o700))
		must(0, os.Rename(keep, keep+"-real"))
		must(0, os.Symlink(keep+"-real", keep))
		if err := claim(); engine.CodeOf(err) != engine.Security || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("a link: %v", err)
		}
		must(0, os.Remove(keep))
		must(0, os.WriteFile(keep, nil, 0o600))
		if err := claim(); engine.CodeOf(err) != engine.Preflight {
			t.Errorf("a file: %v", err)
		}
		must(0, os.Remove(keep))
		must(0, os.Rename(keep+"-real", keep))
		for text, want := range map[string]string{"": "it is empty", "ABCDEFGHIJKLM": "unexpected end", "ABCDEFGHIJKLMNOPQRSTUVWXYZ\n{\"run\":\"run-1": "unexpected end", "{}\n": "unexpected end", "TOKEN\n{\"run\":\"run-1\"}\n": "names no run, or no token",
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ\n{\"run\":\"run-1; reboot\"}\n": "names no run, or no token"} {
			writeFile(t, keep+"/claim", text)
			_, err := n.Ledger(t.Context())
			if p, ok := errors.AsType[*engine.Problem](err); !ok || p.Code != engine.Corrupt || !strings.Contains(p.What, keep+"/claim") || !strings.Contains(p.What, want) || !strings.Contains(p.Next, "rm "+keep+"/claim, on ") {
				t.Errorf("a claim of %q: %v", text, err)
			}
			if err := claim(); err == nil {
				t.Errorf("over a claim of %q another one was made", text)
			}
			if got, err := os.ReadFile(keep + "/claim"); err != nil || string(got) != text {
				t.Errorf("a claim of %q is not kept: %q, %v", text, got, err)
			}
		}
		must(0, os.Remove(keep+"/claim"))
		writeFile(t, keep+"/ledger", `{"run":"$(reboot)","state":"landed"}`+"\n")
		if _, err := n.Ledger(t.Context()); engine.CodeOf(err) != engine.Corrupt || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("a ledger with a run of no such name: %v", err)
		}
		writeFile(t, keep+"/ledger", `{"run":"run-1","state":"landed","machine":"0123456789abcdef"}`+"\n"+`{"run":"run-1","state":"landed","machine":"\u001b]0;b"}`+"\n")
		if _, err := n.Ledger(t.Context()); engine.CodeOf(err) != engine.Corrupt || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("a ledger with a machine of no such form: %v", err)
		}
		writeFile(t, keep+"/claim", "ABCDEFGHIJKLMNOPQRSTUVWXYZ\n"+`{"run":"run-1","by":"a\u001b]0;b\u202ec"}`+"\n")
		os.Remove(keep + "/ledger")
		if l, err := n.Ledger(t.Context()); err != nil || strings.ContainsAny(l.Claim.By, "\x1b\u202e") {
			t.Errorf("what a terminal obeys: %v", err)
		}
		must(0, os.Remove(keep+"/claim"))
		writeFile(t, keep+"/ledger", `{"run":"run-1","state":"landed"}`+"\nnonsense\n")
		if _, err := n.Ledger(t.Context()); engine.CodeOf(err) != engine.Corrupt || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("a ledger with nonsense: %v", err)
		}
		must(0, claim()) // who holds a node is another matter than what was done to it
	})
}

// TestLockedRecord: while another process writes, a write waits, and gives up without having changed anything.
func TestLockedRecord(t *testing.T) {
	t.Parallel()
	n := serve(t, &server{env: tools(t, map[string]string{"sleep": "exec " + mustFind(t, "sleep") + " 0.05"})}).dial(t)
	d := folder(t)
	change := engine.Change{At: d + "/f", Before: absent, After: file("x", 0o600)}
	lock := must(os.OpenFile(n.config.Keep+"/lock", os.O_RDWR, 0))
	defer lock.Close()
	must(0, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	if err := n.Put(t.Context(), change); engine.CodeOf(err) != engine.Busy || names(t, d) != "" {
		t.Errorf("%v, and there is %q", err, names(t, d))
	}
	if _, err := n.Claim(t.Context(), engine.Claim{Run: "run-2"}, *must(n.Ledger(t.Context())).Claim); engine.CodeOf(err) != engine.Busy {
		t.Errorf("a claim: %v", err)
	}
	must(0, unix.Flock(int(lock.Fd()), unix.LOCK_UN))
	if err := n.Put(t.Context(), change); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestLockOfADeadWorker: a worker that is ended in the middle of a payload holds the node's lock no longer, although what
// it was waiting for never comes to an end.
func TestLockOfADeadWorker(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			d, keep := folder(t), folder(t)
			if err := os.Chmod(keep, 0o700); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(keep, "claim"), "TOKEN\n{}\n")
			cmd, in, _, _ := leased(t, shell, "60")
			defer in.Close()
			job, err := planPut(engine.Change{At: d + "/f", Before: absent, After: file(letters(1000), 0o600)})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(in, "1 put 0 1000 0\n%s\nonly this", quote(append([]string{keep, "TOKEN"}, job.words(false)...)...))
			for end := time.Now().Add(20 * time.Second); names(t, d) == ""; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it does not begin to write")
				}
			}
			lock := func() error { return exec.Command("flock", "-n", filepath.Join(keep, "lock"), "true").Run() }
			if lock() == nil {
				t.Fatal("it writes without the lock")
			}
			cmd.Process.Kill()
			cmd.Process.Wait()
			for end := time.Now().Add(10 * time.Second); lock() != nil; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) { // a child that was being started lets go of it in no time
					t.Fatal("the lock is still held")
				}
			}
		})
	}
}
