package ui

import "io"

// Style is how text looks: with colour on a terminal, plain elsewhere.
type Style struct{ Color bool }

func (s Style) wrap(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Good is for what is proven.
func (s Style) Good(t string) string { return s.wrap("32", t) }

// Bad is for what failed.
func (s Style) Bad(t string) string { return s.wrap("31", t) }

// Warn is for what is held or out of the ordinary.
func (s Style) Warn(t string) string { return s.wrap("33", t) }

// Dim is for what only fills in.
func (s Style) Dim(t string) string { return s.wrap("2", t) }

// Bold is for what the eye should find.
func (s Style) Bold(t string) string { return s.wrap("1", t) }

// printer remembers the first write error: output that cannot be shown must not stop a run.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) print(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}
