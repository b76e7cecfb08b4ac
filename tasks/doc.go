// Package tasks has the kinds of steps that a playbook can have: one file each, whose struct is both
// the body in HCL and the literal in Go, and whose comments are the documentation.
//
// [All] lists them for a binary; [DocText] is what `hcrun doc` prints, for kinds of any origin. In Go a
// step is such a literal in an engine.Step:
//
//	engine.Step{Name: "policy", Task: &tasks.Scp{
//		Source:      "files/audit-policy.yaml",
//		Destination: "/etc/kubernetes/audit-policy.yaml",
//		Mode:        0o600,
//		Validate:    "audit-policy",
//	}}
//
// A field that is zero is one that the playbook does not write, and has the default that its comment names.
//
// How a kind is written is explained in package engine; touch.go is a short Changer to begin from, assert.go
// a Checker. A kind of your own needs no place in this package: it goes into a binary of your own (see
// package cli) and is held to the same rules by enginetest.TestKind.
package tasks

//go:generate go test . -run TestReadmeIsCurrent -update

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"go/types"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hcrun/hcrun/engine"
)

// DocText is the documentation of one kind as plain text for a terminal: its name on the first line,
// then what it does, then every field. With name "" it lists the kinds, one a line.
func DocText(kinds []engine.Kind, name string) (string, error) {
	var b strings.Builder
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
		if name != "" && k.Name != name {
			continue
		}
		d, err := readDoc(k)
		if err != nil {
			return "", err
		}
		if name == "" {
			fmt.Fprintf(&b, "%-14s %s\n", k.Name, synopsis(d.text))
			continue
		}
		fmt.Fprintf(&b, "%s\n\n%s\nFields\n", k.Name, d.plain(d.text, ""))
		textFields(&b, d.fields, "  ")
		fmt.Fprintf(&b, "\n%s", d.plain(common(k), ""))
		return b.String(), nil
	}
	if name != "" {
		return "", fmt.Errorf("there is no task kind %q%s; there are %s", name, didYouMean(name, names), strings.Join(names, ", "))
	}
	return b.String(), nil
}

func textFields(b *strings.Builder, fields []docField, indent string) {
	for _, f := range fields {
		fmt.Fprintf(b, "\n%s%s  (%s)\n%s", indent, f.name, f.about, kindDoc{}.plain(f.text, indent+"    "))
		textFields(b, f.fields, indent+"    ")
	}
}

// DocMarkdown is the documentation of the kinds as one Markdown page.
func DocMarkdown(kinds []engine.Kind) (string, error) {
	var b strings.Builder
	b.WriteString("# Tasks\n\nGenerated from the comments of the Go files beside it: change those, then run `go generate ./tasks`.\n`hcrun doc KIND` shows the same in a terminal.\n\n| kind | what it does |\n|---|---|\n")
	var pages strings.Builder
	for _, k := range kinds {
		d, err := readDoc(k)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", k.Name, k.Name, strings.ReplaceAll(synopsis(d.text), "|", `\|`))
		pages.WriteString("\n" + page(k, d))
	}
	return b.String() + pages.String(), nil
}

func markdownFields(b *strings.Builder, fields []docField, indent string) {
	for _, f := range fields {
		text := strings.TrimSpace(kindDoc{}.markdown(f.text))
		fmt.Fprintf(b, "%s* **`%s`** (%s): %s\n", indent, f.name, f.about, strings.ReplaceAll(text, "\n", "\n"+indent+"  "))
		markdownFields(b, f.fields, indent+"  ")
	}
}

// common is what a task of this kind takes besides its own fields.
func common(k engine.Kind) string {
	if _, ok := k.New().(engine.Checker); ok {
		return "Like every check it also takes when and for_each, on_rollback (check again after a rollback), on_failure (\"rollback\", or \"eventful\" to keep the change and hold the next node), timeout, retry, retry_pause, delegate_to (another node to look at) and tags. It can be a gate on other nodes.\n"
	}
	return "Like every task it also takes when and for_each, sensitive (its content is never shown) and tags.\n"
}

// kindDoc is the documentation of a kind.
type kindDoc struct {
	text   string
	fields []docField
}

