// Package hcrun_test holds the rules of the house: which room may import which, and what may be called
// where. A new room fails here until somebody has written down what belongs in it.
package hcrun_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hcrun/hcrun"

// room is a package and what it may import besides the standard library. A trailing "/..." allows a
// whole module.
type room struct {
	what    string
	imports []string
}

// rooms is the map of the house. Tests may import every fake and fixture as well.
func rooms() map[string]room {
	return map[string]room{
		".":                 {"the rules of the house", nil},
		"engine":            {"the words and the one loop", nil},
		"engine/enginetest": {"what tests of the engine share, and what every node has to pass", []string{"engine", "engine/fake"}},
		"engine/fake":       {"a node and a journal in memory, and a crash fuse", []string{"engine"}},
		"engine/journal":    {"bytes of a run to disk and back", []string{"engine", "filippo.io/age", "golang.org/x/sys/..."}},
		"engine/sshnode":    {"the way to a node, and the only import of goph", []string{"engine", "github.com/melbahja/goph", "github.com/pkg/sftp", "github.com/skeema/knownhosts", "golang.org/x/crypto/...", "golang.org/x/sys/..."}},
		"engine/lab":        {"throwaway masters on this machine", []string{"engine", "engine/lab/sim", "golang.org/x/crypto/...", "golang.org/x/sys/...", "github.com/pkg/sftp"}},
		"engine/lab/sim":    {"a control plane that is only played", []string{"engine", "go.yaml.in/yaml/v3", "sigs.k8s.io/yaml", "golang.org/x/sys/..."}},
		"tasks":             {"a kind of task a file", []string{"engine", "tasks/loki", "tasks/splice", "go.yaml.in/yaml/v3", "sigs.k8s.io/yaml", "github.com/agext/levenshtein"}},
		"tasks/loki":        {"asking Loki, and telling its silences apart", []string{"engine"}},
		"tasks/splice":      {"byte-faithful edits of YAML, and judging them as the kubelet would", []string{"go.yaml.in/yaml/v3", "sigs.k8s.io/yaml"}},
		"playbooks":         {"HCL to engine.Playbook, and the stock playbooks", []string{"engine", "tasks", "playbooks/lang", "filippo.io/age/...", "github.com/hashicorp/hcl/v2/...", "github.com/zclconf/go-cty/..."}},
		"playbooks/trial":   {"test files: playbooks tried on fake nodes", []string{"engine", "engine/fake", "playbooks", "playbooks/lang", "github.com/hashicorp/hcl/v2/...", "github.com/zclconf/go-cty/...", "github.com/aymanbagabas/go-udiff"}},
		"playbooks/lang":    {"HCL with limits, functions and good errors", []string{"engine", "github.com/hashicorp/hcl/v2/...", "github.com/zclconf/go-cty/...", "github.com/agext/levenshtein", "sigs.k8s.io/yaml", "go.yaml.in/yaml/v3"}},
		"inventory":         {"which nodes there are and how to reach them", []string{"playbooks/lang", "github.com/hashicorp/hcl/v2/...", "github.com/zclconf/go-cty/...", "github.com/agext/levenshtein"}},
		"cmd/hcrun":         {"main: three lines", []string{"cmd/hcrun/cli", "tasks"}},
		"cmd/hcrun/cli":     {"flags, confirmation, wiring, exit codes", []string{"engine", "engine/journal", "engine/sshnode", "engine/lab", "tasks", "playbooks", "playbooks/lang", "playbooks/trial", "inventory", "cmd/hcrun/ui", "github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/rs/zerolog", "golang.org/x/term", "golang.org/x/sys/...", "github.com/agext/levenshtein"}},
		"cmd/hcrun/ui":      {"events to something a person reads", []string{"engine", "github.com/aymanbagabas/go-udiff", "golang.org/x/term"}},
	}
}

// source is one parsed file.
type source struct {
	name string // below the module, with slashes
	room string
	test bool
	file *ast.File
	fset *token.FileSet
}

// house parses every file of this module; nested modules are houses of their own.
func house(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." {
			nested, _ := filepath.Glob(filepath.Join(name, "go.mod"))
			if d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || len(nested) > 0 {
				return filepath.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		all = append(all, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), f, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d files: the walk is broken", len(all))
	}
	return all
}

func (s source) at(n ast.Node) string { return s.fset.Position(n.Pos()).String() }

// imports are the paths that the file imports.
func (s source) imports() []string {
	var paths []string
	for _, i := range s.file.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// calls visits every call of a selector in the file, with the text of what is selected from.
func (s source) calls(visit func(call *ast.CallExpr, from, name string)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
			visit(call, dotted(sel.X), sel.Sel.Name)
		}
		return true
	})
}

func dotted(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return dotted(e.X) + "." + e.Sel.Name
	}
	return ""
}

