package splice

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a refusal. It always names a line of the file.
type Error struct {
	Line   int    // from 1
	Source string // that line, cut when it is long
	Why    string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Why) }

// source is the text of a file and where its lines begin.
type source struct {
	text   []byte
	starts []int // offset of each line, and the end of the text as the last one
}

func newSource(text []byte) *source {
	s := &source{text: text}
	for at := 0; at < len(text); {
		s.starts = append(s.starts, at)
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	s.starts = append(s.starts, len(text))
	return s
}

// lines is how many lines there are.
func (s *source) lines() int { return len(s.starts) - 1 }

// start is the offset at which a line begins; for the line behind the last one, the end of the text.
func (s *source) start(line int) int { return s.starts[min(max(line, 1), len(s.starts))-1] }

// line is a line without its end, and that end: "\n", "\r\n", or "" at the end of the text.
func (s *source) line(n int) (text, eol string) {
	if n < 1 || n > s.lines() {
		return "", ""
	}
	whole := string(s.text[s.start(n):s.start(n+1)])
	text = strings.TrimSuffix(strings.TrimSuffix(whole, "\n"), "\r")
	return text, whole[len(text):]
}

// offset of a column, which counts characters from 1.
func (s *source) offset(line, column int) int {
	at, end := s.start(line), s.start(line+1)
	for range column - 1 {
		if at >= end {
			break
		}
		_, n := utf8.DecodeRune(s.text[at:end])
		at += n
	}
	return at
}

// rest is what stands on the line from an offset on, without the line's end.
func (s *source) rest(line, from int) string {
	text, _ := s.line(line)
	return text[min(max(from-s.start(line), 0), len(text)):]
}

// lineAt is the line that an offset is on.
func (s *source) lineAt(at int) int { return 1 + bytes.Count(s.text[:at], []byte("\n")) }

// refuse makes the error for a line.
func (s *source) refuse(line int, format string, args ...any) error {
	line = min(max(line, 1), max(s.lines(), 1))
	text, _ := s.line(line)
	const most = 200
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "..."
	}
	return &Error{Line: line, Source: text, Why: fmt.Sprintf(format, args...)}
}

// check refuses text whose lines mean different things to different readers.
func (s *source) check() error {
	switch {
	case len(s.text) > MaxSize:
		return s.refuse(1, "the file has %d bytes; more than %d are not read as a manifest", len(s.text), MaxSize)
	case bytes.HasPrefix(s.text, []byte("\xef\xbb\xbf")), bytes.HasPrefix(s.text, []byte("\xff\xfe")), bytes.HasPrefix(s.text, []byte("\xfe\xff")):
		return s.refuse(1, "the file begins with a byte order mark")
	case !utf8.Valid(s.text):
		return s.refuse(s.lineAt(invalid(s.text)), "the line is not valid UTF-8")
	}
	for _, odd := range []struct{ seq, name string }{
		{"\u0085", "a NEL character (U+0085)"}, {"\u2028", "a line separator (U+2028)"},
		{"\u2029", "a paragraph separator (U+2029)"}, {"\ufeff", "a byte order mark"}, {"\x00", "a NUL byte"},
	} {
		if at := bytes.Index(s.text, []byte(odd.seq)); at >= 0 {
			return s.refuse(s.lineAt(at), "the line has %s in it", odd.name)
		}
	}
	for at, c := range s.text {
		if c == '\r' && (at+1 == len(s.text) || s.text[at+1] != '\n') {
			return s.refuse(s.lineAt(at), "the line has a carriage return without a line feed")
		}
	}
	for n := 1; n <= s.lines(); n++ {
		if text, _ := s.line(n); strings.HasPrefix(text, "\t") {
			return s.refuse(n, "the line is indented with a tab")
		}
	}
	return nil
}

// invalid is the offset of the first byte that is no UTF-8.
func invalid(b []byte) int {
	for at := 0; at < len(b); {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n <= 1 {
			return at
		}
		at += n
	}
	return 0
}

// edit replaces the bytes from start to end.
type edit struct {
	start, end int
	text       string
}

// splice applies edits, which are in order and do not overlap.
func (s *source) splice(edits []edit) ([]byte, error) {
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		if e.start < at || e.end < e.start || e.end > len(s.text) {
			return nil, s.refuse(s.lineAt(min(e.start, len(s.text))), "edits overlap here; make them in two steps")
		}
		out.Write(s.text[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(s.text[at:])
	return out.Bytes(), nil
}

// insert puts whole lines behind a line, with that line's own end.
func (s *source) insert(line int, lines []string) edit {
	at := s.start(line + 1)
	_, eol := s.line(line)
	if eol != "" {
		return edit{at, at, strings.Join(lines, eol) + eol}
	}
	if eol = "\n"; line > 1 {
		_, eol = s.line(line - 1)
	}
	return edit{at, at, eol + strings.Join(lines, eol)}
}

// cut removes whole lines. When the text ends without a line end, so does what is left of it.
func (s *source) cut(first, last int) edit {
	e := edit{start: s.start(first), end: s.start(last + 1)}
	if _, eol := s.line(last); eol == "" && first > 1 {
		_, before := s.line(first - 1)
		e.start -= len(before)
	}
	return e
}
