// Package trial tries playbooks on fake nodes: the real loader, planner, guards and engine, a node and a
// journal in memory, and checks that answer what the test says. There is no connection and no waiting.
//
// What is tried besides a test's own expectations, whatever they are: that a second apply changes
// nothing, that a rollback gives back every byte, and that a node that was refused was not touched.
package trial

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// Suffix is how the names of test files end.
const Suffix = ".test.hcl"

// Options are what tests are read and run with.
type Options struct {
	Kinds  []engine.Kind
	Update bool // write the file of an expected diff instead of comparing with it
	Hide   func(...engine.Secret)
}

// File is a test file that was read.
type File struct {
	Path  string
	Tests []*Test

	src   []byte
	root  *os.Root // the test file's folder
	scope *lang.Scope
}

// Test is one test: a playbook, a node, and what is expected of the two.
type Test struct {
	Name string
	Line int

	file   *File
	block  *hclsyntax.Block
	given  given
	expect expectation
	golden string // the file of the expected diff, where it is written as file("...")
}

// Result is how a test went.
type Result struct {
	Test     *Test
	Took     time.Duration
	Failures []Failure // none: it passed
	Bad      error     // the test itself is wrong, a *lang.Error
	Wrote    string    // the golden file that was written
}

// Failure is one expectation that was not met.
type Failure struct {
	At     string // file:line:col
	What   string
	Detail string // what was expected and what is, as a diff; "" where What says all
	text   string
}

// String is the failure with the test's line, for people.
func (f Failure) String() string { return f.text }

// Load reads a test file. The error is a *lang.Error with all that is wrong in it.
func Load(path string, o Options) (*File, error) {
	src, err := lang.ReadFile(path)
	if err != nil {
		return nil, lang.AsError(lang.Here(hcl.Range{}, err.Error(), ""), nil)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, lang.AsError(lang.Here(hcl.Range{Filename: path}, err.Error(), ""), nil)
	}
	f := &File{Path: path, src: src, root: root}
	f.scope = &lang.Scope{Functions: functions(root), Sources: f.sources(), Elsewhere: map[string]string{
		"var":   "a test gives variables their values: write the value itself",
		"local": "locals are the playbook's: write the value itself",
		"node":  "a test says what the node is: write the value itself",
	}}
	l := &loading{file: f, options: o, seen: map[string]hcl.Range{}}
	l.load()
	if err := lang.AsError(l.diags, f.sources()); err != nil {
		root.Close()
		return nil, err
	}
	return f, nil
}

// Close closes the folder that files are read from.
func (f *File) Close() error { return f.root.Close() }

func (f *File) sources() map[string][]byte { return map[string][]byte{f.Path: f.src} }

// longest is how long one test may take. Only checks that are asked for real can wait.
const longest = time.Minute

// Run runs the test.
func (t *Test) Run(ctx context.Context, o Options) Result {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	c := &carrying{Test: t, kinds: o.Kinds, hide: o.Hide}
	c.carry(ctx)
	r := Result{Test: t}
	if c.bad == nil && o.Update && t.golden != "" && c.planned {
		r.Wrote, c.bad = t.update(diffOf(ctx, c.steps))
	}
	diags := c.bad
	if diags == nil {
		diags = c.compare(ctx)
	}
	r.Took = time.Since(began)
	if c.bad != nil {
		r.Bad = lang.AsError(c.bad, t.file.sources())
		return r
	}
	shown := &lang.Error{Diags: diags, Sources: t.file.sources()}
	for _, d := range diags {
		r.Failures = append(r.Failures, Failure{At: lang.Place(*d.Subject), What: d.Summary, Detail: d.Detail, text: strings.TrimRight(shown.Render(d), "\n")})
	}
	return r
}

// update writes the expected diff where it is another, and says so.
func (t *Test) update(got string) (wrote string, bad hcl.Diagnostics) {
	if was, err := t.file.root.ReadFile(t.golden); err == nil && string(was) == got {
		t.expect.diff = &got
		return "", nil
	}
	err := t.file.root.MkdirAll(filepath.Dir(t.golden), 0o777)
	if err == nil {
		err = t.file.root.WriteFile(t.golden, []byte(got), 0o666)
	}
	if err != nil {
		return "", lang.Here(t.at("expect", "diff"), fmt.Sprintf("the expected diff cannot be written: %v", err), "")
	}
	t.expect.diff = &got
	return filepath.Join(filepath.Dir(t.file.Path), t.golden), nil
}

// at is the place of an attribute of the test, or of a block in it: at("expect", "order").
func (t *Test) at(names ...string) hcl.Range { return find(t.block, names...) }

// find follows block types and labels as far as there are some, to an attribute or a block.
func find(b *hclsyntax.Block, names ...string) hcl.Range {
	if len(names) == 0 {
		return b.DefRange()
	}
	if a := b.Body.Attributes[names[0]]; a != nil {
		return a.Expr.Range()
	}
	for _, inner := range b.Body.Blocks {
		rest := names[1:]
		switch {
		case inner.Type != names[0]:
			continue
		case len(inner.Labels) == 0:
			return find(inner, rest...)
		case len(rest) > 0 && inner.Labels[0] == rest[0]:
			return find(inner, rest[1:]...)
		}
	}
	return b.DefRange()
}
