package ui

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Diff is the unified diff of a local file's text, in colour where there is colour.
func Diff(st Style, name, before, after string) string {
	return colored(st, Clean(udiff.Unified(Line(name), Line(name), before, after)))
}

// colored colours the lines of a unified diff.
func colored(st Style, diff string) string {
	var b strings.Builder
	for line := range strings.Lines(diff) {
		body, nl := strings.CutSuffix(line, "\n")
		switch {
		case strings.HasPrefix(body, "+"):
			body = st.Good(body)
		case strings.HasPrefix(body, "-"):
			body = st.Bad(body)
		case strings.HasPrefix(body, "@@"):
			body = st.Dim(body)
		}
		b.WriteString(body)
		if nl {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
