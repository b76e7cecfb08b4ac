package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// inGo are the codes that no script can bring about, and the test of this package that asserts each.
var inGo = map[int]struct{ file, test string }{
	1: {"panic_test.go", "TestPanic"},
}

// silent are the codes that are no problem, so that nothing has to be typed next.
var silent = []int{0, 3}

// TestEveryExitCode: each code of the engine is brought about by a script that asserts it and the command that is
// named last, or by a test that is named here; and it is in the README's table.
func TestEveryExitCode(t *testing.T) {
	codes := declaredCodes(t)
	exits, next := scriptedCodes(t)
	for code, name := range codes {
		if by, ok := inGo[code]; ok {
			if body := funcText(t, by.file, by.test); !strings.Contains(body, "engine."+name) {
				t.Errorf("%d: %s in %s does not assert engine.%s", code, by.test, by.file, name)
			}
			if exits[code] {
				t.Errorf("%d: a script asserts it, so it need not be in the list", code)
			}
			continue
		}
		switch {
		case !exits[code]:
			t.Errorf("%d (engine.%s): no script says: exits %[1]d", code, name)
		case !next[code] && !slices.Contains(silent, code):
			t.Errorf("%d (engine.%s): no script that says exits %[1]d asserts the line with next: after it", code, name)
		}
	}
	table := tableCodes(t)
	if want := slices.Sorted(maps.Keys(codes)); !slices.Equal(table, want) {
		t.Errorf("README.md's table has %v, the engine %v", table, want)
	}
	for code := range exits {
		if codes[code] == "" {
			t.Errorf("a script says: exits %d, and the engine has no such code", code)
		}
	}
}

// declaredCodes are the constants of type Code in engine/problem.go.
func declaredCodes(t *testing.T) map[int]string {
	t.Helper()
	file := parsed(t, filepath.Join(repo(t), "engine", "problem.go"))
	codes := map[int]string{}
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			v := spec.(*ast.ValueSpec)
			if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != "Code" || len(v.Names) != 1 || len(v.Values) != 1 {
				t.Fatalf("%s is not of the form NAME Code = NUMBER", v.Names[0].Name)
			}
			number, ok := v.Values[0].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is no plain number", v.Names[0].Name)
			}
			code, err := strconv.Atoi(number.Value)
			if err != nil || codes[code] != "" {
				t.Fatalf("%s = %s: %v, the same as %q", v.Names[0].Name, number.Value, err, codes[code])
			}
			codes[code] = v.Names[0].Name
		}
	}
	if len(codes) < 20 {
		t.Fatalf("only %d codes are found", len(codes))
	}
	return codes
}

var (
	exitsRE = regexp.MustCompile(`^exits (\d+) `)
	nextRE  = regexp.MustCompile(`^std(?:out|err) .*next: `)
	tableRE = regexp.MustCompile(`\| (\d+) `)
)

// scriptedCodes are the codes that scripts assert, and those of them that a line with next: is asserted after.
func scriptedCodes(t *testing.T) (exits, next map[int]bool) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	exits, next = map[int]bool{}, map[int]bool{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		last := -1
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "-- ") { // its files
				break
			}
			if m := exitsRE.FindStringSubmatch(line); m != nil {
				last, _ = strconv.Atoi(m[1])
				exits[last] = true
			} else if nextRE.MatchString(line) {
				next[last] = true
			}
		}
	}
	return exits, next
}

// tableCodes are the numbers in the README's table of exit codes, in order.
func tableCodes(t *testing.T) []int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Exit status\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var codes []int
	for _, m := range tableRE.FindAllStringSubmatch(section, -1) {
		code, _ := strconv.Atoi(m[1])
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// funcText is the text of a function in a file.
func funcText(t *testing.T, path, name string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed(t, path).Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name && f.Recv == nil {
			return string(text[f.Pos()-1 : f.End()-1])
		}
	}
	t.Fatalf("%s has no %s", path, name)
	return ""
}

func parsed(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