// docField is one attribute or block.
type docField struct {
	name   string
	about  string // "text, required"
	text   string
	fields []docField // of a block
}

// plain renders a Go comment for a terminal.
func (kindDoc) plain(text, indent string) string {
	p := comment.Printer{TextPrefix: indent, TextCodePrefix: indent + "    ", TextWidth: 78 - len(indent)}
	return string(p.Text(new(comment.Parser).Parse(text)))
}

// markdown renders a Go comment as Markdown.
func (kindDoc) markdown(text string) string {
	return string(new(comment.Printer).Markdown(new(comment.Parser).Parse(text)))
}

// readDoc reads a kind's documentation out of the Go file that declares it.
func readDoc(k engine.Kind) (kindDoc, error) {
	name := reflect.TypeOf(k.New()).Elem().Name()
	file, err := parser.ParseFile(token.NewFileSet(), k.Name+".go", k.Source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return kindDoc{}, fmt.Errorf("documentation of %s: %w", k.Name, err)
	}
	s := structs{}
	for _, decl := range file.Decls {
		if g, ok := decl.(*ast.GenDecl); ok {
			s.add(g)
		}
	}
	t, ok := s[name]
	if !ok {
		return kindDoc{}, fmt.Errorf("documentation of %s: its source does not declare %s", k.Name, name)
	}
	return kindDoc{text: upperFirst(strings.TrimPrefix(t.text, name+" ")), fields: s.fields(t.fields)}, nil
}

// structs are the struct types of a file, by name.
type structs map[string]structDoc

type structDoc struct {
	text   string
	fields *ast.FieldList
}

func (s structs) add(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		text := t.Doc.Text()
		if text == "" {
			text = g.Doc.Text()
		}
		if st, ok := t.Type.(*ast.StructType); ok {
			s[t.Name.Name] = structDoc{text, st.Fields}
		}
	}
}

// fields lists what a playbook can write in a struct's body.
func (s structs) fields(list *ast.FieldList) []docField {
	var all []docField
	for _, f := range list.List {
		if f.Tag == nil || len(f.Names) != 1 {
			continue
		}
		tag, option, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("hcl"), ",")
		if tag == "" {
			continue
		}
		d := docField{name: tag, about: about(types.ExprString(f.Type), option), text: fieldText(f.Names[0].Name, tag, f.Doc.Text())}
		if option == "block" {
			d.fields = s.fields(s.block(f.Type))
		}
		all = append(all, d)
	}
	return all
}

// block is the struct of a block's field.
func (s structs) block(t ast.Expr) *ast.FieldList {
	if t, ok := s[strings.TrimLeft(types.ExprString(t), "[]*")]; ok {
		return t.fields
	}
	return &ast.FieldList{}
}

// about says what a field takes, in words.
func about(goType, option string) string {
	switch {
	case option == "block" && strings.HasPrefix(goType, "[]"):
		return "block, any number"
	case option == "block" && strings.HasPrefix(goType, "*"):
		return "block, at most one"
	case option == "block":
		return "block, exactly one"
	case option == "label":
		return "label of the block"
	case option == "optional":
		return typeWords(goType)
	}
	return typeWords(goType) + ", required"
}

func typeWords(goType string) string {
	switch goType {
	case "string":
		return "text"
	case "bool", "*bool":
		return "true or false"
	case "int", "int64":
		return "whole number"
	case "float64":
		return "number"
	case "engine.Mode":
		return "mode"
	case "engine.Duration":
		return "duration"
	case "[]string":
		return "list of texts"
	case "map[string]string":
		return "map of texts"
	case "map[string]any":
		return "map"
	case "[]map[string]any":
		return "list of maps"
	}
	return "any value"
}

// fieldText makes user documentation of a field's Go comment: "Path is the file" becomes "The file".
func fieldText(goName, name, text string) string {
	rest, ok := strings.CutPrefix(text, goName+" ")
	if !ok {
		return text
	}
	for _, verb := range []string{"is ", "are "} {
		if said, ok := strings.CutPrefix(rest, verb); ok {
			return upperFirst(said)
		}
	}
	return name + " " + rest
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// synopsis is the first sentence of a text.
func synopsis(text string) string { return new(doc.Package).Synopsis(text) }
