package lang

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Within adds a line to a finding: by which way the file that it is in was come to. It is added once.
func Within(d *hcl.Diagnostic, way string) {
	if strings.Contains(d.Detail, "\n"+way) || d.Detail == way {
		return
	}
	d.Summary, d.Detail = plain(d)
	if _, call := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); call {
		d.Extra = nil // its text is in the summary now, and would be taken for all there is
	}
	d.Detail = strings.TrimPrefix(d.Detail+"\n"+way, "\n")
}
