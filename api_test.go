package hcrun_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/api.txt anew")

// stable are the rooms whose exported names a team builds on; docs/compatibility.md says what that means.
func stable() []string {
	return []string{"cmd/hcrun/cli", "engine", "engine/enginetest", "playbooks", "tasks"}
}

const apiFile = "docs/api.txt"

// TestAPIIsRecorded holds that an exported name of a stable package does not change unnoticed: docs/api.txt
// has them all, and its diff is what a reviewer of a change looks at.
func TestAPIIsRecorded(t *testing.T) {
	var b strings.Builder
	b.WriteString("The exported Go API of the stable packages. Written by: go test . -run TestAPIIsRecorded -update\n")
	for _, room := range stable() {
		decls := exported(t, room)
		if len(decls) == 0 {
			t.Errorf("%s exports nothing: the walk is broken", room)
		}
		b.WriteString("\n=== " + room + "\n\n" + strings.Join(decls, "\n") + "\n")
	}
	if *update {
		if err := os.WriteFile(apiFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(apiFile)
	if err != nil {
		t.Fatal(err)
	}
	old, now := strings.Split(string(was), "\n"), strings.Split(b.String(), "\n")
	for _, line := range missing(old, now) {
		t.Errorf("no longer exported: %s", line)
	}
	for _, line := range missing(now, old) {
		t.Errorf("not recorded: %s", line)
	}
	if !t.Failed() && string(was) != b.String() {
		t.Errorf("what is exported and %s have the same lines, in other places", apiFile)
	}
	if t.Failed() {
		t.Logf("when that is meant: go test . -run TestAPIIsRecorded -update, and read docs/compatibility.md first")
	}
}

// missing are the lines of a that b does not have.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
}

// exported are the exported declarations of a room as Go writes them, without bodies and comments, sorted.
func exported(t *testing.T, room string) []string {
	t.Helper()
	var decls []string
	for _, s := range house(t) {
		if s.room != room || s.test {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, s.name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !ast.FileExports(file) {
			continue
		}
		for _, decl := range file.Decls {
			if text := printed(t, fset, decl); text != "" {
				decls = append(decls, text)
			}
		}
	}
	slices.Sort(decls)
	return decls
}

// printed is a declaration; "" for imports and for methods of types that nobody can name.
func printed(t *testing.T, fset *token.FileSet, decl ast.Decl) string {
	t.Helper()
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Body = nil; !exportedReceiver(d) {
			return ""
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT {
			return ""
		}
	}
	var b bytes.Buffer
	if err := (&printer.Config{Mode: printer.UseSpaces, Tabwidth: 1}).Fprint(&b, fset, decl); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines { // without the alignment, which is the neighbours' doing
		words := strings.Join(strings.Fields(line), " ")
		if lines[i] = words; strings.HasPrefix(line, " ") {
			lines[i] = "\t" + words
		}
	}
	return strings.Join(lines, "\n")
}
