package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
)

var taskRE = regexp.MustCompile(`(?m)^task "([a-z-]+)" "([a-z_]+)" \{$`)

// TestUndone: what a rollback is said to go through is what it goes through.
func TestUndone(t *testing.T) {
	check := func(name string, onRollback, skip bool) engine.PlannedStep {
		return engine.PlannedStep{Kind: "assert", Name: name, Check: []byte("{}"), OnRollback: onRollback, Skip: skip}
	}
	dir := func(at string) engine.Change {
		return engine.Change{At: at, Before: engine.Image{Kind: engine.Absent}, After: engine.Image{Kind: engine.Dir, Mode: 0o700}}
	}
	steps := []engine.PlannedStep{
		{Kind: "scp", Name: "first", Changes: []engine.Change{dir("/a"), dir("/a/b")}},
		check("once", false, false), check("again", true, false), check("never", true, true),
		{Kind: "scp", Name: "left_out", Skip: true},
		{Kind: "scp", Name: "in_place"},
	}
	var out strings.Builder
	ui.Plan(t.Context(), &out, ui.Style{}, undone(steps))
	var said []string
	for line := range strings.Lines(out.String()) {
		said = append(said, strings.Join(strings.Fields(line), " "))
	}
	want := []string{"1 scp.in_place nothing to do", "2 assert.again check (asked again after a rollback)", "3 scp.first remove /a/b directory 0700 0:0", "remove /a directory 0700 0:0"}
	if !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
	if len(steps[0].Changes) != 2 || steps[0].Changes[0].At != "/a" {
		t.Error("the run's own steps have changed")
	}
}

// TestRollbackAfterEachTask lets the flagship fail behind each of its tasks in turn: every time the node's
// tree is as before, with modes and owners, and logs are kept.
func TestRollbackAfterEachTask(t *testing.T) {
	t.Parallel()
	needLab(t)
	hcrun := binary(t)
	src, err := os.ReadFile(filepath.Join(repo(t), "playbooks", "audit-5p.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range taskRE.FindAllSubmatchIndex(src, -1) {
		name := string(src[at[2]:at[3]]) + "." + string(src[at[4]:at[5]])
		end := at[1] + strings.Index(string(src[at[1]:]), "\n}\n") + len("\n}\n")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, hcrun)
			b.playbook = failsAt(t, string(src), end)
			b.up()
			before := b.digest("master1")
			code, out := b.run(b.apply("master1")...)
			wrote := strings.Contains(out, "  wrote ")
			if want := map[bool]int{true: 21, false: 42}[wrote]; code != want {
				t.Fatalf("ended with %d, want %d:\n%s", code, want, out)
			}
			if after := b.digest("master1"); after != before {
				t.Errorf("the node is not as it was:\n%s\n%s", difference(before, after), out)
			}
		})
	}
}

// failsAt is the flagship with a check that cannot pass at a place between two tasks.
func failsAt(t *testing.T, src string, end int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(repo(t), "playbooks", "files"), filepath.Join(dir, "files")); err != nil {
		t.Fatal(err)
	}
	broken := src[:end] + `
task "assert" "impossible" {
  command = ["id", "-u"]
  output  = "nobody"
  after   = true
}
` + src[end:]
	broken = strings.Replace(broken, "  hosts ", fmt.Sprintf("  root = %q\n  hosts ", filepath.Join(repo(t), "playbooks")), 1)
	path := filepath.Join(dir, "audit-5p.hcl")
	if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRollbackFromTheNode has every content go that a run keeps beside its journal: what stood there before comes from
// the copies on the node, byte for byte. A copy that is not what was there is not taken.
func TestRollbackFromTheNode(t *testing.T) {
	needLab(t)
	hcrun := binary(t)
	for name, c := range map[string]struct {
		spoil bool
		code  int
		says  []string
	}{
		"copies":         {false, 0, []string{"kube-apiserver.yaml (", "it is taken from the copy on master1", "is as it was before run"}},
		"altered copies": {true, 22, []string{"the journal no longer has what is to stand at", "hcrun journal verify"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, hcrun)
			b.up()
			before := b.digest("master1")
			b.must(0, b.apply("master1")...)
			landed := b.digest("master1")
			blobs, err := filepath.Glob(filepath.Join(b.state, "runs", "*.blobs", "*"))
			if err != nil || len(blobs) == 0 {
				t.Fatalf("%q, %v", blobs, err)
			}
			for _, blob := range blobs {
				if err := os.Remove(blob); err != nil {
					t.Fatal(err)
				}
			}
			copies, err := filepath.Glob(filepath.Join(b.root("master1"), "var/lib/hcrun/undo/*/[0-9]*"))
			if err != nil || len(copies) == 0 {
				t.Fatalf("%q, %v", copies, err)
			}
			for _, copy := range copies {
				text, err := os.ReadFile(copy)
				if err != nil {
					t.Fatal(err)
				}
				if c.spoil {
					text[len(text)-1] ^= 1
				}
				if err := os.WriteFile(copy, text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out := b.must(c.code, "rollback", "--yes")
			for _, s := range c.says {
				if !strings.Contains(out, s) {
					t.Errorf("it does not say %q:\n%s", s, out)
				}
			}
			if blobs, err := filepath.Glob(filepath.Join(b.state, "runs", "*.blobs", "*")); err != nil || len(blobs) > 0 {
				t.Errorf("the copies of the node are kept here as %q, %v", blobs, err)
			}
			want := map[bool]string{false: before, true: landed}[c.spoil]
			if after := b.digest("master1"); after != want {
				t.Errorf("the node is not as it should be:\n%s\n%s", difference(want, after), out)
			}
		})
	}
}
