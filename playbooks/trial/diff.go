package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"github.com/hcrun/hcrun/engine"
)

// maxText is the size in bytes up to which a content is compared as text.
const maxText = 4 << 20

// diffOf is the whole plan as text: every change with its step, what is there before and after, and a
// unified diff where both are text. What is secret is there as its hash.
func diffOf(ctx context.Context, steps []engine.PlannedStep) string {
	var b strings.Builder
	for _, s := range steps {
		for _, c := range s.Changes {
			fmt.Fprintf(&b, "%s: %s %s\n  before: %s\n  after:  %s\n", s.ID(), c.Action(), c.At, c.Before, c.After)
			b.WriteString(contentDiff(ctx, c))
		}
	}
	return b.String()
}

// contentDiff is the unified diff of a change, "" when there is none to show.
func contentDiff(ctx context.Context, c engine.Change) string {
	if hidden(c) || c.Before.Content.Same(c.After.Content) {
		return ""
	}
	before, err1 := textOf(ctx, c.Before)
	after, err2 := textOf(ctx, c.After)
	if err1 != nil || err2 != nil {
		return ""
	}
	from, to := c.At, c.At
	if c.Before.Kind != engine.File {
		from = "/dev/null"
	}
	if c.After.Kind != engine.File {
		to = "/dev/null"
	}
	return udiff.Unified(from, to, before, after)
}

// hidden reports whether nothing may show the content.
func hidden(c engine.Change) bool { return c.Secret || engine.SecretPath(c.At) }

// textOf is the content of a file as text, "" where there is none.
func textOf(ctx context.Context, i engine.Image) (string, error) {
	if i.Kind != engine.File || i.Content.IsZero() {
		return "", nil
	}
	b, err := i.Content.Read(ctx, maxText)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return "", errors.New("it is not text")
	}
	return string(b), nil
}

// between is how two texts differ, for people.
func between(want, got string) string { return udiff.Unified("expected", "is", want, got) }

// lists is how two lists of words differ, one a line.
func lists(want, got []string) string {
	lines := func(all []string) string {
		if len(all) == 0 {
			return ""
		}
		return strings.Join(all, "\n") + "\n"
	}
	return between(lines(want), lines(got))
}