func TestDirection(t *testing.T) {
	strange := map[string]bool{}
	for _, s := range house(t) {
		r, ok := rooms()[s.room]
		if !ok && !strange[s.room] {
			t.Errorf("%s: nobody has written down what belongs in the room %q", s.name, s.room)
			strange[s.room] = true
		}
		if !ok {
			continue
		}
		if s.test {
			continue
		}
		for _, p := range s.imports() {
			if !allowed(p, r.imports) {
				t.Errorf("%s (%s) may not import %s", s.name, r.what, p)
			}
		}
	}
}

// allowed reports whether an import is of the standard library or in the list.
func allowed(p string, list []string) bool {
	first, _, _ := strings.Cut(p, "/")
	if !strings.Contains(first, ".") {
		return true
	}
	p = strings.TrimPrefix(p, module+"/")
	return slices.ContainsFunc(list, func(a string) bool {
		whole, isWhole := strings.CutSuffix(a, "/...")
		return p == a || isWhole && (p == whole || strings.HasPrefix(p, whole+"/"))
	})
}

// TestOnlySettleWrites holds that package engine calls Put at one place, and that nobody else calls it
// but the tests of nodes.
func TestOnlySettleWrites(t *testing.T) {
	puts := 0
	for _, s := range house(t) {
		if s.test || s.room == "engine/enginetest" {
			continue
		}
		s.calls(func(call *ast.CallExpr, from, name string) {
			if name != "Put" || from == "sync.Pool" {
				return
			}
			if s.name != "engine/settle.go" {
				t.Errorf("%s: calls Put; only settle does", s.at(call))
			}
			puts++
		})
	}
	if puts != 1 {
		t.Errorf("Put is called at %d places, want 1", puts)
	}
}

// TestSettleIsAlone holds that settle.go has one function.
func TestSettleIsAlone(t *testing.T) {
	for _, s := range house(t) {
		if s.name != "engine/settle.go" {
			continue
		}
		var names []string
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				names = append(names, f.Name.Name)
			}
		}
		if !slices.Equal(names, []string{"settle"}) {
			t.Errorf("settle.go has %v", names)
		}
	}
}

// TestGophIsBounded holds that goph is imported by one room, and that none of its ways around strict
// host keys, deadlines and the node script is used.
func TestGophIsBounded(t *testing.T) {
	for _, s := range house(t) {
		if slices.Contains(s.imports(), "github.com/melbahja/goph") && s.room != "engine/sshnode" {
			t.Errorf("%s imports goph", s.name)
		}
		s.calls(func(call *ast.CallExpr, from, name string) {
			forbidden := from == "goph" && (strings.HasPrefix(name, "New") || name == "Dial" || name == "DefaultKnownHosts" || name == "AddKnownHost") ||
				name == "InsecureIgnoreHostKey" ||
				s.room == "engine/sshnode" && strings.Contains(strings.ToLower(from), "goph") && slices.Contains([]string{"Run", "RunContext", "Upload", "Download", "NewSftp"}, name)
			if forbidden {
				t.Errorf("%s: calls %s.%s", s.at(call), from, name)
			}
		})
	}
}

// TestNobodyPrints holds that only cmd prints, logs or ends the process.
func TestNobodyPrints(t *testing.T) {
	for _, s := range house(t) {
		below := !strings.HasPrefix(s.room, "cmd/")
		if s.test {
			continue
		}
		s.calls(func(call *ast.CallExpr, from, name string) {
			prints := from == "fmt" && (name == "Print" || name == "Printf" || name == "Println") ||
				(from == "log" && slices.Contains(s.imports(), "log") || from == "slog") && name != "New"
			ends := from == "os" && name == "Exit"
			switch {
			case below && prints, below && ends && s.room != "engine/lab":
				t.Errorf("%s: calls %s.%s below cmd", s.at(call), from, name)
			case name == "Fatal" && slices.Contains(s.imports(), "github.com/rs/zerolog"):
				t.Errorf("%s: a log entry may not end the process", s.at(call))
			}
		})
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && below && s.room != "engine/lab" && dotted(sel) == "os.Stdout" {
				t.Errorf("%s: os.Stdout below cmd", s.at(n))
			}
			return true
		})
	}
}

// TestNothingIsLeftOpen holds that no body is still to be written.
func TestNothingIsLeftOpen(t *testing.T) {
	marks := []string{"being " + "written", "TO" + "DO", "FIX" + "ME", "not " + "implemented"}
	left := func(s source, n ast.Node, text string) {
		for _, m := range marks {
			if strings.Contains(text, m) {
				t.Errorf("%s: %q", s.at(n), m)
			}
		}
	}
	for _, s := range house(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				left(s, n, lit.Value)
			}
			return true
		})
		for _, group := range s.file.Comments {
			left(s, group, group.Text())
		}
	}
}

// TestRoomsAreReal holds that the map names no room that is not there.
func TestRoomsAreReal(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range house(t) {
		seen[s.room] = true
	}
	for name := range rooms() {
		if !seen[name] {
			t.Errorf("the map has a room %q that is not there", name)
		}
	}
}
