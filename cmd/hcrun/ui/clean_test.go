package ui

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":  "plain\ttext\n",
		"\x1b[31mred":    `\x1b[31mred`,
		"a\rb\x00\x7f":   `a\x0db\x00\x7f`,
		"\u202eevil":     `\u202eevil`,
		"\U000e0001evil": `\U000e0001evil`,
		"zero\u200bwide": `zero\u200bwide`,
		"\u009b31m":      `\x9b31m`,
		"bad \xff byte":  `bad \xff byte`,
		"größe 中":        "größe 中",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := Line("a\n\tb \x1b"); got != `a b \x1b` {
		t.Errorf("%q", got)
	}
}

// FuzzClean: nothing that moves a cursor, turns text around or cannot be seen reaches the terminal, and
// what was cleaned once stays as it is.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "plain\n", "\x1b]0;title\x07", "\u202e\u2066", "\xc2", "\u009b", "\U000e0001", "é\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hostile) {
			t.Errorf("%q became %q", s, got)
		}
		if again := Clean(got); again != got {
			t.Errorf("%q became %q the second time", got, again)
		}
		if line := Line(s); strings.ContainsAny(line, "\n\t") {
			t.Errorf("%q is not one line", line)
		}
	})
}
