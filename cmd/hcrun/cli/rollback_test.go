package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var taskRE = regexp.MustCompile(`(?m)^task "([a-z-]+)" "([a-z_]+)" \{$`)

// TestRollbackAfterEachTask lets the flagship fail behind each of its tasks in turn: every time the node's
// tree is as before, with modes and owners, and logs are kept.
func TestRollbackAfterEachTask(t *testing.T) {
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
