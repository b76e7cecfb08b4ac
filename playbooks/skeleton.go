package playbooks

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// skeleton is a file taken apart into its blocks; nothing is evaluated yet.
type skeleton struct {
	playbook  *hclsyntax.Block
	schedule  *hclsyntax.Block
	confirm   *hclsyntax.Block
	variables []*hclsyntax.Block
	secrets   []*hclsyntax.Block
	locals    []*hclsyntax.Attribute
	// steps are the tasks, gates and includes in the order of the file, which is the order of the steps.
	// Tasks and gates are of known kinds, each name once.
	steps []*hclsyntax.Block
}

// What belongs in a file, for messages.
const (
	wantsPlaybook = `a playbook begins with: playbook "NAME" { hosts = "GROUP" }`
	wantsIncluded = `a file that is included has tasks, gates, locals, variables and includes, such as: task "KIND" "NAME" { ... }`
)

// splitting collects a skeleton.
type splitting struct {
	skeleton
	kinds    []engine.Kind
	included bool                 // the file is not the playbook's own
	first    map[string]hcl.Range // where a name that may stand once was seen
	diags    hcl.Diagnostics
}

func (s *splitting) report(rng hcl.Range, what, instead string) {
	s.diags = append(s.diags, lang.Diag(rng, what, instead))
}

// split takes the body of a playbook, or of a file that one includes, apart.
func split(filename string, body *hclsyntax.Body, kinds []engine.Kind, included bool) (skeleton, hcl.Diagnostics) {
	s := &splitting{kinds: kinds, included: included, first: map[string]hcl.Range{}}
	for _, a := range body.Attributes {
		s.report(a.NameRange, fmt.Sprintf("%s stands outside of any block", a.Name), attributeBelongs(a.Name))
	}
	for _, b := range body.Blocks {
		s.block(b)
	}
	if s.playbook == nil && !included {
		s.report(hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}, "the file has no playbook block", wantsPlaybook)
	}
	return s.skeleton, s.diags
}

func attributeBelongs(name string) string {
	switch name {
	case "description", "hosts", "root", "name":
		return `it belongs into playbook "NAME" { ... }`
	case "order", "soak", "per_day", "timezone", "window":
		return "it belongs into schedule { ... }"
	case "within", "off":
		return "it belongs into confirm { ... }"
	}
	return "values for many places belong into locals { ... }; those that are given from outside into variable \"NAME\" { ... }"
}

// blockTypes are the blocks of a playbook with their form.
func blockTypes() map[string]string {
	return map[string]string{
		"playbook": `playbook "NAME" { ... }`,
		"variable": `variable "NAME" { ... }`,
		"secret":   `secret "NAME" { ... }`,
		"locals":   `locals { ... }`,
		"schedule": `schedule { ... }`,
		"confirm":  `confirm { ... }`,
		"gate":     `gate "KIND" "NAME" { ... }`,
		"task":     `task "KIND" "NAME" { ... }`,
		"include":  `include "FILE" { ... }, or include "FILE" "NAME" { ... }, whose steps are called NAME.STEP`,
	}
}

// labels is how many names a block takes, at least and at most.
func labels(typ string) (least, most int) {
	switch typ {
	case "task", "gate":
		return 2, 2
	case "playbook", "variable", "secret":
		return 1, 1
	case "include":
		return 1, 2
	}
	return 0, 0
}

