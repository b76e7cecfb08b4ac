package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/trial"
)

func (a *app) testCmd() *cobra.Command {
	var only string
	var update bool
	c := &cobra.Command{
		Use:   "test [DIR|FILE...]",
		Short: "Try playbooks on fake nodes, by the *" + trial.Suffix + " files beside them",
		Long: `Runs the tests in *` + trial.Suffix + ` files: a playbook, the files of a node, and what is expected of the two. The
playbook is loaded, planned, guarded, applied and rolled back for real, on a node in memory; checks answer
what the test says. Nothing is connected to, and nobody's environment is asked.

Every test holds besides its own expectations that a second apply changes nothing, that a rollback gives
back every byte, and that a node that was refused was not touched.

A folder is searched with all below it, but for folders named testdata or beginning with a dot. Without an
argument that folder is playbooks.

Exit status: 0 when all pass, 21 when an expectation is not met, 2 when a test file is wrong.`,
		Args: exactly(0, -1, "folders and files"),
		RunE: func(c *cobra.Command, args []string) error {
			names, err := regexp.Compile(only)
			if err != nil {
				return usage("--run: %v", err)
			}
			if len(args) == 0 {
				args = []string{"playbooks"}
			}
			files, err := testFiles(args)
			if err != nil {
				return err
			}
			return a.test(c.Context(), files, names, trial.Options{Kinds: a.kinds, Update: update, Hide: a.veil.Hide})
		},
	}
	c.Flags().StringVar(&only, "run", "", "only tests whose name matches this regular expression")
	c.Flags().BoolVar(&update, "update", false, "write the files of expected diffs")
	return c
}

// testFiles are the test files that are named, or that lie in the folders that are.
func testFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, usage("%s: there is no such file or folder; name where your *%s files are", arg, trial.Suffix)
		case err != nil:
			return nil, usage("%v", err)
		case !info.IsDir():
			if !strings.HasSuffix(arg, trial.Suffix) {
				return nil, usage("%s: the names of test files end in %s", arg, trial.Suffix)
			}
			files = append(files, arg)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(arg, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && name != arg && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			if err == nil && !d.IsDir() && strings.HasSuffix(name, trial.Suffix) {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, usage("%v", err)
		}
		if len(files) == before {
			return nil, usage("%s: there is no *%s file in it", arg, trial.Suffix)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// test runs those tests of the files that have such names, one after the other. All files are read before
// the first test runs.
func (a *app) test(ctx context.Context, paths []string, names *regexp.Regexp, o trial.Options) error {
	began := time.Now()
	var files []*trial.File
	var wrong []error
	for _, path := range paths {
		f, err := trial.Load(path, o)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		defer f.Close()
		files = append(files, f)
	}
	if wrong != nil {
		return engine.Problemf(engine.Invalid, "%v", together(wrong))
	}
	ran, failed := 0, 0
	for _, f := range files {
		for _, t := range f.Tests {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !names.MatchString(t.Name) {
				continue
			}
			r := t.Run(ctx, o)
			if r.Bad != nil {
				wrong = append(wrong, r.Bad)
			} else if ran++; len(r.Failures) > 0 {
				failed++
			}
			a.tested(f, r)
		}
	}
	switch {
	case wrong != nil:
		return engine.Problemf(engine.Invalid, "%v", together(wrong))
	case ran == 0:
		return usage("--run %s: no test has such a name", names)
	case failed > 0:
		return engine.Problemf(engine.RolledBack, "%d of %s failed", failed, count(ran, "test"))
	}
	a.note("%s passed in %s", count(ran, "test"), time.Since(began).Round(time.Millisecond))
	return nil
}

// count is a number of things in words.
func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// together is all that is wrong with several files.
func together(errs []error) string {
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "\n\n")
}

// tested shows how one test went: one line, and below it what was not met.
func (a *app) tested(f *trial.File, r trial.Result) {
	if r.Bad != nil {
		return // it is the command's error
	}
	if a.json {
		a.events = true
		a.testedJSON(f, r)
		return
	}
	word := a.style.Good("ok  ")
	if len(r.Failures) > 0 {
		word = a.style.Bad("FAIL")
	}
	fmt.Fprintf(a.out, "%s  %s:%d  %s  %s\n", word, ui.Line(f.Path), r.Test.Line, ui.Line(r.Test.Name), a.style.Dim("("+r.Took.Round(100*time.Microsecond).String()+")"))
	for _, failure := range r.Failures {
		for line := range strings.Lines(failure.String() + "\n") {
			fmt.Fprint(a.out, "      "+line)
		}
	}
	if r.Wrote != "" {
		a.note("      wrote %s", r.Wrote)
	}
}

// testedJSON is the same for programs.
func (a *app) testedJSON(f *trial.File, r trial.Result) {
	type failure struct {
		At     string `json:"at"`
		What   string `json:"what"`
		Detail string `json:"detail,omitempty"`
	}
	line := struct {
		Kind     string    `json:"kind"`
		File     string    `json:"file"`
		Line     int       `json:"line"`
		Name     string    `json:"name"`
		OK       bool      `json:"ok"`
		Seconds  float64   `json:"seconds"`
		Failures []failure `json:"failures,omitempty"`
		Wrote    string    `json:"wrote,omitempty"`
	}{"test", f.Path, r.Test.Line, r.Test.Name, len(r.Failures) == 0, r.Took.Seconds(), nil, r.Wrote}
	for _, one := range r.Failures {
		line.Failures = append(line.Failures, failure{one.At, one.What, one.Detail})
	}
	if b, err := json.Marshal(line); err == nil {
		fmt.Fprintf(a.out, "%s\n", b)
	}
}
