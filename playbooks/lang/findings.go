package lang

import "strings"

// Finding is one thing that is wrong, for programs. Line and Col count from 1; 0 where it has no place.
type Finding struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	What    string `json:"what"`
	Instead string `json:"instead,omitempty"` // what to write
}

// Findings are all that Error prints, and those that it only counts.
func (e *Error) Findings() []Finding {
	var all []Finding
	for _, d := range e.Diags {
		rng := subject(d)
		what, instead := plain(d)
		f := Finding{File: rng.Filename, What: strings.TrimSpace(what), Instead: strings.TrimSpace(instead)}
		if rng.Start.Line > 0 {
			f.Line, f.Col = rng.Start.Line, rng.Start.Column
		}
		all = append(all, f)
	}
	return all
}
