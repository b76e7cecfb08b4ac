package cli

import (
	"crypto/rand"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/engine"
)

// starter is what `hcrun init` writes, as it lies in the folder.
//
//go:embed starter
var starter embed.FS

func (a *app) initCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first playbook and the inventories for it: one for the lab, one to fill in",
		Long: `Writes playbooks/hello.hcl, inventory/lab.hcl, inventory/hosts.hcl and a README into DIR, which is made if
it is not there; without DIR into this folder. A file that is there already is kept as it is.`,
		Example: `  hcrun init infra
  cd infra && hcrun apply playbooks/hello.hcl -i inventory/lab.hcl --limit master1`,
		Args: exactly(0, 1, "at most one folder"),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.init(dir)
		},
	}
}

// begun is what init did.
type begun struct {
	Wrote []string `json:"wrote"`
	Kept  []string `json:"kept"`
	Next  string   `json:"next"`
}

func (a *app) init(dir string) error {
	files, err := fs.Sub(starter, "starter")
	if err != nil {
		return err
	}
	b, err := writeStarter(dir, files)
	if err != nil {
		p := engine.Problemf(engine.Invalid, "init %s: %w", dir, err)
		p.Now = "no file was written"
		return p
	}
	b.Next = "hcrun apply playbooks/hello.hcl -i inventory/lab.hcl --limit master1"
	if dir != "." {
		b.Next = "cd " + shellWord(dir) + " && " + b.Next
	}
	if a.json {
		return a.printJSON(b)
	}
	for _, name := range b.Wrote {
		a.note("wrote %s", path.Join(dir, name))
	}
	for _, name := range b.Kept {
		a.note("kept  %s, which was there already", path.Join(dir, name))
	}
	a.note("next:  %s", b.Next)
	return nil
}

// writeStarter writes the files that are not there yet, all of them or none. Whether each can be is asked
// before the first is written, and each gets its name only when it is whole.
func writeStarter(dir string, files fs.FS) (begun, error) {
	b := begun{Wrote: []string{}, Kept: []string{}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return b, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return b, err
	}
	defer root.Close()
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch there, err := occupied(root, name); {
		case err != nil:
			return err
		case there:
			b.Kept = append(b.Kept, name)
		default:
			b.Wrote = append(b.Wrote, name)
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	for i, name := range b.Wrote {
		if err := putInPlace(root, files, name); err != nil {
			for _, done := range b.Wrote[:i] {
				err = errors.Join(err, root.Remove(done))
			}
			return b, err
		}
	}
	return b, nil
}

// occupied reports whether something has the name; that a folder of it cannot be one is an error.
func occupied(root *os.Root, name string) (bool, error) {
	for at := path.Dir(name); at != "."; at = path.Dir(at) {
		info, err := root.Stat(at)
		if err == nil && !info.IsDir() {
			return false, errors.New(at + " is there and is not a folder")
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) { // a folder further up says it
			return false, err
		}
	}
	_, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// putInPlace writes one file under a name of its own and then links it to the one it is for, which fails where
// somebody else was quicker.
func putInPlace(root *os.Root, files fs.FS, name string) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	temp := path.Join(path.Dir(name), ".hcrun-init-"+rand.Text()[:8])
	err = root.WriteFile(temp, text, 0o644)
	if err == nil {
		err = root.Link(temp, name)
	}
	return errors.Join(err, root.Remove(temp))
}

// shellWord is a word as a shell takes it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
