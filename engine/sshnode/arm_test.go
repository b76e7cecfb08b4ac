package sshnode

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// inOrder fails the test unless a log has all of want, one after the other.
func inOrder(t *testing.T, log string, want ...string) {
	t.Helper()
	rest := log
	for _, w := range want {
		i := strings.Index(rest, w)
		if i < 0 {
			t.Fatalf("no %q in the rest of\n%s", w, log)
		}
		rest = rest[i+len(w):]
	}
}

// alone kills the process that waits for a switch, so that nothing but the test goes on with it.
func alone(t *testing.T, script string) {
	t.Helper()
	text := must(os.ReadFile(filepath.Join(filepath.Dir(script), "waits")))
	must(0, syscall.Kill(must(strconv.Atoi(strings.TrimSpace(string(text)))), syscall.SIGKILL))
}

// TestSwitchOrder: what a power cut must not take is durable in time: the copies before the switch is there, the
// hour before it is acknowledged, the confirmation before the outcome, and the decision to fire before anything is
// put back.
func TestSwitchOrder(t *testing.T) {
	env, arm, calls := racer(t)
	n := serve(t, &server{env: env}).dial(t)
	keep := n.config.keep()
	u, r := keep+"/undo", keep+"/undo/run-1"
	t.Run("arm", func(t *testing.T) {
		arm("none", "", "")
		changed(t, n, time.Hour)
		inOrder(t, calls(), "sync "+u+"/.new/2\n", "sync "+u+"/.new/3\n", "sync "+u+"/.new/revert.sh "+u+"/.new/confirmed "+u+"/.new/fired "+u+"/.new/boot "+u+"/.new\n", "mv -nT "+u+"/.new "+r+"\n", "sync "+u+"\n",
			"sync "+r+"/.deadline\n", "mv -fT "+r+"/.deadline "+r+"/deadline\n", "sync "+r+"\n", "mv -fT ./.hcrun-")
	})
	t.Run("confirm", func(t *testing.T) {
		arm("none", "", "")
		must(0, n.Release(t.Context(), &engine.Outcome{Run: n.run, State: engine.Landed}))
		inOrder(t, calls(), "ln undo/run-1/confirmed undo/run-1/decision\n", "sync undo/run-1\n", "sync ./.hcrun-", " ledger\n", "rm -f claim\n", "sync .\n")
	})
	t.Run("fire", func(t *testing.T) {
		n = hold(t, n.Node)
		must(0, n.Release(t.Context(), &engine.Outcome{Run: n.run, State: engine.RolledBk})) // its copies are gone, too
		n = hold(t, n.Node)
		_, script, _ := changed(t, n, time.Hour)
		alone(t, script)
		arm("none", "", "")
		c := exec.Command("/bin/sh", script, "now")
		c.Env = append(os.Environ(), env...)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		inOrder(t, calls(), "ln "+r+"/fired "+r+"/decision\n", "sync "+r+"\n", "sync "+r+"/.claim\n", "mv -fT "+r+"/.claim "+keep+"/claim\n", "sync "+keep+"\n",
			"mv -nT ./made ", " ./adjusted\n", " ./removed\n", " ./replaced\n", "sync "+r+"/.reverted\n", "mv -fT "+r+"/.reverted "+r+"/reverted\n", "sync "+r+"\n")
	})
}

// TestSwitchWaitsItsTurn has a switch become due while another process writes: it waits for that, and then asks
// again whether it is due.
func TestSwitchWaitsItsTurn(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(r string) error
		fires     bool
	}{
		"fires":     {func(string) error { return nil }, true},
		"put off":   {func(r string) error { return os.WriteFile(r+"/deadline", []byte("99999999999\n"), 0o600) }, false},
		"confirmed": {func(r string) error { return os.Link(r+"/confirmed", r+"/decision") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := serve(t, &server{}).dial(t)
			d, script, all := changed(t, n, time.Hour)
			r := filepath.Dir(script)
			lock := must(os.OpenFile(n.config.keep()+"/lock", os.O_RDWR, 0))
			defer lock.Close()
			must(0, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
			writeFile(t, r+"/deadline", "0\n")
			time.Sleep(2500 * time.Millisecond)
			if s := must(n.Switch(t.Context(), n.run)); s.State != engine.Armed || names(t, d) != "adjusted made replaced" {
				t.Fatalf("%+v while another process writes; there is %q", s, names(t, d))
			}
			must(0, c.meanwhile(r))
			must(0, unix.Flock(int(lock.Fd()), unix.LOCK_UN))
			if fired := fires(t, n, 4*time.Second); fired != c.fires {
				t.Fatalf("fired: %v", fired)
			}
			if c.fires {
				back(t, n.Node, d, all)
			} else if got := names(t, d); got != "adjusted made replaced" {
				t.Errorf("there is %q", got)
			}
		})
	}
}

