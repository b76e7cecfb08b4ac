package splice

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// span is where a node stands that begins and ends on one line.
func (d *document) span(n *yaml.Node) (start, end int, err error) {
	start = d.offset(n.Line, n.Column)
	rest := d.rest(n.Line, start)
	length := 0
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return 0, 0, d.refuse(n.Line, "the value is a block scalar, which is not edited")
	case n.Kind == yaml.AliasNode:
		length = 1 + len(n.Value)
	case n.Anchor != "" || n.Style&yaml.TaggedStyle != 0:
		return 0, 0, d.refuse(n.Line, "the value has an anchor or a tag")
	case n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0:
		if length = len(n.Value); !strings.HasPrefix(rest, n.Value) {
			length = 0
		}
		if n.Value == "" {
			return start, start, nil
		}
	default:
		length = closed(rest)
	}
	if length == 0 || length > len(rest) {
		return 0, 0, d.refuse(n.Line, "the value goes over several lines, and such values are not edited")
	}
	return start, start + length, nil
}

// closed is the length of the quoted scalar or flow collection that text begins with, 0 if its end is
// not on the line.
func closed(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\'':
			n := quotedLength(text[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == '#' && i > 0 && text[i-1] == ' ':
			return 0
		}
		if depth == 0 {
			return i + 1
		}
	}
	return 0
}

func quotedLength(text string) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return 0
}

// last is the last line that a node has content on. It is only told where that is certain.
func (d *document) last(n *yaml.Node) (int, error) {
	if n.Kind != yaml.AliasNode && n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 {
		return d.last(n.Content[len(n.Content)-1])
	}
	_, end, err := d.span(n)
	if err != nil {
		return 0, err
	}
	if behind := strings.TrimLeft(d.rest(n.Line, end), " \t,]}"); behind != "" && behind[0] != '#' && behind[0] != ':' {
		return 0, d.refuse(n.Line, "it is not clear where this value ends")
	}
	return n.Line, nil
}

// colon is the offset behind the colon of a key that stands on one line.
func (d *document) colon(key *yaml.Node) (int, error) {
	_, end, err := d.span(key)
	if err != nil {
		return 0, err
	}
	rest := d.rest(key.Line, end)
	behind := strings.TrimLeft(rest, " \t")
	if !strings.HasPrefix(behind, ":") {
		return 0, d.refuse(key.Line, "the key %q is written in an unusual way", key.Value)
	}
	return end + len(rest) - len(behind) + 1, nil
}

// dashed reports whether an item stands behind its dash on one line.
func (d *document) dashed(list, item *yaml.Node) bool {
	at, end := d.offset(item.Line, list.Column), d.offset(item.Line, item.Column)
	if end <= at || d.text[at] != '-' {
		return false
	}
	return len(bytes.Trim(d.text[at+1:end], " ")) == 0
}

// first reports whether only spaces stand before a column of a line.
func (d *document) first(line, column int) bool {
	return len(bytes.Trim(d.text[d.start(line):d.offset(line, column)], " ")) == 0
}

// ordinary refuses a node that cannot be edited faithfully because something else hangs on it.
func (d *document) ordinary(n *yaml.Node, at Path) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return d.refuse(n.Line, "%s is an alias; editing it would change another place too", at)
	case n.Anchor != "":
		return d.refuse(n.Line, "%s has the anchor &%s; editing it could change another place too", at, n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		return d.refuse(n.Line, "%s has the tag %s", at, n.Tag)
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Tag == "!!merge" || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
				return d.refuse(key.Line, "%s has a merge key, or a key with an anchor or tag", at)
			}
		}
	}
	return nil
}

// block refuses what ordinary refuses, and a collection in flow style that has something in it.
func (d *document) block(n *yaml.Node, at Path) error {
	if err := d.ordinary(n, at); err != nil {
		return err
	}
	if n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0 {
		return d.refuse(n.Line, "%s is written in flow style, between brackets; write it with one entry a line", at)
	}
	return nil
}

// plainly refuses a subtree that has anything that ordinary refuses.
func (d *document) plainly(n *yaml.Node, at Path) error {
	if err := d.ordinary(n, at); err != nil {
		return err
	}
	for _, c := range n.Content {
		if err := d.plainly(c, at); err != nil {
			return err
		}
	}
	return nil
}
