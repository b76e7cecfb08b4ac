package splice

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// unclear is text that some YAML reader takes for something else than text: booleans and null of YAML
// 1.1, numbers, sixties such as 12:30, dates.
const unclear = `(?i)^(---|\.\.\.|y|n|yes|no|on|off|true|false|null|~|=|<<|` +
	`[-+]?(0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+)|[-+]?\.(inf|nan)|` +
	`[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9_]+)(e[-+]?[0-9]+)?|` +
	`[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*)$`

// plain reports whether text can stand without quotes: nothing about it is special, and both parsers
// read it as itself.
func plain(s string) bool {
	if s == "" || strings.TrimSpace(s) != s || strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") {
		return false
	}
	for _, c := range s {
		if c < ' ' || c > '~' {
			return false
		}
	}
	if regexp.MustCompile(unclear).MatchString(s) {
		return false
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte("- "+s), &n); err != nil || n.Content[0].Kind != yaml.SequenceNode {
		return false
	}
	item := n.Content[0].Content[0]
	if item.Kind != yaml.ScalarNode || item.Style != 0 || item.ShortTag() != "!!str" || item.Value != s {
		return false
	}
	b, err := kyaml.YAMLToJSONStrict([]byte("- " + s))
	var read []string
	return err == nil && json.Unmarshal(b, &read) == nil && len(read) == 1 && read[0] == s
}

// quote writes text in double quotes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// written is a scalar as text, in the quotes that stood there before if it is text.
func written(v any, was yaml.Style) string {
	switch v := v.(type) {
	case string:
		printable := !strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) })
		switch {
		case was&yaml.SingleQuotedStyle != 0 && printable:
			return "'" + strings.ReplaceAll(v, "'", "''") + "'"
		case was&yaml.DoubleQuotedStyle == 0 && plain(v):
			return v
		}
		return quote(v)
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

// layout is how a file is indented.
type layout struct {
	step  int      // from a key to the keys below it
	list  int      // from a key to the dashes below it: 0 is the compact form
	dash  int      // from a dash to what it holds: 2 is the usual form
	order []string // keys of the list's items in the order of the file, for further ones
}

// layout looks for the file's habits: first near the edit, then in the whole file, then kubeadm's.
func (d *document) layout(near ...*yaml.Node) layout {
	l := layout{step: -1, list: -1, dash: -1}
	for _, n := range append(near, d.root) {
		l.learn(d, n)
	}
	for _, o := range []struct {
		have *int
		want int
	}{{&l.step, 2}, {&l.list, 0}, {&l.dash, 2}} {
		if *o.have < 0 {
			*o.have = o.want
		}
	}
	return l
}

// learn takes from a subtree what is not known yet.
func (l *layout) learn(d *document, n *yaml.Node) {
	if n.Kind == yaml.AliasNode || n.Style&yaml.FlowStyle != 0 {
		return
	}
	for i, c := range n.Content {
		usual := len(c.Content) > 0 && c.Style&yaml.FlowStyle == 0 && c.Anchor == "" && c.Style&yaml.TaggedStyle == 0
		switch {
		case n.Kind == yaml.SequenceNode && l.dash < 0 && n.Anchor == "" && (usual || len(c.Content) == 0 && c.Value != ""):
			if d.dashed(n, c) {
				l.dash = c.Column - n.Column
			}
		case n.Kind == yaml.MappingNode && i%2 == 1 && usual && c.Line > n.Content[i-1].Line:
			by := c.Column - n.Content[i-1].Column
			if c.Kind == yaml.SequenceNode && l.list < 0 && by >= 0 {
				l.list = by
			}
			if c.Kind == yaml.MappingNode && l.step < 0 && by > 0 {
				l.step = by
			}
		}
		l.learn(d, c)
	}
}

// sorted is the order in which the keys of a new mapping are written: as the neighbours have them,
// then by name.
func (l layout) sorted(m map[string]any) []string {
	keys := slices.Sorted(maps.Keys(m))
	if len(l.order) == 0 {
		return keys
	}
	rank := func(k string) int {
		if i := slices.Index(l.order, k); i >= 0 {
			return i
		}
		return len(l.order)
	}
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
	return keys
}

// empty reports whether a collection is written as {} or [].
func empty(v any) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		return "{}", len(v) == 0
	case []any:
		return "[]", len(v) == 0
	}
	return written(v, 0), true
}

// pair renders a key and its value, column spaces to the right.
func (l layout) pair(key string, v any, column int) []string {
	head := strings.Repeat(" ", column) + written(key, 0) + ":"
	if text, inline := empty(v); inline {
		return []string{head + " " + text}
	}
	return append([]string{head}, l.below(v, column)...)
}

// below renders a collection that is not empty below a key in that column.
func (l layout) below(v any, column int) []string {
	if m, ok := v.(map[string]any); ok {
		return l.pairs(m, column+l.step)
	}
	return l.items(v.([]any), column+l.list)
}

func (l layout) pairs(m map[string]any, column int) []string {
	var lines []string
	keys := l.sorted(m)
	l.order = nil // it is the order of the outermost mapping
	for _, k := range keys {
		lines = append(lines, l.pair(k, m[k], column)...)
	}
	return lines
}

// items renders items of a list with their dashes in that column.
func (l layout) items(list []any, column int) []string {
	var lines []string
	for _, v := range list {
		lines = append(lines, l.item(v, column)...)
	}
	return lines
}

func (l layout) item(v any, column int) []string {
	head := strings.Repeat(" ", column) + "-" + strings.Repeat(" ", l.dash-1)
	text, inline := empty(v)
	if inline {
		return []string{head + text}
	}
	lines := []string{}
	switch v := v.(type) {
	case map[string]any:
		lines = l.pairs(v, column+l.dash)
	case []any:
		lines = l.items(v, column+l.dash)
	}
	lines[0] = head + lines[0][len(head):]
	return lines
}
