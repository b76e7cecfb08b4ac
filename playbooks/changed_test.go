package playbooks

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hcrun/hcrun/tasks"
)

// TestChanged: what was changed since a playbook was loaded is named, and what is gone altogether is no error.
func TestChanged(t *testing.T) {
	const text = `
playbook "p" {
  hosts = "all"
  root  = ".."
}
task "scp" "one" {
  source      = "files/one.txt"
  destination = "/root/one"
}
task "scp" "two" {
  source      = "files/two.txt"
  destination = "/root/two"
}
`
	write := func(text string, to ...string) func(dir string) error {
		return func(dir string) error {
			return os.WriteFile(filepath.Join(dir, filepath.Join(to...)), []byte(text), 0o600)
		}
	}
	remove := func(name ...string) func(dir string) error {
		return func(dir string) error { return os.RemoveAll(filepath.Join(dir, filepath.Join(name...))) }
	}
	for name, c := range map[string]struct {
		do   []func(dir string) error
		want string
	}{
		"nothing":           {nil, ""},
		"written again":     {[]func(string) error{write("one", "files", "one.txt")}, ""},
		"the playbook":      {[]func(string) error{write(text+"# x\n", "books", "p.hcl")}, "DIR/books/p.hcl"},
		"no playbook now":   {[]func(string) error{write("{", "books", "p.hcl")}, "DIR/books/p.hcl"},
		"another root":      {[]func(string) error{write(strings.Replace(text, `".."`, `"none"`, 1), "books", "p.hcl")}, "DIR/books/p.hcl"},
		"files":             {[]func(string) error{write("2", "files", "two.txt"), write("1", "files", "one.txt")}, "files/one.txt, files/two.txt"},
		"playbook and file": {[]func(string) error{write(text+"# x\n", "books", "p.hcl"), write("1", "files", "one.txt")}, "DIR/books/p.hcl, files/one.txt"},
		"a file is gone":    {[]func(string) error{remove("files", "one.txt")}, "files/one.txt (gone)"},
		"all is gone":       {[]func(string) error{remove("books"), remove("files")}, ""},
		"a pipe": {[]func(string) error{remove("files", "one.txt"), func(dir string) error {
			return syscall.Mkfifo(filepath.Join(dir, "files", "one.txt"), 0o600)
		}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, sub := range []string{"books", "files"} {
				if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			path, o := filepath.Join(dir, "books", "p.hcl"), Options{Kinds: tasks.All()}
			for _, do := range []func(string) error{write(text, "books", "p.hcl"), write("one", "files", "one.txt"), write("two", "files", "two.txt")} {
				if err := do(dir); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Load(path, o)
			if err != nil {
				t.Fatal(err)
			}
			pb, err := f.For(Node{Name: "m1"})
			if err != nil {
				t.Fatal(err)
			}
			for _, do := range c.do {
				if err := do(dir); err != nil {
					t.Fatal(err)
				}
			}
			if got := strings.ReplaceAll(strings.Join(Changed(path, o, pb.Inputs), ", "), dir, "DIR"); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	if got := Changed(GoPrefix+"p", Options{}, map[string]string{"playbook for m1": "x"}); got != nil {
		t.Errorf("of a compiled playbook: %q", got)
	}
}
