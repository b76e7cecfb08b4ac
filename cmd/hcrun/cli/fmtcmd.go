package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// fmtFlags are what fmt was told.
type fmtFlags struct{ check, diff bool }

func (a *app) fmtCmd() *cobra.Command {
	var f fmtFlags
	c := &cobra.Command{
		Use:   "fmt [FILE...]",
		Short: "Lay out playbooks, inventories and other HCL files as all of them are",
		Long: `Rewrites the spaces of each FILE and prints the names of those that it changed. What a file says stays as
it is, and so do comments, heredocs and line ends. A file with errors is left alone. Without a FILE, or
with -, it reads standard input and writes standard output.`,
		RunE: func(c *cobra.Command, args []string) error { return a.format(args, f) },
	}
	c.Flags().BoolVar(&f.check, "check", false, "write nothing; exit 3 and name the files that are not laid out")
	c.Flags().BoolVar(&f.diff, "diff", false, "write nothing; show what would change")
	return c
}

func (a *app) format(names []string, f fmtFlags) error {
	if len(names) == 0 {
		names = []string{"-"}
	}
	changed := 0
	var wrong []error
	for _, name := range names {
		done, err := a.formatOne(name, f)
		if err != nil {
			wrong = append(wrong, err)
		}
		if done {
			changed++
		}
	}
	switch err := errors.Join(wrong...); {
	case err != nil:
		return usage("%w", err)
	case f.check && changed > 0:
		return engine.Problemf(engine.Pending, "%d of %d files are not laid out", changed, len(names))
	}
	return nil
}

// formatOne lays one file out and reports whether it was not.
func (a *app) formatOne(name string, f fmtFlags) (bool, error) {
	src, shown, err := a.readText(name)
	if err != nil {
		return false, err
	}
	out, diags := lang.Format(shown, src)
	if err := lang.AsError(diags, map[string][]byte{shown: src}); err != nil {
		return false, err
	}
	same := bytes.Equal(src, out)
	if f.diff && !same {
		fmt.Fprint(a.out, ui.Diff(a.style, shown, string(src), string(out)))
	}
	switch {
	case f.check && !same && !f.diff:
		fmt.Fprintln(a.out, ui.Line(shown))
	case f.check || f.diff:
	case name == "-":
		_, err := a.out.Write(out)
		return !same, err
	case !same:
		if err := replaceFile(name, out); err != nil {
			return false, err
		}
		fmt.Fprintln(a.out, ui.Line(shown))
	}
	return !same, nil
}

// readText reads a file, or standard input for "-", and says what to call it.
func (a *app) readText(name string) ([]byte, string, error) {
	if name != "-" {
		src, err := lang.ReadFile(name)
		return src, name, err
	}
	src, err := io.ReadAll(io.LimitReader(a.in, lang.MaxSize+1))
	return src, "standard input", err
}

// replaceFile replaces what is in a file, whole or not at all; its mode and owner stay. Behind a symbolic
// link it is the file that is replaced.
func replaceFile(name string, text []byte) error {
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".hcrun-fmt-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	_, err = tmp.Write(text)
	err = errors.Join(err, keepOwner(tmp, info), tmp.Chmod(info.Mode().Perm()), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w; it is as it was", name, err)
	}
	return nil
}

// keepOwner gives a new file the owner of the one that it replaces.
func keepOwner(tmp *os.File, was fs.FileInfo) error {
	now, err := tmp.Stat()
	if err != nil {
		return err
	}
	a, ok1 := was.Sys().(*syscall.Stat_t)
	b, ok2 := now.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || a.Uid == b.Uid && a.Gid == b.Gid {
		return nil
	}
	return tmp.Chown(int(a.Uid), int(a.Gid))
}
