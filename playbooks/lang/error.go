// Package lang reads HCL safely: bounded parsing, pure functions, and errors that show the line.
package lang

import "github.com/hashicorp/hcl/v2"

// Error is everything that is wrong with one or more files.
type Error struct {
	Diags   hcl.Diagnostics
	Sources map[string][]byte
}

func (e *Error) Error() string { return e.Diags.Error() }
