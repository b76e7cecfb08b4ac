package playbooks

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// TestBroken reads every playbook below testdata/broken and compares what is said of it. Lines at the
// top of a playbook say how it is loaded: "# -e name=value", "# --var-file file", "# node name".
func TestBroken(t *testing.T) {
	playbooks, err := filepath.Glob("testdata/broken/*.hcl")
	if err != nil || len(playbooks) < 40 {
		t.Fatalf("%d playbooks, %v", len(playbooks), err)
	}
	for _, path := range playbooks {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".hcl"), func(t *testing.T) {
			compare(t, strings.TrimSuffix(path, ".hcl")+".golden", broken(t, path))
		})
	}
}

func broken(t *testing.T, path string) string {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Kinds: testKinds(), Env: env("EMPTY", "", "HCRUN_VAR_from_env", "many")}
	node := Node{}
	for line := range strings.Lines(string(src)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "#")), " ")
		switch word {
		case "-e":
			o.Vars = append(o.Vars, rest)
		case "--var-file":
			o.VarFiles = append(o.VarFiles, rest)
		case "node":
			node = Node{Name: rest, Groups: []string{"control_plane"}, Vars: map[string]any{"rack": "a"}}
		}
	}
	f, err := Load(path, o)
	if err == nil && node.Name != "" {
		_, err = f.For(node)
	}
	if err == nil {
		t.Fatal("nothing was said of it")
	}
	return err.Error() + "\n"
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
