package playbooks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// The limits of what is included. A file may be included many times, and may include others.
const (
	maxIncludes = 100  // includes of a playbook, at any depth
	maxWithin   = 8    // files within each other
	maxSteps    = 2000 // tasks, gates and includes in all files together, as often as they are included
)

// part is one file of a playbook at one place: the playbook's own, or an included one. Its variables and
// locals are its own; its steps stand where its include does.
type part struct {
	skeleton
	file    string           // as messages name it
	name    string           // below the root, "" for the playbook's own
	prefix  string           // before the names of its steps: "NAME." of each include that has a name
	include *hclsyntax.Block // nil for the playbook's own
	in      *part            // the file that includes it
	parts   map[*hclsyntax.Block]*part
}

// from says through which includes the file came, "" for the playbook's own.
func (p *part) from() string {
	if p.include == nil {
		return ""
	}
	var places []string
	for ; p.include != nil; p = p.in {
		rng := p.include.DefRange()
		places = append(places, fmt.Sprintf("%s:%d", rng.Filename, rng.Start.Line))
	}
	return " (included from " + strings.Join(places, ", from ") + ")"
}

// within adds to findings in an included file where it is included from.
func (p *part) within(diags hcl.Diagnostics) hcl.Diagnostics {
	if p.include == nil {
		return diags
	}
	for _, d := range diags {
		if d.Subject != nil && d.Subject.Filename == p.file {
			lang.Within(d, strings.Trim(p.from(), " ()"))
		}
	}
	return diags
}

// walk visits the tasks, gates and includes of the file and of those that it includes, in order.
func (p *part) walk(visit func(*part, *hclsyntax.Block)) {
	for _, b := range p.steps {
		visit(p, b)
		if inner := p.parts[b]; inner != nil {
			inner.walk(visit)
		}
	}
}

// has reports whether there is a block of a type in any of the files.
func (p *part) has(typ string) bool {
	found := false
	p.walk(func(_ *part, b *hclsyntax.Block) { found = found || b.Type == typ })
	return found
}

// including reads the files that a playbook includes.
type including struct {
	f     *File
	first map[string]hcl.Range // of each step's type, kind and name, where it was seen first
	count int                  // includes so far
	steps int
	full  bool // a limit was reached: the rest is not read
	diags hcl.Diagnostics
}

// include reads all included files and sees to it that every step's name is there once.
func (f *File) include() hcl.Diagnostics {
	l := &including{f: f, first: map[string]hcl.Range{}}
	l.follow(f.body)
	return l.diags
}

func (l *including) report(p *part, rng hcl.Range, what, instead string) {
	l.diags = append(l.diags, p.within(lang.Here(rng, what, instead))...)
}

// follow reads what a file includes. Steps that are in the way of others are taken out of it.
func (l *including) follow(p *part) {
	p.parts = map[*hclsyntax.Block]*part{}
	all := p.steps
	p.steps = nil
	for _, b := range all {
		if l.steps++; b.Type == "include" {
			l.count++
		}
		switch {
		case l.full:
			return
		case l.steps > maxSteps:
			l.stop(p, b, fmt.Sprintf("the files together have more than %d tasks, gates and includes", maxSteps))
			return
		case l.count > maxIncludes:
			l.stop(p, b, fmt.Sprintf("there are more than %d includes", maxIncludes))
			return
		case b.Type != "include":
			if l.step(p, b) {
				p.steps = append(p.steps, b)
			}
			continue
		}
		if inner := l.open(p, b); inner != nil {
			p.parts[b], p.steps = inner, append(p.steps, b)
			l.follow(inner)
		}
	}
}

// stop ends the reading, once.
func (l *including) stop(p *part, b *hclsyntax.Block, what string) {
	l.full = true
	l.report(p, b.DefRange(), what, "for_each makes many steps of one block")
}

// step holds that a name is there once, over all files.
func (l *including) step(p *part, b *hclsyntax.Block) bool {
	name := p.prefix + b.Labels[1]
	whole := fmt.Sprintf("%s %q %q", b.Type, b.Labels[0], name)
	if len(name) > 64 {
		l.report(p, b.DefRange(), fmt.Sprintf("%s: the name is longer than 64 characters", whole), "give the step, or an include that it is in, a shorter name")
		return false
	}
	if first, ok := l.first[whole]; ok {
		l.report(p, b.DefRange(), whole+" is there twice", fmt.Sprintf("the other one is on line %d of %s; include \"FILE\" \"NAME\" { ... } puts NAME and a point before the names of the file's steps", first.Start.Line, first.Filename))
		return false
	}
	l.first[whole] = b.DefRange()
	return true
}

// open reads the file that an include names.
func (l *including) open(p *part, b *hclsyntax.Block) *part {
	at, name := b.LabelRanges[0], path.Clean(b.Labels[0])
	inner := &part{name: name, file: filepath.Join(l.f.root, filepath.FromSlash(name)), prefix: p.prefix, include: b, in: p}
	if len(b.Labels) == 2 {
		inner.prefix += b.Labels[1] + "."
	}
	chain, depth := []string{name}, 0
	for outer := p; outer != nil; outer = outer.in {
		chain = append([]string{filepath.ToSlash(outer.named())}, chain...)
		if outer.name == name {
			l.report(p, at, fmt.Sprintf("%s includes itself", name), strings.Join(chain, " -> "))
			return nil
		}
		if depth++; depth > maxWithin {
			l.report(p, at, fmt.Sprintf("more than %d files within each other", maxWithin), strings.Join(chain, " -> "))
			return nil
		}
	}
	src, err := l.f.readIncluded(b.Labels[0])
	if err != nil {
		l.diags = append(l.diags, p.within(hcl.Diagnostics{lang.DiagOf(at, fmt.Errorf("include %q: %w", b.Labels[0], err), "a file is named relative to the playbook's root, also in a file that is itself included")})...)
		return nil
	}
	l.f.sources[inner.file] = src
	body, diags := lang.Parse(inner.file, src, wantsIncluded)
	if body != nil {
		inner.skeleton, diags = split(inner.file, body, l.f.kinds, true)
	}
	l.diags = append(l.diags, inner.within(diags)...)
	if body == nil {
		return nil
	}
	return inner
}

// named is the file in the path of a cycle.
func (p *part) named() string {
	if p.include == nil {
		return p.file
	}
	return p.name
}

// readIncluded reads a file below the root, which counts it among the playbook's inputs.
func (f *File) readIncluded(name string) ([]byte, error) {
	file, err := f.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such file below the playbook's root")
	}
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.IsDir() {
		return nil, errors.Join(err, errors.New("is a folder: name a file"))
	}
	src, err := io.ReadAll(io.LimitReader(file, lang.MaxSize+1))
	if err != nil {
		return nil, cause(err)
	}
	return src, nil
}
