package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/inventory"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/tasks"
)

// written is a folder in which `hcrun init` was.
func written(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files, err := fs.Sub(starter, "starter")
	if err == nil {
		_, err = writeStarter(dir, files)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStarterLoads: what init writes is valid on both inventories, for three nodes.
func TestStarterLoads(t *testing.T) {
	dir := written(t)
	file, err := playbooks.Load(filepath.Join(dir, "playbooks", "hello.hcl"), playbooks.Options{Kinds: tasks.All(), Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"hosts.hcl", "lab.hcl"} {
		inv, err := inventory.Load(filepath.Join(dir, "inventory", name), func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		hosts, err := inv.Select(file.Hosts())
		if err != nil || len(hosts) != 3 {
			t.Fatalf("%s: %d hosts, %v", name, len(hosts), err)
		}
		for _, h := range hosts {
			pb, err := file.For(playbooks.Node{Name: h.Name, Address: h.Address, Groups: h.Groups, Vars: h.Vars})
			if err != nil || len(pb.Steps) != 3 {
				t.Errorf("%s for %s: %v", name, h.Name, err)
			}
		}
	}
}

// TestInitKeepsAndUndoes: what is there is kept, and where one file cannot be written none is.
func TestInitKeepsAndUndoes(t *testing.T) {
	files, err := fs.Sub(starter, "starter")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		there string // a path, with "/" behind a folder
		kept  []string
		err   string
	}{
		"nothing there":             {},
		"a file":                    {there: "playbooks/hello.hcl", kept: []string{"playbooks/hello.hcl"}},
		"a folder of a file's name": {there: "README.md/", kept: []string{"README.md"}},
		"a file of a folder's name": {there: "playbooks", err: "playbooks is there and is not a folder"},
		"a file deeper down":        {there: "playbooks/files", err: "playbooks/files is there and is not a folder"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "folder")
			before := plant(t, dir, tt.there)
			b, err := writeStarter(dir, files)
			if got := errText(err); got != tt.err {
				t.Fatalf("error %q, want %q", got, tt.err)
			}
			if tt.err == "" && (!slices.Equal(b.Kept, append([]string{}, tt.kept...)) || len(b.Kept)+len(b.Wrote) != 5) {
				t.Errorf("wrote %v, kept %v", b.Wrote, b.Kept)
			}
			want := before + len(b.Wrote)
			if tt.err != "" {
				want = before
			}
			if got := countFiles(t, dir); got != want {
				t.Errorf("%d files, want %d", got, want)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// plant makes a file or folder and returns how many files there are.
func plant(t *testing.T, dir, name string) int {
	t.Helper()
	if name == "" {
		return 0
	}
	at := filepath.Join(dir, name)
	err := os.MkdirAll(filepath.Dir(at), 0o755)
	if folder := strings.HasSuffix(name, "/"); folder && err == nil {
		err = os.MkdirAll(at, 0o755)
	} else if err == nil {
		err = os.WriteFile(at, []byte("mine"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return countFiles(t, dir)
}

func countFiles(t *testing.T, dir string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
