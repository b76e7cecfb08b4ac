package sshnode

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// killing is a content whose worker is killed in the middle of it, when its unfinished file is there.
func killing(t *testing.T, dir string, pid *atomic.Int64) engine.Content {
	half := strings.Repeat("x", 100_000)
	whole := engine.Bytes([]byte(half + half))
	return engine.NewContent(whole.Hash(), whole.Size(), func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(half), dying(func() {
			for end := time.Now().Add(10 * time.Second); !strings.Contains(names(t, dir), ".hcrun-") && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			syscall.Kill(int(pid.Load()), syscall.SIGKILL)
		}))), nil
	})
}

// dying is a reader that does something, and fails.
type dying func()

func (d dying) Read([]byte) (int, error) { d(); return 0, errors.New("that was it") }

// TestKilledInAPayload kills the worker in the middle of what it writes: whatever the run ends with, and though nothing
// more is written where it was, there is nothing of it left.
func TestKilledInAPayload(t *testing.T) {
	release := func(s engine.State) func(*testing.T, *held, string) {
		return func(t *testing.T, n *held, _ string) {
			if err := n.Release(t.Context(), &engine.Outcome{Run: n.run, State: s}); err != nil {
				t.Error(err)
			}
		}
	}
	for name, end := range map[string]func(t *testing.T, n *held, d string){
		"landed":    release(engine.Landed),
		"undone":    release(engine.RolledBk),
		"abandoned": release(engine.Abandoned),
		"fired": func(t *testing.T, n *held, _ string) {
			if out, err := exec.Command("/bin/sh", filepath.Join(n.config.keep(), "undo", n.run, "revert.sh"), "now").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		},
		"its folder is removed": func(t *testing.T, n *held, d string) {
			if err := n.Put(t.Context(), engine.Change{At: d + "/it's new", Before: dir(0o700), After: absent}); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for shell, argv := range shells(t) {
				t.Run(shell, func(t *testing.T) {
					t.Parallel()
					pid := &atomic.Int64{}
					n := serve(t, &server{shell: argv, started: func(p int) { pid.Store(int64(p)) }}).dial(t)
					d := folder(t)
					sub := d + "/it's new"
					made := engine.Change{At: sub, Before: absent, After: dir(0o700)}
					killed := engine.Change{At: sub + "/f", Before: absent, After: file("", 0o600)}
					killed.After.Content = killing(t, sub, pid)
					_, err := n.Arm(t.Context(), time.Hour, restores([]engine.Change{made, killed}))
					if err == nil {
						err = n.Put(t.Context(), made)
					}
					if err != nil {
						t.Fatal(err)
					}
					if err := n.Put(t.Context(), killed); err == nil || !strings.HasPrefix(names(t, sub), ".hcrun-") {
						t.Fatalf("%v, and left is %q", err, names(t, sub))
					}
					end(t, n, d)
					if left := must(filepath.Glob(d + "/*/.hcrun-*")); len(left) > 0 {
						t.Errorf("left: %s", left)
					}
				})
			}
		})
	}
}
