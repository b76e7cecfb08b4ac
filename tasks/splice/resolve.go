package splice

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spot is how far a path leads in a document.
type spot struct {
	node    *yaml.Node // the deepest node that is there
	key     *yaml.Node // its key, nil when it is an item or the root
	parent  *yaml.Node // what it is in, nil for the root
	index   int        // its index in parent.Content
	path    Path       // the part of the path that is there
	missing Path       // the rest
}

// found reports whether the whole path is there.
func (s spot) found() bool { return len(s.missing) == 0 }

// resolve follows a path, and refuses it when it leads through something that cannot be edited.
func (d *document) resolve(p Path) (spot, error) {
	s := spot{node: d.root, missing: p}
	for len(s.missing) > 0 {
		step := s.missing[0]
		if blank(s.node) {
			return s, d.vacant(s, step)
		}
		if err := d.block(s.node, s.path); err != nil {
			return s, err
		}
		i, err := d.child(s, step)
		if err != nil || i < 0 {
			return s, err
		}
		next := spot{node: s.node.Content[i], parent: s.node, index: i, path: s.path.Then(step), missing: s.missing[1:]}
		if s.node.Kind == yaml.MappingNode {
			next.key = s.node.Content[i-1]
		}
		s = next
	}
	return s, nil
}

// blank reports whether a node is null, {} or [].
func blank(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode {
		return n.ShortTag() == "!!null" && n.Style&yaml.TaggedStyle == 0
	}
	return n.Kind != yaml.AliasNode && len(n.Content) == 0
}

// vacant refuses a step into nothing that cannot be created.
func (d *document) vacant(s spot, step Step) error {
	if err := d.ordinary(s.node, s.path); err != nil {
		return err
	}
	switch {
	case step.Item && len(s.missing) == 1:
		return nil
	case step.Item:
		return d.refuse(s.node.Line, "%s is empty, so %s is not there", s.path, strings.TrimPrefix(step.text(true), "."))
	case s.node.Kind == yaml.SequenceNode:
		return d.refuse(s.node.Line, "%s is a list, where %q cannot be a key", s.path, step.Key)
	}
	return nil
}

// child is the index in Content of the value that a step leads to, -1 for a key that is not there.
func (d *document) child(s spot, step Step) (int, error) {
	switch {
	case !step.Item && s.node.Kind == yaml.MappingNode:
		for i := 0; i < len(s.node.Content); i += 2 {
			if s.node.Content[i].Value == step.Key {
				return i + 1, nil
			}
		}
		return -1, nil
	case !step.Item:
		return 0, d.refuse(s.node.Line, "%s is %s, where %q cannot be a key", name(s.path.String()), kind(s.node), step.Key)
	case s.node.Kind != yaml.SequenceNode:
		return 0, d.refuse(s.node.Line, "%s is %s and has no items", name(s.path.String()), kind(s.node))
	case step.Match == nil && step.Index >= len(s.node.Content):
		if len(s.missing) == 1 {
			return -1, nil
		}
		return 0, d.refuse(s.node.Line, "%s has %d items, so there is no item %d", s.path, len(s.node.Content), step.Index)
	case step.Match == nil:
		return step.Index, nil
	}
	return d.matching(s, step)
}

// matching is the index of the one item with the wanted fields, -1 if there is none and the path ends.
func (d *document) matching(s spot, step Step) (int, error) {
	at := -1
	var names []string
	for i, item := range s.node.Content {
		v := value(item)
		if matches(v, step.Match) {
			if at >= 0 {
				return 0, d.refuse(item.Line, "%s has two items with %s; the first is on line %d", s.path, step.text(true), s.node.Content[at].Line)
			}
			at = i
		}
		if m, ok := v.(map[string]any); ok {
			names = append(names, fmt.Sprint(m[step.Match[0].Name]))
		}
	}
	if at < 0 && len(s.missing) > 1 {
		return 0, d.refuse(s.node.Line, "%s has no item %s; there is %s", s.path, step.text(true), strings.Join(names, ", "))
	}
	return at, nil
}

// matches reports whether an item has all the fields.
func matches(item any, fields []Field) bool {
	m, ok := item.(map[string]any)
	for _, f := range fields {
		v, has := m[f.Name]
		if !ok || !has || v == nil || fmt.Sprint(v) != f.Value {
			return false
		}
	}
	return ok
}

func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	return "a single value"
}
