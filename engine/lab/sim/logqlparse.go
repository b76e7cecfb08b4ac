package sim

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

func parseLogQL(text string) (*logQL, error) {
	p := &logQLParser{text: text, rest: text}
	q := &logQL{}
	if err := p.selector(q); err != nil {
		return nil, err
	}
	for p.space(); p.rest != ""; p.space() {
		s, err := p.stage()
		if err != nil {
			return nil, err
		}
		q.stages = append(q.stages, s)
	}
	for _, m := range q.selector {
		if (m.op == "=" || m.op == "=~") && !m.matches("") {
			return q, nil
		}
	}
	return nil, errors.New(`parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible value. ` +
		`For instance, app=~".*" does not meet this requirement, but app=~".+" will`)
}

type logQLParser struct{ text, rest string }

func (p *logQLParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// unexpected is Loki's error at what comes next.
func (p *logQLParser) unexpected(want string) error {
	what := "$end"
	if p.rest != "" {
		what = strings.ToUpper(p.word())
		switch {
		case what != "":
			what = "IDENTIFIER"
		case strings.HasPrefix(p.rest, `"`), strings.HasPrefix(p.rest, "`"):
			what = "STRING"
		default:
			what = p.rest[:1]
		}
	}
	before := p.text[:len(p.text)-len(p.rest)]
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndexByte(before, '\n')
	if want != "" {
		want = ", expecting " + want
	}
	return fmt.Errorf("parse error at line %d, col %d: syntax error: unexpected %s%s", line, column, what, want)
}

// take moves over a token if it is next.
func (p *logQLParser) take(tokens ...string) (string, bool) {
	p.space()
	for _, t := range tokens {
		if strings.HasPrefix(p.rest, t) {
			p.rest = p.rest[len(t):]
			return t, true
		}
	}
	return "", false
}

// word is the identifier that comes next, which stays.
func (p *logQLParser) word() string {
	p.space()
	for i, c := range p.rest {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return p.rest[:i]
		}
	}
	return p.rest
}

func (p *logQLParser) identifier() (string, error) {
	w := p.word()
	if w == "" {
		return "", p.unexpected("IDENTIFIER")
	}
	p.rest = p.rest[len(w):]
	return w, nil
}

func (p *logQLParser) str() (string, error) {
	p.space()
	quoted, err := strconv.QuotedPrefix(p.rest)
	if err != nil || quoted[0] == '\'' {
		return "", p.unexpected("STRING")
	}
	s, err := strconv.Unquote(quoted)
	if err != nil {
		return "", p.unexpected("STRING")
	}
	p.rest = p.rest[len(quoted):]
	return s, nil
}

func (p *logQLParser) selector(q *logQL) error {
	if _, ok := p.take("{"); !ok {
		return p.unexpected("")
	}
	for {
		if _, ok := p.take("}"); ok {
			return nil
		}
		if len(q.selector) > 0 {
			if _, ok := p.take(","); !ok {
				return p.unexpected("} or ,")
			}
		}
		m, err := p.matcher(true, "=~", "!~", "!=", "=")
		if err != nil {
			return err
		}
		q.selector = append(q.selector, m)
	}
}

// matcher reads NAME OP STRING; a regular expression in a selector has to match the whole value.
func (p *logQLParser) matcher(whole bool, ops ...string) (m matcher, err error) {
	if m.name, err = p.identifier(); err != nil {
		return m, err
	}
	op, ok := p.take(ops...)
	if !ok {
		return m, p.unexpected(strings.Join(ops, " or "))
	}
	m.op = op
	if p.space(); op != "=~" && op != "!~" && p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9' {
		n := p.rest[:len(p.rest)-len(strings.TrimLeft(p.rest, "0123456789"))]
		m.value, p.rest = n, p.rest[len(n):]
		return m, nil
	}
	if m.value, err = p.str(); err != nil {
		return m, err
	}
	return m, m.compile(whole)
}

func (m *matcher) compile(whole bool) (err error) {
	if m.op != "=~" && m.op != "!~" {
		return nil
	}
	expr := m.value
	if whole {
		expr = "^(?:" + expr + ")$"
	}
	if m.re, err = regexp.Compile(expr); err != nil {
		return fmt.Errorf("parse error : %w", err)
	}
	return nil
}

func (p *logQLParser) stage() (stage, error) {
	if op, ok := p.take("|=", "!=", "|~", "!~"); ok {
		want, err := p.str()
		if err != nil {
			return nil, err
		}
		return lineFilter(op, want)
	}
	if _, ok := p.take("|"); !ok {
		return nil, p.unexpected("")
	}
	if p.word() == "json" {
		p.rest = p.rest[len("json"):]
		return extractJSON, nil
	}
	return p.labelFilter()
}

// labelFilter reads comparisons joined by "and", "or" and commas; "and" binds closer.
func (p *logQLParser) labelFilter() (stage, error) {
	var either [][]matcher
	var all []matcher
	for {
		m, err := p.matcher(true, "==", "=~", "!~", "!=", "=")
		if err != nil {
			return nil, err
		}
		all = append(all, m)
		switch p.word() {
		case "and":
			p.rest = p.rest[len("and"):]
			continue
		case "or":
			p.rest = p.rest[len("or"):]
			either, all = append(either, all), nil
			continue
		}
		if _, ok := p.take(","); ok {
			continue
		}
		either = append(either, all)
		return func(labels map[string]string, _ string) bool { return anyOf(either, labels) }, nil
	}
}