// fires waits for the switch to fire and to be done with it, as long as that.
func fires(t *testing.T, n *held, within time.Duration) bool {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		switch s := must(n.Switch(t.Context(), n.run)); {
		case s.Over:
			return true
		case s.State != engine.HasFired && time.Since(begin) > within:
			return false
		case time.Since(begin) > time.Minute:
			t.Fatal("it does not come to an end")
		}
	}
}

// TestDeadlineThatMakesNoSense: an hour that cannot be read has passed.
func TestDeadlineThatMakesNoSense(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d, script, all := changed(t, n, time.Hour)
	writeFile(t, filepath.Dir(script)+"/deadline", "\x00\x00\n")
	if !fires(t, n, 10*time.Second) {
		t.Error("it waits for ever")
	}
	back(t, n.Node, d, all)
}

// TestFiredDoesNotLand: a switch that was cut short right after it had decided has decided.
func TestFiredDoesNotLand(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	_, script, all := changed(t, n, time.Hour)
	alone(t, script)
	must(0, os.Link(filepath.Dir(script)+"/fired", filepath.Dir(script)+"/decision"))
	if _, err := n.Arm(t.Context(), time.Hour, restores(all)); engine.CodeOf(err) != engine.Security || !strings.Contains(err.Error(), "has fired") {
		t.Errorf("armed again: %v", err)
	}
	if err := n.Release(t.Context(), &engine.Outcome{Run: n.run, State: engine.Landed}); !errors.As(err, new(*engine.ClaimedError)) {
		t.Errorf("landed: %v", err)
	}
	if l := must(n.Ledger(t.Context())); l.Claim == nil || len(l.Outcomes) > 0 {
		t.Errorf("on record is %+v", l)
	}
	if s := must(n.Switch(t.Context(), n.run)); s.State != engine.HasFired {
		t.Errorf("%+v", s)
	}
}

// TestArmRefuses: where a node could not undo the run, or would not do it by itself, no switch is armed, and what
// was begun of it is gone.
func TestArmRefuses(t *testing.T) {
	real := func(tool string) string { return "exec " + mustFind(t, tool) + ` "$@"` + "\n" }
	for name, c := range map[string]struct {
		tools map[string]string
		want  string
	}{
		"no systemd":           {nil, "there is no systemd"},
		"copies that are none": {map[string]string{"cp": mustFind(t, "cp") + ` "$@" || exit; for x; do :; done; case $x in */undo/.new/*) echo x >>"$x";; esac` + "\n"}, "is not like it"},
		"no room":              {map[string]string{"stat": `case $1 in -f) echo "1 4096 100 100"; exit;; esac` + "\n" + real("stat")}, "disk is full"},
		"no inodes":            {map[string]string{"stat": `case $1 in -f) echo "100000 4096 100 3"; exit;; esac` + "\n" + real("stat")}, "disk is full"},
		"nothing waits": {map[string]string{"setsid": `case $* in *revert.sh*) exit;; esac` + "\n" + real("setsid"),
			"sleep": `case $1 in 0.1) exec ` + mustFind(t, "sleep") + " 0.01;; esac\n" + real("sleep")}, "does not begin to wait"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &server{env: tools(t, c.tools)})
			if _, err := os.Stat("/run/systemd/system"); err == nil && (c.tools == nil || c.tools["setsid"] != "") {
				t.Skip("this machine has systemd")
			}
			s.config.WeakSwitch = c.tools != nil
			n, d := s.dial(t), folder(t)
			_, err := n.Arm(t.Context(), time.Hour, restores(switchChanges(t, d)))
			if engine.CodeOf(err) != engine.Preflight || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if s := must(n.Switch(t.Context(), n.run)); s.State != engine.NoSwitch || names(t, n.config.keep()+"/undo") != "" {
				t.Errorf("%+v, and left is %q", s, names(t, n.config.keep()+"/undo"))
			}
		})
	}
}

// TestRevertSweeps: what a revert that was killed has left is cleared away by the next.
func TestRevertSweeps(t *testing.T) {
	n := serve(t, &server{}).dial(t)
	d, script, all := changed(t, n, time.Hour)
	alone(t, script)
	pid := filepath.Join(t.TempDir(), "pid")
	c := exec.Command("/bin/sh", "-c", `echo $$ >"$0"; exec /bin/sh "$1" now`, pid, script)
	c.Env = append(os.Environ(), tools(t, map[string]string{"sync": "case $1 in ./.hcrun-*) read -r p <" + pid + "; kill -9 $p; exit 1;; esac\nexec " + mustFind(t, "sync") + ` "$@"` + "\n"})...)
	if err := c.Run(); err == nil || !strings.Contains(names(t, d), ".hcrun-") {
		t.Fatalf("%v: nothing was left: %s", err, names(t, d))
	}
	if out, err := exec.Command("/bin/sh", script, "now").CombinedOutput(); err != nil || strings.Contains(string(out), "Not put back") {
		t.Fatalf("%v: %s", err, out)
	}
	back(t, n.Node, d, all)
}
