package playbooks

import (
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// place is the line that an error of a step is about: the field's, if it names one, else the header.
// A field of a block may be written "flags.set".
func place(b *hclsyntax.Block, err error) hcl.Range {
	field, ok := errors.AsType[*engine.FieldError](err)
	if !ok {
		return b.DefRange()
	}
	name, rest, _ := strings.Cut(field.Field, ".")
	name, _, _ = strings.Cut(name, "[")
	if a := b.Body.Attributes[name]; a != nil {
		return a.Expr.Range()
	}
	for _, inner := range written(b.Body.Blocks) {
		if inner.Type == name && rest == "" {
			return inner.DefRange()
		}
		if inner.Type == name {
			return place(inner, &engine.FieldError{Field: rest, Err: field.Err})
		}
	}
	return b.DefRange()
}

// Explain points at the line of the playbook that an error comes from: "file:line:col", the source line
// and a caret. It is "" when the error is not about one step of this playbook.
func (f *File) Explain(err error) string {
	step, ok := errors.AsType[*engine.StepError](err)
	if !ok {
		return ""
	}
	typ, what := "task", ""
	if step.Gate {
		typ = "gate"
	}
	base, _, _ := strings.Cut(step.Name, "[")
	f.body.walk(func(p *part, b *hclsyntax.Block) {
		if what == "" && b.Type == typ && b.Labels[0] == step.Kind && p.prefix+b.Labels[1] == base {
			rng := place(b, step.Err)
			what = lang.Place(rng) + p.from() + "\n" + lang.Snippet(rng, f.sources[rng.Filename])
		}
	})
	return what
}

// written are the blocks of a body, of a dynamic one the content under its name.
func written(blocks hclsyntax.Blocks) hclsyntax.Blocks {
	all := slices.Clone(blocks)
	for i, b := range all {
		if b.Type != "dynamic" || len(b.Labels) != 1 {
			continue
		}
		for _, inner := range b.Body.Blocks {
			if inner.Type == "content" {
				content := *inner
				content.Type = b.Labels[0]
				all[i] = &content
			}
		}
	}
	return all
}
