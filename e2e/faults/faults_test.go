// Package faults lists what can go wrong, with a number each, and holds that whoever wants to know finds the test
// that makes it go wrong, or the reason why none does.
package faults

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/faults.md anew")

// fault is one thing that can go wrong.
type fault struct {
	id      string
	what    string // goes wrong, in one sentence
	exit    string // status of hcrun, "" where none is promised
	promise string // that it belongs to, "" where none or several
	tests   string // that make it go wrong and see what comes of it: "package: Test/part", one a line
	but     string // what of it they do not show
	gap     string // why there is no test
}

// group is a table of the page.
type group struct {
	title, numbers string // the numbers are given for good
	faults         []fault
}

var groups = []group{
	{"The machine that hcrun runs on", "R1 R2 R3 R4 R5 R6 R7 R9 R10 R11 R12 R13 R14 R15 R16 R17 R18 R19 R20 R22 R23", ofRunner},
	{"The journal", "J1 J2 J3 J5 J6 J7 J8 J9 J10 J11 J12 J14 J15 J16", ofJournal},
	{"The connection", "T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T14 T15 T16 T17 T19 T20 T21 T23 T24 T26 T27", ofConnection},
	{"Files and commands on a node", "N1 N2 N3 N4 N5 N6 N7 N8 N9 N10 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N23 N25 N26 N28 N29 N30 N31 N32 N33 N34 N35", ofFiles},
	{"Kubernetes", "K1 K2 K3 K5 K6 K7 K8 K9 K10 K11 K13 K14 K15 K17 K18 K19 K20 K21", ofKubernetes},
	{"Logs and Loki", "L1 L2 L3 L5 L6 L7 L8 L9 L10 L11 L13 L14 L15 L17 L18 L19", ofLogs},
	{"The dead-man's switch", "D1 D2 D3 D4 D5 D6 D7 D8 D9 D11 D12 D13 D14 D16 D17 D18", ofSwitch},
	{"What a person writes", "IN1 IN2 IN4 IN5 IN6 IN8 IN9 IN10 IN11 IN12 IN14 IN15 IN16 IN17", ofInputs},
}

// names are the tests of a fault.
func (f fault) names() (all []string) {
	for line := range strings.Lines(f.tests) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

const page = "docs/faults.md"

// TestTable: every number is there once, with tests that exist or with a reason, and the page is current.
func TestTable(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*written{}
	for _, g := range groups {
		var numbers []string
		for _, f := range g.faults {
			numbers = append(numbers, f.id)
			if f.whole() != nil {
				t.Errorf("%s: %v", f.id, f.whole())
			}
			for _, name := range f.names() {
				if err := found(known, root, name); err != nil {
					t.Errorf("%s: %v", f.id, err)
				}
			}
		}
		if want := strings.Fields(g.numbers); !slices.Equal(numbers, want) {
			t.Errorf("%s: the faults are\n%v, want each of these once and in this order:\n%v", g.title, numbers, want)
		}
	}
	want := document()
	if *update {
		if err := os.WriteFile(filepath.Join(root, page), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(root, page)); err != nil || string(got) != want {
		t.Errorf("%s is not current (%v): in e2e/, go test ./faults -run TestTable -update", page, err)
	}
}

func (f fault) whole() error {
	switch tested := len(f.names()) > 0; {
	case tested == (f.gap != ""):
		return fmt.Errorf("it needs tests, or a reason why there are none")
	case f.but != "" && !tested:
		return fmt.Errorf("what the tests do not show, without a test")
	case f.promise != "" && promises[f.promise] == "":
		return fmt.Errorf("there is no promise %s", f.promise)
	case !strings.HasSuffix(f.what, "."):
		return fmt.Errorf("what goes wrong is no sentence")
	case strings.HasSuffix(f.but+f.gap, "."):
		return fmt.Errorf("a reason stands in a cell, without a full stop")
	}
	return nil
}

// written is what the tests of a package have in them.
type written struct {
	funcs map[string]bool // tests
	words map[string]bool // texts in quotes, and names of files below testdata without their ending
}

// found looks for a test by its name, "package: Test/part/part"; of a package of scenarios it is a row's.
func found(known map[string]*written, root, name string) error {
	pkg, test, ok := strings.Cut(name, ": ")
	if !ok {
		return fmt.Errorf("%q is no name of a test", name)
	}
	if known[pkg] == nil {
		w, err := reading(root, pkg)
		if err != nil {
			return err
		}
		known[pkg] = w
	}
	w := known[pkg]
	if pkg == scenarios {
		test = "TestSimulated/" + strings.TrimPrefix(test, "killed ") // which a row's name is made with
	}
	parts := strings.Split(test, "/")
	if !w.funcs[parts[0]] {
		return fmt.Errorf("%s has no %s", pkg, parts[0])
	}
	for _, part := range parts[1:] {
		if !w.words[part] {
			return fmt.Errorf("nothing in the tests of %s is called %q", pkg, part)
		}
	}
	return nil
}

const scenarios = "e2e/scenarios"

// suites are tests that several packages run on what is theirs.
var suites = map[string]string{"engine/sshnode": "engine/enginetest", "engine": "engine/enginetest"}

func reading(root, pkg string) (*written, error) {
	w := &written{funcs: map[string]bool{}, words: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no tests", pkg)
	}
	if suite := suites[pkg]; suite != "" && err == nil {
		var more []string
		more, err = filepath.Glob(filepath.Join(root, suite, "*cases.go"))
		files = append(files, more...)
	}
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				w.funcs[n.Name.Name] = w.funcs[n.Name.Name] || n.Recv == nil && strings.HasPrefix(n.Name.Name, "Test")
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					w.words[s] = true
				}
			}
			return true
		})
	}
	err = filepath.WalkDir(filepath.Join(root, pkg, "testdata"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			w.words[strings.TrimSuffix(d.Name(), filepath.Ext(path))] = true
		}
		return nil
	})
	return w, err
}

// document is the page, made from the table.
func document() string {
	var b strings.Builder
	all, tested, parts := 0, 0, 0
	for _, g := range groups {
		for _, f := range g.faults {
			if all++; f.gap == "" {
				tested++
			}
			if f.but != "" {
				parts++
			}
		}
	}
	fmt.Fprintf(&b, intro, all, tested, parts)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| | what goes wrong | exit | promise | made to happen by, or why not |\n|---|---|---|---|---|\n", g.title)
		for _, f := range g.faults {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.id, cell(strings.TrimSuffix(f.what, ".")), f.exit, f.promise, cell(f.shown()))
		}
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// shown is the last cell of a row.
func (f fault) shown() string {
	if f.gap != "" {
		return "**no test:** " + f.gap
	}
	var all []string
	last := ""
	for _, name := range f.names() {
		pkg, test, _ := strings.Cut(name, ": ")
		if pkg == scenarios {
			test = "“" + test + "”"
		}
		if pkg != last {
			test = "`" + pkg + "` " + test
		}
		last = pkg
		all = append(all, test)
	}
	s := strings.Join(all, "<br>")
	if f.but != "" {
		s += "<br>not shown: " + f.but
	}
	return s
}
