package enginetest

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"

	"github.com/hcrun/hcrun/engine"
)

// commented holds that Kind.Source declares the task's struct, and that the struct and each of its fields
// have a comment: it is what `hcrun doc` shows.
func commented(_ context.Context, k engine.Kind, _ Sample) error {
	t := reflect.TypeOf(k.New()).Elem()
	file, err := parser.ParseFile(token.NewFileSet(), k.Name+".go", k.Source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("its Source is to be the text of the Go file with the struct (go:embed): %w", err)
	}
	spec, text := declared(file, t.Name())
	if spec == nil {
		return fmt.Errorf("its Source does not declare %s", t.Name())
	}
	var errs []error
	if text == "" {
		errs = append(errs, fmt.Errorf("the struct %s has no comment", t.Name()))
	}
	for _, f := range spec.Fields.List {
		for _, name := range f.Names {
			if name.IsExported() && f.Doc.Text() == "" {
				errs = append(errs, fmt.Errorf("%s.%s has no comment above it", t.Name(), name.Name))
			}
		}
	}
	return errors.Join(errs...)
}

// declared is the struct of a name in a file, and its comment.
func declared(file *ast.File, name string) (*ast.StructType, string) {
	for _, decl := range file.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok || t.Name.Name != name {
				continue
			}
			if s, ok := t.Type.(*ast.StructType); ok {
				return s, t.Doc.Text() + g.Doc.Text()
			}
		}
	}
	return nil, ""
}
