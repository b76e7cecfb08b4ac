package sshnode

import (
	"fmt"
	"path"
	"strings"
	"unicode"
)

// quote makes one line of shell words: a quote as '\”, a newline as the script's $nl. It is the only
// way by which anything reaches the node's eval.
func quote(words ...string) string {
	r := strings.NewReplacer("'", `'\''`, "\n", `'"$nl"'`)
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + r.Replace(w) + "'"
	}
	return strings.Join(quoted, " ")
}

// checkWord refuses what no command line can carry.
func checkWord(w string) error {
	if strings.IndexByte(w, 0) >= 0 {
		return fmt.Errorf("%q contains a NUL byte", w)
	}
	return nil
}

// checkPath refuses a path that does not name one place.
func checkPath(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return fmt.Errorf("%q is not an absolute and clean path", p)
	}
	return checkWord(p)
}

// clip makes text from elsewhere fit to be shown: one line, at most 1000 bytes, no control characters.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if s = strings.Join(strings.Fields(s), " "); len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "") + "..."
	}
	return s
}
