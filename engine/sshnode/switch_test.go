package sshnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// changes are one of each kind, with what is there before laid out below d.
func switchChanges(t *testing.T, d string) []engine.Change {
	t.Helper()
	for name, text := range map[string]string{"replaced": "old", "removed": "was here", "adjusted": "same"} {
		writeFile(t, filepath.Join(d, name), text)
		if err := os.Chmod(filepath.Join(d, name), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return []engine.Change{
		{At: d + "/replaced", Before: file("old", 0o640), After: file("new", 0o640)},
		{At: d + "/removed", Before: file("was here", 0o640), After: absent},
		{At: d + "/adjusted", Before: file("same", 0o640), After: file("same", 0o600)},
		{At: d + "/made", Before: absent, After: file("x", 0o600)},
	}
}

func restores(all []engine.Change) []engine.Restore {
	return engine.Restores([]engine.PlannedStep{{Changes: all}})
}

// changed is a node with an armed switch whose changes are all made, and where its script lies.
func changed(t *testing.T, n *held, within time.Duration) (d, script string, all []engine.Change) {
	t.Helper()
	d = folder(t)
	all = switchChanges(t, d)
	if _, err := n.Arm(t.Context(), within, restores(all)); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if err := n.Put(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return d, filepath.Join(n.config.keep(), "undo", n.run, "revert.sh"), all
}

// back fails the test unless everything is as it was, and nothing else is there.
func back(t *testing.T, n *Node, d string, all []engine.Change) {
	t.Helper()
	for _, c := range all {
		images, err := n.Look(t.Context(), c.At)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Before.Matches(images[0]) {
			t.Errorf("%s is %s, want %s", c.At, images[0], c.Before)
		}
	}
	if got := names(t, d); got != "adjusted removed replaced" {
		t.Errorf("in the folder is %q", got)
	}
}

// TestRevertByHand runs the script as a person would, in every shell: of a run that is open, and of one that has
// landed, from anywhere.
func TestRevertByHand(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			n := serve(t, &server{shell: shell}).dial(t)
			d, script, all := changed(t, n, time.Hour)
			for i := range 2 {
				if i == 1 { // again, after it has landed
					n = hold(t, n.Node)
					d, script, all = changed(t, n, time.Hour)
					if err := n.Release(t.Context(), &engine.Outcome{Run: n.run, State: engine.Landed}); err != nil {
						t.Fatal(err)
					}
				}
				cmd := exec.Command(shell[0], append(append([]string{}, shell[1:]...), "revert.sh", "now")...)
				cmd.Dir = filepath.Dir(script)
				out, err := cmd.CombinedOutput()
				if err != nil || string(out) != "Put back what run "+n.run+" changed.\n" {
					t.Errorf("%v: %s", err, out)
				}
				back(t, n.Node, d, all)
				if i == 0 {
					if s, err := n.Switch(t.Context(), n.run); err != nil || s.State != engine.HasFired || !s.Over {
						t.Errorf("%+v, %v", s, err)
					}
					if err := n.Put(t.Context(), all[0]); err == nil {
						t.Error("the run went on writing")
					}
					n = hold(t, n.Node)
					if err := n.Release(t.Context(), &engine.Outcome{Run: n.run, State: engine.RolledBk}); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// TestRevertAtBoot: the same boot changes nothing, another one puts everything back.
func TestRevertAtBoot(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			n := serve(t, &server{shell: shell}).dial(t)
			d, script, all := changed(t, n, time.Hour)
			boot := func() {
				t.Helper()
				if out, err := exec.Command(shell[0], append(append([]string{}, shell[1:]...), script, "boot", "0123456789abcdef01234567")...).CombinedOutput(); err != nil || len(out) > 0 {
					t.Fatalf("%v: %s", err, out)
				}
			}
			boot()
			if s, err := n.Switch(t.Context(), n.run); err != nil || s.State != engine.Armed {
				t.Fatalf("%+v, %v", s, err)
			}
			writeFile(t, filepath.Join(filepath.Dir(script), "boot"), "another\n")
			boot()
			back(t, n.Node, d, all)
		})
	}
}

// TestRevertKilled kills the script at every call of every tool, before it and after it, and lets another one go on:
// whatever was there is put back, and the decision stands.
func TestRevertKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a few hundred reverts")
	}
	const lanes = 4 // a revert waits for the one that the node begins by itself: so many go on meanwhile
	for lane := range 2 * lanes {
		how, first := []string{"kill", "killed-after"}[lane%2], lane/2
		t.Run(fmt.Sprintf("%s, every %dth from %d", how, lanes, first+1), func(t *testing.T) {
			t.Parallel()
			sab := newSaboteur(t, how)
			n := serve(t, &server{}).dial(t)
			sab.eachCall(t, "revert", 40/lanes, func(at int) string {
				at = first + 1 + (at-1)*lanes
				d, script, all := changed(t, n, time.Hour)
				sab.arm(t, at)
				cmd := exec.Command("/bin/sh", "-c", `echo $$ >"$0/pid"; exec /bin/sh "$1" now`, sab.dir, script)
				cmd.Env = append(os.Environ(), sab.path())
				cmd.Run()
				tool := sab.disarm()
				if out, err := exec.Command("/bin/sh", script, "now").CombinedOutput(); err != nil || strings.Contains(string(out), "Not put back") {
					t.Fatalf("call %d, %s: %v: %s", at, tool, err, out)
				}
				back(t, n.Node, d, all)
				n = hold(t, n.Node)
				if err := n.Release(t.Context(), &engine.Outcome{Run: n.run, State: engine.RolledBk}); err != nil {
					t.Fatal(err)
				}
				n = hold(t, n.Node)
				return tool
			})
		})
	}
}

// TestArmOnToolsThatFail has every call of every tool fail while a switch is armed: it is armed, or nothing of it is
// left, and never does it say so when it is not.
func TestArmOnToolsThatFail(t *testing.T) {
	t.Parallel()
	eachFault(t, func(t *testing.T, s *server, sab *saboteur) {
		n := s.dial(t)
		sab.eachCall(t, "arm", 20, func(at int) string {
			all := switchChanges(t, folder(t))
			if _, err := n.Look(t.Context(), "/"); err != nil { // a worker is there again
				t.Fatal(err)
			}
			sab.arm(t, at)
			_, err := n.Arm(t.Context(), time.Hour, restores(all))
			tool := sab.disarm()
			state, switchErr := n.Switch(t.Context(), n.run)
			what := fmt.Sprintf("call %d, %s: %v, then %+v, %v", at, tool, err, state, switchErr)
			var lost *engine.LostError
			switch {
			case switchErr != nil:
				t.Fatal(what)
			case err == nil && state.State != engine.Armed:
				t.Error(what + ": acknowledged, and not armed")
			case err != nil && !errors.As(err, &lost) && state.State == engine.Armed && tool != "rm":
				t.Error(what + ": refused, and armed all the same")
			}
			n = hold(t, n.Node)
			if err := n.Release(t.Context(), nil); err != nil {
				t.Fatal(what, ": ", err)
			}
			n = hold(t, n.Node)
			return tool
		})
	})
}

// TestConfirmOrFire lets runs end at the moment at which their switch fires, before and after it: one of both has
// happened, never both, and the run is told which.
func TestConfirmOrFire(t *testing.T) {
	races, lanes := 300, 30
	if testing.Short() {
		races = 30
	}
	s := serve(t, &server{})
	var mu sync.Mutex
	confirmed, fired := 0, 0
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			c := s.config
			c.Keep = filepath.Join(filepath.Dir(c.Keep), fmt.Sprint("lane", lane))
			n, err := Dial(context.Background(), c)
			if err != nil {
				t.Error(err)
				return
			}
			defer n.Close()
			for race := range races / lanes {
				won, err := raceOnce(n, t.TempDir(), fmt.Sprintf("run-%d-%d", lane, race), time.Duration(lane*races/lanes+race)*time.Second/time.Duration(races))
				if err != nil {
					t.Errorf("lane %d, race %d: %v", lane, race, err)
					return
				}
				mu.Lock()
				if won {
					confirmed++
				} else {
					fired++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d races: %d confirmed, %d fired", confirmed+fired, confirmed, fired)
	if confirmed < races/30 || fired < races/30 {
		t.Error("the races were not close")
	}
}

// raceOnce arms a switch for a second, and confirms it about when it fires. confirmed reports who was first.
func raceOnce(n *Node, d, run string, offset time.Duration) (confirmed bool, err error) {
	ctx := context.Background()
	w, err := n.Claim(ctx, engine.Claim{Run: run, Holder: engine.Holder{Store: "test"}}, engine.Claim{})
	if by, ok := errors.AsType[*engine.ClaimedError](err); ok {
		w, err = n.Claim(ctx, engine.Claim{Run: run, Holder: engine.Holder{Store: "test"}}, by.By)
	}
	if err != nil {
		return false, err
	}
	at := filepath.Join(d, "f")
	if err := os.WriteFile(at, []byte("old"), 0o600); err != nil {
		return false, err
	}
	c := engine.Change{At: at, Before: file("old", 0o600), After: file("new", 0o600)}
	if _, err := w.Arm(ctx, time.Second, restores([]engine.Change{c})); err != nil {
		return false, err
	}
	if err := w.Put(ctx, c); err != nil {
		if _, claimed := errors.AsType[*engine.ClaimedError](err); !claimed {
			return false, err // it fired before the write: a busy machine
		}
	}
	time.Sleep(700*time.Millisecond + offset)
	err = w.Release(ctx, &engine.Outcome{Run: run, State: engine.Landed})
	_, late := errors.AsType[*engine.ClaimedError](err)
	if err != nil && !late {
		return false, err
	}
	var s engine.Switch
	for range 200 {
		if s, err = n.Switch(ctx, run); err != nil || s.State == engine.Confirmed || s.Over {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := os.ReadFile(at)
	switch {
	case err != nil:
		return false, err
	case !late && s.State == engine.Confirmed && string(text) == "new":
		return true, nil
	case late && s.State == engine.HasFired && string(text) == "old":
		return false, nil
	}
	return false, fmt.Errorf("late %v, %+v, and the file says %q", late, s, text)
}

// TestSwitchCosts: a switch is armed, put off and confirmed in one round trip each.
func TestSwitchCosts(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	all := restores(switchChanges(t, folder(t)))
	costs := func(what string, do func() error) {
		t.Helper()
		before := n.Stats().RoundTrips
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if got := n.Stats().RoundTrips - before; got != 1 {
			t.Errorf("%s took %d round trips", what, got)
		}
	}
	arm := func() error { _, err := n.Arm(t.Context(), time.Hour, all); return err }
	costs("arming", arm)
	costs("putting off", arm)
	costs("confirming", func() error {
		return n.Release(t.Context(), &engine.Outcome{Run: n.run, State: engine.Landed})
	})
}
