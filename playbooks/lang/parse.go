package lang

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// ReadFile reads a file of at most MaxSize+1 bytes; Parse refuses one that is larger.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file", path)
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder: name a file", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return src, nil
}

var start = hcl.Pos{Line: 1, Column: 1}

// Parse reads a file's text. wants says what belongs in it, for messages: "a playbook begins with ...".
func Parse(filename string, src []byte, wants string) (*hclsyntax.Body, hcl.Diagnostics) {
	if diags := scanText(filename, src); diags != nil {
		return nil, diags
	}
	tokens, _ := hclsyntax.LexConfig(src, filename, start) // the parser reports what is wrong with them
	if diags := scanDepth(tokens); diags != nil {
		return nil, diags
	}
	if empty(tokens) {
		return nil, Here(hcl.Range{Filename: filename}, "the file is empty", wants)
	}
	file, diags := hclsyntax.ParseConfig(src, filename, start)
	if diags.HasErrors() {
		if other := looksLike(src); other != "" {
			return nil, Here(*diags[0].Subject, "this looks like "+other+", not HCL", wants)
		}
		return nil, diags
	}
	body := file.Body.(*hclsyntax.Body)
	if n := countBlocks(body); n > MaxBlocks {
		return nil, Here(hcl.Range{Filename: filename}, fmt.Sprintf("there are %d blocks; at most %d can be in one file", n, MaxBlocks), "for_each makes many steps of one block")
	}
	meter(body)
	return body, nil
}

// ParseExpression reads one expression, such as a value of the command line.
func ParseExpression(name string, src []byte) (hclsyntax.Expression, hcl.Diagnostics) {
	if diags := scanText(name, src); diags != nil {
		return nil, diags
	}
	tokens, _ := hclsyntax.LexExpression(src, name, start)
	if diags := scanDepth(tokens); diags != nil {
		return nil, diags
	}
	expr, diags := hclsyntax.ParseExpression(src, name, start)
	return withMeter(expr, diags)
}

// parseTemplate reads a template.
func parseTemplate(name string, src []byte) (hclsyntax.Expression, hcl.Diagnostics) {
	if diags := scanText(name, src); diags != nil {
		return nil, diags
	}
	tokens, _ := hclsyntax.LexTemplate(src, name, start)
	if diags := scanDepth(tokens); diags != nil {
		return nil, diags
	}
	expr, diags := hclsyntax.ParseTemplate(src, name, start)
	return withMeter(expr, diags)
}

func withMeter(expr hclsyntax.Expression, diags hcl.Diagnostics) (hclsyntax.Expression, hcl.Diagnostics) {
	if expr != nil {
		meter(expr)
	}
	return expr, diags
}

func empty(tokens hclsyntax.Tokens) bool {
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenNewline, hclsyntax.TokenComment, hclsyntax.TokenEOF:
		default:
			return false
		}
	}
	return true
}

func countBlocks(b *hclsyntax.Body) int {
	n := len(b.Blocks)
	for _, inner := range b.Blocks {
		n += countBlocks(inner.Body)
	}
	return n
}

var (
	yamlRE = regexp.MustCompile(`\A(?:\s*#[^\n]*\n|\s*\n)*(?:---|- [\w.]+:|[\w.-]+:(?:\s|$))`)
	jsonRE = regexp.MustCompile(`\A\s*[{\[]\s*(?:"|\{|\}|\])`)
	iniRE  = regexp.MustCompile(`\A(?:\s*[#;][^\n]*\n|\s*\n)*\[[\w:.-]+\]\s*\n`)
)

// looksLike names the format of a text that is not HCL, "" if it cannot be told.
func looksLike(src []byte) string {
	switch {
	case iniRE.Match(src):
		return "INI"
	case yamlRE.Match(src):
		return "YAML"
	case jsonRE.Match(src):
		return "JSON"
	}
	return ""
}
