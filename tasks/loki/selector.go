package loki

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Query is a log query of LogQL: a stream selector and what follows it.
type Query struct {
	Matchers []Matcher
	Pipeline string // as it was written, "" if there is none
}

// Matcher is one condition on a stream label.
type Matcher struct {
	Label, Op, Value string
}

// maxQuery is the longest query in bytes; Loki's own default limit is 5 KiB.
const maxQuery = 16 << 10

var (
	matcherRE = regexp.MustCompile("^\\s*([A-Za-z_][A-Za-z0-9_]*)\\s*(=~|!~|!=|=)\\s*(\"(?:[^\"\\\\\\n]|\\\\.)*\"|`[^`]*`)\\s*")
	labelRE   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// IsLabel reports whether s can be the name of a label.
func IsLabel(s string) bool { return labelRE.MatchString(s) }

// Parse reads a query. It knows selectors whole, and of pipelines only where strings and brackets
// end; the rest is for Loki to judge.
func Parse(text string) (Query, error) {
	rest := strings.TrimSpace(text)
	switch {
	case len(rest) > maxQuery:
		return Query{}, fmt.Errorf("the query has %d bytes; more than %d are not taken", len(rest), maxQuery)
	case rest == "":
		return Query{}, fmt.Errorf("the query is empty")
	case rest[0] != '{':
		return Query{}, fmt.Errorf("a log query begins with its selector, as in {job=\"audit\"}; queries that make numbers carry no events")
	}
	rest = rest[1:]
	var q Query
	for {
		m := matcherRE.FindStringSubmatch(rest)
		if m == nil {
			return Query{}, fmt.Errorf("no matcher such as label=\"value\" at %q", head(rest))
		}
		value, err := strconv.Unquote(m[3])
		if err != nil {
			return Query{}, fmt.Errorf("%s is not a string", m[3])
		}
		if _, err := regexp.Compile(value); err != nil && strings.HasSuffix(m[2], "~") {
			return Query{}, fmt.Errorf("the matcher of %s: %w", m[1], err)
		}
		q.Matchers = append(q.Matchers, Matcher{m[1], m[2], value})
		rest = rest[len(m[0]):]
		if rest == "" {
			return Query{}, fmt.Errorf("the selector is not closed with }")
		}
		end := rest[0]
		rest = rest[1:]
		switch end {
		case ',':
			continue
		case '}':
			q.Pipeline = strings.TrimSpace(rest)
			return q, balanced(q.Pipeline)
		}
		return Query{}, fmt.Errorf("neither a comma nor } at %q", head(string(end)+rest))
	}
}

// With is the query with one more matcher.
func (q Query) With(m Matcher) Query {
	q.Matchers = append(q.Matchers[:len(q.Matchers):len(q.Matchers)], m)
	return q
}

// Selector is the stream selector alone.
func (q Query) Selector() string {
	parts := make([]string, len(q.Matchers))
	for i, m := range q.Matchers {
		parts[i] = m.String()
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// String is the query as Loki reads it.
func (q Query) String() string { return strings.TrimSpace(q.Selector() + " " + q.Pipeline) }

// String is the matcher as Loki reads it.
func (m Matcher) String() string { return m.Label + m.Op + strconv.Quote(m.Value) }

// Matches reports whether a value of the label fulfils the matcher.
func (m Matcher) Matches(value string) bool {
	switch m.Op {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	}
	re, err := regexp.Compile("^(?s:" + m.Value + ")$")
	return err == nil && re.MatchString(value) == (m.Op == "=~")
}

// balanced finds strings and brackets of a pipeline that never end.
func balanced(p string) error {
	var open []byte
	for i := 0; i < len(p); i++ {
		switch c := p[i]; c {
		case '"', '`':
			n := closing(p[i:])
			if n < 0 {
				return fmt.Errorf("the string at %q never ends", head(p[i:]))
			}
			i += n
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			want := map[byte]byte{')': '(', ']': '[', '}': '{'}[c]
			if len(open) == 0 || open[len(open)-1] != want {
				return fmt.Errorf("a %q too many at %q", c, head(p[i:]))
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("a %q is never closed", open[len(open)-1])
	}
	return nil
}

// closing is where the string that s begins with ends, -1 if it does not.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] == '"':
			i++
		case s[i] == s[0]:
			return i
		}
	}
	return -1
}

func head(s string) string {
	if len(s) > 30 {
		return s[:30] + "..."
	}
	return s
}
