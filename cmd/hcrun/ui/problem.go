package ui

import (
	"errors"
	"io"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// Problem shows an error the way a person needs it: what was being done, what is true on the node
// now, and what to type next. where is the playbook's line it came from, "" if there is none.
func Problem(w io.Writer, st Style, err error, where string) {
	p := &printer{w: w}
	word := "error"
	if engine.CodeOf(err) == engine.Held {
		word = "held"
	}
	p.print(st.Bad(word+":") + " " + hang(Clean(strings.TrimSpace(err.Error()))) + "\n")
	if where = strings.TrimSpace(where); where != "" {
		p.print("  at:   " + hang(Clean(where)) + "\n")
	}
	problem, ok := errors.AsType[*engine.Problem](err)
	if !ok {
		return
	}
	if problem.Now != "" {
		p.print("  now:  " + hang(Clean(problem.Now)) + "\n")
	}
	if problem.Next != "" {
		p.print(st.Bold("  next:") + " " + hang(Clean(problem.Next)) + "\n")
	}
}

// hang indents all lines but the first.
func hang(s string) string { return strings.ReplaceAll(s, "\n", "\n        ") }
