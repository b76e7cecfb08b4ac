package ui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"github.com/hcrun/hcrun/engine"
)

// maxDiff is the size in bytes above which a file's change is shown as hashes instead of a diff.
const maxDiff = 1 << 20

// Plan shows what the steps would do: for every change the exact diff, hashes only where the path is
// a secret or the content is not text.
func Plan(ctx context.Context, w io.Writer, st Style, steps []engine.PlannedStep) {
	p := &printer{w: w}
	for i, s := range steps {
		id := fmt.Sprintf("%2d  %-28s", i+1, s.ID())
		switch {
		case s.Skip:
			p.print(st.Dim(id+"  skipped: its \"when\" is false"+tags(s)) + "\n")
		case s.Check != nil:
			p.print(id + "  " + st.Dim("check"+checkNote(s)+tags(s)) + "\n")
		case len(s.Changes) == 0:
			p.print(st.Dim(id+"  nothing to do"+tags(s)) + "\n")
		}
		for j, c := range s.Changes {
			if j > 0 {
				id = strings.Repeat(" ", len(id))
			}
			p.print(st.Bold(id) + "  " + summary(st, c) + st.Dim(tags(s)) + "\n")
			p.print(indent(diff(ctx, st, c)))
		}
	}
}

// tags are the labels of a step, behind what it does.
func tags(s engine.PlannedStep) string {
	if len(s.Tags) == 0 {
		return ""
	}
	return "  [" + strings.Join(s.Tags, ", ") + "]"
}

func checkNote(s engine.PlannedStep) string {
	var notes []string
	if s.OnRollback {
		notes = append(notes, "asked again after a rollback")
	}
	if s.OnFailure == engine.Eventful {
		notes = append(notes, "a failure keeps the change and holds the next node")
	}
	if s.DelegateTo != "" {
		notes = append(notes, "asked on "+s.DelegateTo)
	}
	if s.Timeout != 0 {
		notes = append(notes, "within "+s.Timeout.String())
	}
	if s.Retry > 0 {
		notes = append(notes, fmt.Sprintf("up to %d more times when it fails", s.Retry))
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

// summary is a change on one line.
func summary(st Style, c engine.Change) string {
	if c.Cmd != nil {
		return commandSummary(st, c)
	}
	what := st.Good(string(c.Action()))
	if c.Action() == engine.Remove {
		what = st.Bad(string(c.Action()))
	}
	return fmt.Sprintf("%s %s  %s", what, Line(c.At), st.Dim(images(c)))
}

// commandSummary is a command on one line, and what tells that it is needed.
func commandSummary(st Style, c engine.Change) string {
	switch {
	case c.Cmd.Back() && len(c.Cmd.Run) == 0:
		return st.Warn("left, because it cannot be undone: ") + Line(c.Name())
	case c.Cmd.Back():
		return st.Good(string(c.Action())) + " " + Line(c.Name())
	case len(c.Cmd.Run) == 0:
		return st.Dim("nothing now; ") + undoOf(st, c)
	}
	s := st.Good(string(c.Action())) + " " + Line(c.Name())
	if probe, ok := engine.ProbeOf(c.At); ok {
		s += "  " + st.Dim(Line(fmt.Sprintf("%s says %s, then %s", engine.ShellWords(probe), c.Before, c.After)))
	}
	return s + st.Dim("; ") + undoOf(st, c)
}

func undoOf(st Style, c engine.Change) string {
	if len(c.Cmd.Undo) == 0 {
		return st.Warn("UNPROTECTED: it cannot be undone")
	}
	return st.Dim("undone with " + Line(engine.ShellWords(c.Cmd.Undo)))
}

func images(c engine.Change) string {
	switch c.Action() {
	case engine.Create:
		return c.After.String()
	case engine.Remove:
		return c.Before.String()
	case engine.Adjust:
		return fmt.Sprintf("%s %d:%d to %s %d:%d", c.Before.Mode, c.Before.UID, c.Before.GID, c.After.Mode, c.After.UID, c.After.GID)
	}
	return c.Before.String() + " to " + c.After.String()
}

// diff is the unified diff of a change's content, "" when there is none to show.
func diff(ctx context.Context, st Style, c engine.Change) string {
	if c.Before.Content.Same(c.After.Content) || c.Before.Kind == engine.Dir || c.After.Kind == engine.Dir {
		return ""
	}
	if c.Secret || engine.SecretPath(c.At) {
		return st.Dim("its content is secret: not shown") + "\n"
	}
	before, err1 := text(ctx, c.Before)
	after, err2 := text(ctx, c.After)
	if err1 != nil || err2 != nil {
		return st.Dim("its content is not shown: larger than 1 MiB, not text, or not at hand") + "\n"
	}
	from, to := c.At, c.At
	if c.Before.Kind != engine.File {
		from = "/dev/null"
	}
	if c.After.Kind != engine.File {
		to = "/dev/null"
	}
	return colored(st, Clean(udiff.Unified(from, to, before, after)))
}

var errNotText = fmt.Errorf("not text")

// text reads a file's content when it can be shown; what is absent or has no content is empty.
func text(ctx context.Context, i engine.Image) (string, error) {
	if i.Kind != engine.File || i.Content.IsZero() {
		return "", nil
	}
	b, err := i.Content.Read(ctx, maxDiff)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return "", errNotText
	}
	return string(b), nil
}

func indent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString("      " + line)
	}
	if s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}
