package splice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Path addresses a place in a document: keys, and items of lists by number or by what they contain.
type Path []Step

// Step is one step of a Path: a key of a mapping, an item by its number, or the item of a list whose
// fields have the given values.
type Step struct {
	Key   string
	Index int
	Match []Field // of an item, in the order given
	Item  bool    // an item of a list, not a key
}

// Field is a field of a list's item and the text of its value.
type Field struct{ Name, Value string }

// PathError is a path that cannot be read.
type PathError struct {
	Path   string
	Column int // in characters, from 1
	Why    string
}

func (e *PathError) Error() string {
	return fmt.Sprintf("path %q, at character %d: %s", e.Path, e.Column, e.Why)
}

// ParsePath reads a path: words with dots between them, and in brackets an item's number, one or
// several fields of an item, or a key in double quotes:
//
//	spec.containers[name=kube-apiserver].command
//	spec.containers[0].volumeMounts[name=audit-log,mountPath="/var/log/kubernetes"]
//	metadata.annotations["example.com/audit.policy"]
func ParsePath(s string) (Path, error) {
	r := pathReader{s: s, left: []rune(s)}
	p, err := r.path()
	if err != nil {
		return nil, err
	}
	return p, nil
}

type pathReader struct {
	s    string
	left []rune
	at   int
}

func (r *pathReader) peek() rune {
	if r.at == len(r.left) {
		return 0
	}
	return r.left[r.at]
}

func (r *pathReader) fail(format string, args ...any) error {
	return &PathError{Path: r.s, Column: r.at + 1, Why: fmt.Sprintf(format, args...)}
}

func (r *pathReader) path() (Path, error) {
	var p Path
	for {
		switch c := r.peek(); {
		case c == 0 && len(p) > 0:
			return p, nil
		case c == '[':
			step, err := r.bracket()
			if err != nil {
				return nil, err
			}
			p = append(p, step)
		case c == '.' && len(p) > 0:
			r.at++
			if r.peek() == '[' {
				return nil, r.fail("a dot may not stand before a bracket")
			}
			fallthrough
		case len(p) == 0:
			word := r.word("")
			if word == "" {
				return nil, r.fail("a key is expected")
			}
			p = append(p, Step{Key: word})
		default:
			return nil, r.fail("a dot or a bracket is expected")
		}
	}
}

// word reads up to the next separator. Besides letters and digits it may have - _ / and more, if also.
func (r *pathReader) word(also string) string {
	from := r.at
	for c := r.peek(); c != 0 && (strings.ContainsRune(also, c) || !strings.ContainsRune(".[]=,\"' \t", c)); c = r.peek() {
		r.at++
	}
	return string(r.left[from:r.at])
}

// quoted reads text in double quotes, with \" and \\ in it.
func (r *pathReader) quoted() (string, error) {
	from := r.at
	for r.at++; r.peek() != '"'; r.at++ {
		if r.peek() == '\\' {
			r.at++
		}
		if r.at >= len(r.left) {
			r.at = from
			return "", r.fail("the quote is never closed")
		}
	}
	r.at++
	text, err := strconv.Unquote(string(r.left[from:r.at]))
	if err != nil {
		r.at = from
		return "", r.fail("the text in quotes cannot be read")
	}
	return text, nil
}

func (r *pathReader) bracket() (Step, error) {
	r.at++
	if r.peek() == '"' {
		key, err := r.quoted()
		if err != nil {
			return Step{}, err
		}
		return Step{Key: key}, r.closing()
	}
	from := r.at
	word := r.word("")
	if r.peek() == ']' {
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 {
			r.at = from
			return Step{}, r.fail(`between brackets there must be a number, name=value, or a key in double quotes`)
		}
		r.at++
		return Step{Item: true, Index: n}, nil
	}
	r.at = from
	step := Step{Item: true}
	for {
		f, err := r.field()
		if err != nil {
			return Step{}, err
		}
		step.Match = append(step.Match, f)
		if r.peek() != ',' {
			return step, r.closing()
		}
		r.at++
	}
}

func (r *pathReader) field() (Field, error) {
	f := Field{Name: r.word("")}
	if f.Name == "" || r.peek() != '=' {
		return f, r.fail("name=value is expected")
	}
	r.at++
	if r.peek() == '"' {
		var err error
		f.Value, err = r.quoted()
		return f, err
	}
	if f.Value = r.word(".="); f.Value == "" {
		return f, r.fail(`a value is expected; an empty one is written ""`)
	}
	return f, nil
}

func (r *pathReader) closing() error {
	if r.peek() != ']' {
		return r.fail("a closing bracket is expected")
	}
	r.at++
	return nil
}

// String writes the path as ParsePath reads it.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		b.WriteString(s.text(i == 0))
	}
	return b.String()
}

func (s Step) text(first bool) string {
	switch {
	case !s.Item && (s.Key == "" || strings.ContainsAny(s.Key, ".[]=,\"' \t\\") || strconv.Quote(s.Key) != `"`+s.Key+`"`):
		return "[" + strconv.Quote(s.Key) + "]"
	case !s.Item && first:
		return s.Key
	case !s.Item:
		return "." + s.Key
	case s.Match == nil:
		return "[" + strconv.Itoa(s.Index) + "]"
	}
	fields := make([]string, len(s.Match))
	for i, f := range s.Match {
		v := f.Value
		if v == "" || strings.ContainsAny(v, "[],\"' \t\\") || strconv.Quote(v) != `"`+v+`"` {
			v = strconv.Quote(v)
		}
		fields[i] = f.Name + "=" + v
	}
	return "[" + strings.Join(fields, ",") + "]"
}

// key is the last step's key, "" when the path ends at an item.
func (p Path) key() string {
	if len(p) == 0 || p[len(p)-1].Item {
		return ""
	}
	return p[len(p)-1].Key
}

// Numbered reports whether the path ends with the number of an item.
func (p Path) Numbered() bool {
	return len(p) > 0 && p[len(p)-1].Item && p[len(p)-1].Match == nil
}

// Then is the path with further steps; p itself stays as it is.
func (p Path) Then(steps ...Step) Path { return append(slices.Clone(p), steps...) }
