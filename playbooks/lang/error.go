// Package lang reads HCL safely: files are bounded before the parser sees them, expressions can only
// call pure functions, and every error shows the line that it is about.
package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Error is everything that is wrong with some files. It prints each finding with its place, the
// source line, and what to write instead.
type Error struct {
	Diags   hcl.Diagnostics
	Sources map[string][]byte // text by file name; a name that is missing shows no source line
}

// maxShown is how many findings are printed. More than a screenful are one mistake's echo.
const maxShown = 20

// AsError is an *Error of the errors among diags, sorted by file and position; nil if there is none.
func AsError(diags hcl.Diagnostics, sources map[string][]byte) error {
	var errs hcl.Diagnostics
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			errs = append(errs, d)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	slices.SortStableFunc(errs, func(a, b *hcl.Diagnostic) int {
		ra, rb := subject(a), subject(b)
		if c := strings.Compare(ra.Filename, rb.Filename); c != 0 {
			return c
		}
		return ra.Start.Byte - rb.Start.Byte
	})
	errs = slices.CompactFunc(errs, func(a, b *hcl.Diagnostic) bool {
		return subject(a) == subject(b) && a.Summary == b.Summary && a.Detail == b.Detail
	})
	return &Error{Diags: errs, Sources: sources}
}

// Error prints the findings, separated by empty lines.
func (e *Error) Error() string {
	var b strings.Builder
	for i, d := range e.Diags {
		if i == maxShown {
			fmt.Fprintf(&b, "\nand %d more\n", len(e.Diags)-maxShown)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Render(d))
	}
	return strings.TrimRight(b.String(), "\n")
}

// Causes are the errors that findings were made from. They are not unwrapped: each alone would say what
// is wrong without the place.
func (e *Error) Causes() []error {
	var causes []error
	for _, d := range e.Diags {
		if err, ok := d.Extra.(error); ok {
			causes = append(causes, err)
		}
	}
	return causes
}

// Render prints one finding: place and what is wrong, the source line with a caret, what to write.
func (e *Error) Render(d *hcl.Diagnostic) string {
	summary, detail := plain(d)
	summary, more, long := strings.Cut(summary, "\n")
	if long {
		detail = more + "\n" + detail
	}
	var b strings.Builder
	rng := subject(d)
	if rng.Filename != "" {
		fmt.Fprintf(&b, "%s: ", printable(Place(rng)))
	}
	b.WriteString(printable(summary) + "\n")
	if src, ok := e.Sources[rng.Filename]; ok && rng.Start.Line > 0 {
		b.WriteString(Snippet(rng, src))
	}
	for line := range strings.Lines(detail) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			b.WriteString("  " + printable(line) + "\n")
		}
	}
	return b.String()
}

// Place is "file:line:col", or only the file for what has no lines.
func Place(rng hcl.Range) string {
	if rng.Start.Line == 0 {
		return rng.Filename
	}
	return fmt.Sprintf("%s:%d:%d", rng.Filename, rng.Start.Line, rng.Start.Column)
}

// Diag is a finding at a place: what is wrong, and what to write instead ("" where that is plain).
func Diag(rng hcl.Range, what, instead string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: what, Detail: instead, Subject: &rng}
}

// DiagOf is a finding made from an error, which stays its cause.
func DiagOf(rng hcl.Range, err error, instead string) *hcl.Diagnostic {
	d := Diag(rng, err.Error(), instead)
	d.Extra = err
	return d
}

// Here is a finding at a place as a list.
func Here(rng hcl.Range, what, instead string) hcl.Diagnostics {
	return hcl.Diagnostics{Diag(rng, what, instead)}
}

func subject(d *hcl.Diagnostic) hcl.Range {
	if d.Subject == nil {
		return hcl.Range{}
	}
	return *d.Subject
}

// plain takes the wording of the parser's library down to what an operator needs.
func plain(d *hcl.Diagnostic) (summary, detail string) {
	summary, detail = d.Summary, d.Detail
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok && call.FunctionCallError() != nil {
		return call.CalledFunctionName() + "(): " + call.FunctionCallError().Error(), ""
	}
	if summary == "" {
		return detail, ""
	}
	if len(summary) > 1 && summary[0] >= 'A' && summary[0] <= 'Z' && summary[1] >= 'a' && summary[1] <= 'z' {
		summary = strings.ToLower(summary[:1]) + summary[1:]
	}
	return summary, detail
}
