package hcrun_test

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExportedNamesAreDocumented holds that every exported name of every package that can be imported has
// a comment: types, functions, methods, constants and variables; and every package one of its own. Fields
// are the type's comment's to explain, and need one of their own only where it says less than their name.
func TestExportedNamesAreDocumented(t *testing.T) {
	packages := map[string]bool{}
	for _, s := range house(t) {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		packages[s.room] = packages[s.room] || s.file.Doc.Text() != ""
		for _, decl := range s.file.Decls {
			for _, name := range bare(decl) {
				t.Errorf("%s: %s has no comment", s.at(name), name.Name)
			}
		}
	}
	for room, documented := range packages {
		if !documented {
			t.Errorf("package %s has no comment", room)
		}
	}
}

// bare are the exported names of a declaration that nothing is said about.
func bare(decl ast.Decl) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc.Text() == "" && exportedReceiver(d) && !plumbing(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range d.Specs {
			names = append(names, bareSpec(d, spec)...)
		}
		return names
	}
	return nil
}

func bareSpec(d *ast.GenDecl, spec ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc.Text()+d.Doc.Text() == "" {
			names = append(names, s.Name)
		}
		if i, ok := s.Type.(*ast.InterfaceType); ok && s.Name.IsExported() {
			names = append(names, bareMethods(i)...)
		}
	case *ast.ValueSpec: // a comment on the group, on the line above or behind
		if s.Doc.Text()+s.Comment.Text()+d.Doc.Text() != "" {
			return nil
		}
		for _, n := range s.Names {
			if n.IsExported() {
				names = append(names, n)
			}
		}
	}
	return names
}

// bareMethods are the methods of an interface without a comment.
func bareMethods(i *ast.InterfaceType) []*ast.Ident {
	var names []*ast.Ident
	for _, m := range i.Methods.List {
		for _, n := range m.Names {
			if n.IsExported() && m.Doc.Text()+m.Comment.Text() == "" {
				names = append(names, n)
			}
		}
	}
	return names
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	name := d.Recv.List[0].Type
	if star, ok := name.(*ast.StarExpr); ok {
		name = star.X
	}
	id, ok := name.(*ast.Ident)
	return ok && id.IsExported()
}

// plumbing are methods whose whole meaning is their interface's.
func plumbing(d *ast.FuncDecl) bool {
	return d.Recv != nil && (d.Name.Name == "Error" || d.Name.Name == "String") && d.Type.Params.NumFields() == 0
}

var linkRE = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// TestLinksLeadSomewhere: a page that names a file of the repository names one that is there.
func TestLinksLeadSomewhere(t *testing.T) {
	links := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".md") {
			return nil
		}
		page, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range linkRE.FindAllSubmatch(page, -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), string(m[1]))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil || links < 20 {
		t.Errorf("%d links, %v", links, err)
	}
}

// TestPromisesAreTested holds that every test that the page of promises names is there, and that no promise is
// without one.
func TestPromisesAreTested(t *testing.T) {
	page, err := os.ReadFile("docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	err = filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	promises := strings.Split(string(page), "\n## P")[1:]
	if len(promises) != 20 {
		t.Errorf("%d promises", len(promises))
	}
	for _, p := range promises {
		name, _, _ := strings.Cut(p, "\n")
		tests := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(p, -1)
		if len(tests) == 0 {
			t.Errorf("P%s has no test", name)
		}
		for _, test := range tests {
			if !there[test] {
				t.Errorf("P%s names %s, and there is none", name, test)
			}
		}
	}
}