func (s *splitting) block(b *hclsyntax.Block) {
	form, ok := blockTypes()[b.Type]
	if !ok {
		s.report(b.TypeRange, fmt.Sprintf("unknown block %q", b.Type), s.otherBlock(b))
		return
	}
	if least, most := labels(b.Type); len(b.Labels) < least || len(b.Labels) > most {
		s.report(b.DefRange(), fmt.Sprintf("%s has %d names; it takes %d", b.Type, len(b.Labels), least), "write "+form)
		return
	}
	if s.included && b.Type == "secret" {
		s.report(b.DefRange(), "a file that is included has no secrets", "declare a variable in it, and give it the playbook's secret: vars = { NAME = secret.NAME }")
		return
	}
	if s.included && (b.Type == "playbook" || b.Type == "schedule" || b.Type == "confirm") {
		s.report(b.DefRange(), fmt.Sprintf("a file that is included has no %s block", b.Type), "the playbook that includes it has it; to share the steps of two playbooks, move them into a file without a playbook block that both include")
		return
	}
	switch b.Type {
	case "playbook":
		if s.once(b, "playbook", "a file is one playbook") && s.named(b, 0) {
			s.playbook = b
		}
	case "schedule":
		if s.once(b, "schedule", "a playbook has one schedule") {
			s.schedule = b
		}
	case "confirm":
		if s.once(b, "confirm", "a playbook has one confirm block") {
			s.confirm = b
		}
	case "variable":
		if s.identifier(b.Labels[0], b.LabelRanges[0]) && s.once(b, lang.Header(b), "a variable is declared once") {
			s.variables = append(s.variables, b)
		}
	case "secret":
		if s.identifier(b.Labels[0], b.LabelRanges[0]) && s.once(b, lang.Header(b), "a secret is declared once") {
			s.secrets = append(s.secrets, b)
		}
	case "locals":
		s.localsBlock(b)
	case "gate", "task":
		s.step(b)
	case "include":
		if len(b.Labels) == 1 || s.named(b, 1) {
			s.steps = append(s.steps, b)
		}
	}
}

// otherBlock helps who wrote the kind where the block's type belongs.
func (s *splitting) otherBlock(b *hclsyntax.Block) string {
	for _, k := range s.kinds {
		if k.Name == b.Type {
			return fmt.Sprintf("write task %q \"NAME\" { ... }", b.Type)
		}
	}
	if b.Type == "local" {
		return "write locals { ... }"
	}
	var types []string
	for t := range blockTypes() {
		types = append(types, t)
	}
	return lang.DidYouMean(b.Type, types)
}

// once reports the second block of a kind that there may be one of.
func (s *splitting) once(b *hclsyntax.Block, key, rule string) bool {
	if first, ok := s.first[key]; ok {
		s.report(b.DefRange(), fmt.Sprintf("%s is there twice", lang.Header(b)), fmt.Sprintf("the other one is on line %d; %s", first.Start.Line, rule))
		return false
	}
	s.first[key] = b.DefRange()
	return true
}

func (s *splitting) identifier(name string, rng hcl.Range) bool {
	if !engine.ValidName(name) || !hclsyntax.ValidIdentifier(name) {
		s.report(rng, fmt.Sprintf("%q cannot be a name", name), "write ASCII letters, digits, _ and -, beginning with a letter")
		return false
	}
	return true
}

// named checks the label that names a playbook, task or gate. The [key] of a name is for_each's.
func (s *splitting) named(b *hclsyntax.Block, i int) bool {
	name := b.Labels[i]
	if !engine.ValidName(name) || name[len(name)-1] == ']' {
		s.report(b.LabelRanges[i], fmt.Sprintf("%q cannot be a name", name), `write ASCII letters, digits, "_", "." and "-", beginning with a letter, at most 64`)
		return false
	}
	return true
}

func (s *splitting) localsBlock(b *hclsyntax.Block) {
	for _, inner := range b.Body.Blocks {
		s.report(inner.TypeRange, "locals holds values, not blocks", fmt.Sprintf("write %s = { ... }", inner.Type))
	}
	for _, a := range sorted(b.Body.Attributes) {
		key := "local." + a.Name
		if first, ok := s.first[key]; ok {
			s.report(a.NameRange, fmt.Sprintf("%s is there twice", key), fmt.Sprintf("the other one is on line %d", first.Start.Line))
			continue
		}
		s.first[key] = a.NameRange
		s.locals = append(s.locals, a)
	}
}

func (s *splitting) step(b *hclsyntax.Block) {
	if _, ok := kindOf(s.kinds, b.Labels[0]); !ok {
		s.report(b.LabelRanges[0], fmt.Sprintf("there is no task kind %q", b.Labels[0]), lang.DidYouMean(b.Labels[0], kindNames(s.kinds)))
		return
	}
	if !s.named(b, 1) || !s.once(b, lang.Header(b), "a kind and a name together are there once") {
		return
	}
	s.steps = append(s.steps, b)
}

func kindOf(kinds []engine.Kind, name string) (engine.Kind, bool) {
	for _, k := range kinds {
		if k.Name == name {
			return k, true
		}
	}
	return engine.Kind{}, false
}

func kindNames(kinds []engine.Kind) []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	return names
}
