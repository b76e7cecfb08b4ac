package lang

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format lays a file's text out as all of them are: two spaces a level, equals signs of lines that stand
// together below each other. Comments, heredocs and the ends of lines stay as they are. A text with errors
// is not laid out.
func Format(filename string, src []byte) ([]byte, hcl.Diagnostics) {
	if diags := scanText(filename, src); diags != nil {
		return nil, diags
	}
	tokens, _ := hclsyntax.LexConfig(src, filename, start)
	if diags := scanDepth(tokens); diags != nil {
		return nil, diags
	}
	if _, diags := hclsyntax.ParseConfig(src, filename, start); diags.HasErrors() {
		return nil, diags
	}
	out := hclwrite.Format(src)
	if again := hclwrite.Format(out); !bytes.Equal(out, again) {
		out = again // a comment that moved may move its line's neighbours once
	}
	if _, diags := hclsyntax.ParseConfig(out, filename, start); diags.HasErrors() {
		return nil, Here(hcl.Range{Filename: filename}, "the file cannot be laid out without changing what it says", "")
	}
	return out, nil
}
