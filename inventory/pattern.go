package inventory

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// fault is what is wrong with one word of a pattern, and what to write instead.
type fault struct{ what, instead string }

// piece is a part of a pattern and the byte that it begins at.
type piece struct {
	text string
	at   int
}

// split takes a pattern apart at "," and ":", but not within brackets; in a regular expression braces and
// parentheses are brackets as well, and a backslash takes the next character's meaning away.
func split(pattern string) []piece {
	var all []piece
	for at := 0; at < len(pattern); {
		n := pieceEnd(pattern[at:])
		text := pattern[at : at+n]
		if bare := strings.TrimSpace(text); bare != "" {
			all = append(all, piece{bare, at + strings.Index(text, bare)})
		}
		at += n + 1
	}
	return all
}

// pieceEnd is the length of the first piece.
func pieceEnd(s string) int {
	bare := strings.TrimLeft(s, " \t")
	bare = strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(bare, "!"), "&"), " \t")
	open, shut := "[", "]"
	isRegexp := strings.HasPrefix(bare, "~")
	if isRegexp {
		open, shut = "([{", ")]}"
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isRegexp && c == '\\':
			i++
		case isRegexp && c == '[':
			i += class(s[i:])
		case strings.IndexByte(open, c) >= 0:
			depth++
		case strings.IndexByte(shut, c) >= 0:
			depth--
		case depth <= 0 && (c == ',' || c == ':'):
			return i
		}
	}
	return len(s)
}

// class is how far the last byte of a regular expression's character class is from its first.
func class(s string) int {
	start := 1
	if strings.HasPrefix(s[start:], "^") {
		start++
	}
	for i := start; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], "[:"):
			if n := strings.Index(s[i:], ":]"); n > 0 {
				i += n + 1
			}
		case s[i] == ']' && i > start:
			return i
		}
	}
	return len(s) - 1
}

// compile is what a word of a pattern matches.
func compile(word string) (func(name string) bool, *fault) {
	switch {
	case word == "":
		return nil, &fault{`"!" and "&" stand before a name`, `write "!master1" to leave master1 out`}
	case word[0] == '~':
		return compileRegexp(word[1:])
	case bracketColon(word):
		return compileRange(word)
	}
	glob := strings.ReplaceAll(word, "[!", "[^")
	if _, err := path.Match(glob, ""); err != nil {
		return nil, &fault{fmt.Sprintf("%q cannot be read: a bracket is not closed, or nothing is in it", word), "write master[13] for master1 and master3, master[1:3] for all three"}
	}
	return func(name string) bool { ok, err := path.Match(glob, name); return err == nil && ok }, nil
}

// maxRegexp is how long a regular expression may be, in bytes.
const maxRegexp = 1000

// compileRegexp reads a regular expression that has to match at the beginning of a name, not up to its end.
// One that matches the empty text would match every name, whatever it says.
func compileRegexp(text string) (func(name string) bool, *fault) {
	if len(text) > maxRegexp {
		return nil, &fault{fmt.Sprintf("the regular expression has %d bytes", len(text)), fmt.Sprintf("at most %d; or put patterns into a file: @FILE", maxRegexp)}
	}
	re, err := regexp.Compile("^(?:" + text + ")")
	if err != nil {
		return nil, &fault{fmt.Sprintf("%q is no regular expression: %s", "~"+text, strings.TrimPrefix(err.Error(), "error parsing regexp: ")), "the syntax is RE2: https://golang.org/s/re2syntax"}
	}
	if re.MatchString("") {
		return nil, &fault{fmt.Sprintf("%q matches every name, for it matches the empty text", "~"+text), `write "all" if you mean every host, else make it match a character at least`}
	}
	return re.MatchString, nil
}

// bracketColon reports whether there is a ":" within brackets, as only ranges have it.
func bracketColon(word string) bool {
	_, rest, ok := strings.Cut(word, "[")
	return ok && strings.Contains(rest, ":")
}

var rangeRE = regexp.MustCompile(`^([^][*?]*)\[(\d{1,6}):(\d{1,6})\]([^][*?]*)$`)

// compileRange reads a word such as "master[1:3]". Bounds with a leading zero ask for as many digits:
// "node[01:12]".
func compileRange(word string) (func(name string) bool, *fault) {
	m := rangeRE.FindStringSubmatch(word)
	if m == nil {
		return nil, &fault{fmt.Sprintf("%q is no range", word), "write master[1:3]: two whole numbers of at most six digits, one range in a word, and no * or ? beside it"}
	}
	from, _ := strconv.Atoi(m[2])
	to, _ := strconv.Atoi(m[3])
	if from > to {
		return nil, &fault{fmt.Sprintf("the range %q ends before it begins", word), fmt.Sprintf("write [%s:%s]", m[3], m[2])}
	}
	width := 0
	if m[2][0] == '0' {
		width = len(m[2])
	}
	return func(name string) bool {
		if len(name) < len(m[1])+len(m[4]) || !strings.HasPrefix(name, m[1]) || !strings.HasSuffix(name, m[4]) {
			return false
		}
		digits := name[len(m[1]) : len(name)-len(m[4])]
		n, err := strconv.Atoi(digits)
		return err == nil && from <= n && n <= to && digits == fmt.Sprintf("%0*d", width, n)
	}, nil
}
