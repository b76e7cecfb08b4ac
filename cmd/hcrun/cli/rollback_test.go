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
