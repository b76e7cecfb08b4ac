package lang

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// meaning is all that a text says: its words in order, without the spaces between them. Line ends count,
// and so does the text of comments and heredocs.
func meaning(src []byte) string {
	tokens, _ := hclsyntax.LexConfig(src, "x", hcl.InitialPos)
	var b strings.Builder
	for _, t := range tokens {
		text := t.Bytes
		if t.Type == hclsyntax.TokenComment {
			text = bytes.TrimRight(text, " \t")
		}
		fmt.Fprintf(&b, "%s %q\n", t.Type, text)
	}
	return b.String()
}

// TestFormat: what is laid out says the same, and is laid out.
func TestFormat(t *testing.T) {
	texts := map[string][]byte{
		"spaces":       []byte("a=1\nbbb   =    [1,2 ,3]\nblock   \"x\"   {\nc=\"${ a }\"\n}\n"),
		"comments":     []byte("# one\n  # two\na = 1 # three\nlong_name = 2 // four\n/* five */\nb { # six\n}\n"),
		"heredoc":      []byte("b {\na = <<E\n  kept   as=it  is\n\t#not a comment\nE\nc = <<-E\n     x\n   E\n}\n"),
		"CRLF":         []byte("a=1\r\nb {\r\nc=2\r\n}\r\n"),
		"no last line": []byte("a=1"),
		"empty":        nil,
		"comment only": []byte("# nothing\n"),
		"one line":     []byte("b { a=1 }\n"),
		"templates":    []byte("a = \"x ${ b }  %{ if c }y%{ endif }\"\nbb = {x=1, y = {z:2}}\n"),
		"operators":    []byte("a = b?c:d\nx = -1+2 * -3\ny = !z&&w\nf = f(1 , 2...)\ng = [for k,v in x:k=>v if k!=\"\"]\n"),
	}
	files, err := filepath.Glob("../testdata/broken/*.hcl")
	if err != nil || len(files) < 40 {
		t.Fatal(files, err)
	}
	more, _ := filepath.Glob("../../inventory/testdata/*.hcl")
	for _, path := range append(files, more...) {
		if texts[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	laidOut := 0
	for name, src := range texts {
		out, diags := Format(name, src)
		if diags.HasErrors() {
			continue // what is broken is left alone
		}
		laidOut++
		if meaning(out) != meaning(src) {
			t.Errorf("%s says something else:\n%s\nwas\n%s", name, out, src)
		}
		if again, _ := Format(name, out); !bytes.Equal(again, out) {
			t.Errorf("%s: laid out again it is\n%s\nafter\n%s", name, again, out)
		}
	}
	if laidOut < 60 {
		t.Errorf("only %d files were laid out", laidOut)
	}
}

// TestFormatted: every file of this repository is laid out. Inventories that are broken on purpose are as
// their authors made them.
func TestFormatted(t *testing.T) {
	n := 0
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" && !strings.Contains(path, "playbooks") {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() || filepath.Ext(path) != ".hcl" {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		if out, diags := Format(path, src); !diags.HasErrors() && !bytes.Equal(src, out) {
			t.Errorf("%s is not laid out: hcrun fmt %s", path, path)
		}
		return nil
	})
	if err != nil || n < 40 {
		t.Errorf("%d files, %v", n, err)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte("a=1\nb {\n c = <<E\n x\nE\n} # y\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		out, diags := Format("x", src)
		if diags.HasErrors() {
			return
		}
		if _, diags := hclsyntax.ParseConfig(out, "x", hcl.InitialPos); diags.HasErrors() {
			t.Fatal(diags)
		}
	})
}
