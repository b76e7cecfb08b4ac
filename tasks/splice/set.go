package splice

import (
	"reflect"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// set makes v the value at a path, creating mappings on the way. Mappings are merged: keys that v does
// not have stay.
func (d *document) set(p Path, v any) ([]edit, error) {
	s, err := d.resolve(p)
	if err != nil {
		return nil, err
	}
	for i, step := range s.missing {
		if step.Item {
			return nil, d.refuse(s.node.Line, "%s has no item %s to set", p[:len(s.path)+i], step.text(true))
		}
	}
	if s.found() {
		return d.assign(s, v)
	}
	return d.create(s, v)
}

// nest wraps a value in the mappings that a path of keys needs.
func nest(p Path, v any) any {
	for i := len(p) - 1; i >= 0; i-- {
		v = map[string]any{p[i].Key: v}
	}
	return v
}

// create adds what is missing at a spot.
func (d *document) create(s spot, v any) ([]edit, error) {
	if blank(s.node) {
		return d.fill(s, nest(s.missing, v))
	}
	if s.node.Kind != yaml.MappingNode {
		return nil, d.refuse(s.node.Line, "%s is %s, where nothing can be added", s.path, kind(s.node))
	}
	e, err := d.grow(s.node, s.path, d.layout(s.node).pair(s.missing[0].Key, nest(s.missing[1:], v), s.node.Column-1))
	return []edit{e}, err
}

// grow puts lines behind the last entry of a mapping whose end is certain. The order of keys means
// nothing, so an entry that ends in a block scalar is left behind the new lines.
func (d *document) grow(mapping *yaml.Node, at Path, lines []string) (edit, error) {
	if err := d.block(mapping, at); err != nil {
		return edit{}, err
	}
	var first error
	for i := len(mapping.Content) - 1; i > 0; i -= 2 {
		last, err := d.last(mapping.Content[i])
		if err == nil {
			return d.insert(last, lines), nil
		}
		if first == nil {
			first = err
		}
	}
	return edit{}, first
}

// assign changes a value that is there.
func (d *document) assign(s spot, v any) ([]edit, error) {
	if err := d.ordinary(s.node, s.path); err != nil {
		return nil, err
	}
	m, merge := v.(map[string]any)
	_, list := v.([]any)
	switch {
	case merge && len(m) == 0 && s.node.Kind == yaml.MappingNode, reflect.DeepEqual(value(s.node), v):
		return nil, nil
	case merge && s.node.Kind == yaml.MappingNode && len(s.node.Content) > 0:
		return d.merge(s, m)
	case merge && blank(s.node) || list && blank(s.node):
		return d.fill(s, v)
	case !merge && !list && s.node.Kind == yaml.ScalarNode:
		return d.scalar(s, v)
	}
	return d.rewrite(s, v)
}

// merge sets the keys of a mapping that is there.
func (d *document) merge(s spot, m map[string]any) ([]edit, error) {
	if err := d.block(s.node, s.path); err != nil {
		return nil, err
	}
	var edits []edit
	var fresh []string
	l := d.layout(s.node)
	for _, k := range l.sorted(m) {
		at := spot{node: s.node, path: s.path, missing: Path{{Key: k}}}
		i, err := d.child(at, at.missing[0])
		if err != nil {
			return nil, err
		}
		if i < 0 {
			fresh = append(fresh, l.pair(k, m[k], s.node.Column-1)...)
			continue
		}
		inner, err := d.assign(spot{node: s.node.Content[i], key: s.node.Content[i-1], parent: s.node, index: i, path: s.path.Then(at.missing...)}, m[k])
		if err != nil {
			return nil, err
		}
		edits = append(edits, inner...)
	}
	if len(fresh) > 0 {
		e, err := d.grow(s.node, s.path, fresh)
		if err != nil {
			return nil, err
		}
		edits = append(edits, e)
	}
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].start < edits[j].start })
	return edits, nil
}

// scalar replaces one scalar by another, in the quotes that it has.
func (d *document) scalar(s spot, v any) ([]edit, error) {
	start, end, err := d.span(s.node)
	if err != nil {
		return nil, err
	}
	text := written(v, s.node.Style)
	if start < end {
		return []edit{{start, end, text}}, nil
	}
	if s.key == nil {
		return nil, d.refuse(s.node.Line, "%s is an empty item, which is not edited", s.path)
	}
	if start, err = d.colon(s.key); err != nil {
		return nil, err
	}
	return []edit{{start, start, " " + text}}, nil
}

// fill gives an empty value something: the value goes, the lines come below the key.
func (d *document) fill(s spot, v any) ([]edit, error) {
	text, inline := empty(v)
	if s.key == nil {
		return nil, d.refuse(s.node.Line, "%s is an empty item, which is not edited", name(s.path.String()))
	}
	colon, err := d.colon(s.key)
	if err != nil {
		return nil, err
	}
	_, end, err := d.span(s.node)
	if err != nil {
		return nil, err
	}
	if s.node.Line != s.key.Line {
		return nil, d.refuse(s.node.Line, "the value of %s is not on the line of its key", s.path)
	}
	if inline {
		return []edit{{colon, max(end, colon), " " + text}}, nil
	}
	return []edit{
		{colon, max(end, colon), ""},
		d.insert(s.key.Line, d.layout(s.parent).below(v, s.key.Column-1)),
	}, nil
}

// rewrite replaces a value by one of another kind, or a list by another. Comments inside would be
// lost, so they are in the way.
func (d *document) rewrite(s spot, v any) ([]edit, error) {
	if s.key == nil {
		return nil, d.refuse(s.node.Line, "%s is %s; it is not replaced as a whole, remove it and add the new one", name(s.path.String()), kind(s.node))
	}
	if err := d.plainly(s.node, s.path); err != nil {
		return nil, err
	}
	if s.node.Line == s.key.Line {
		if _, end, err := d.span(s.node); err != nil {
			return nil, err
		} else if rest := d.rest(s.key.Line, end); strings.TrimLeft(rest, " \t") != "" && !strings.HasPrefix(strings.TrimLeft(rest, " \t"), "#") {
			return nil, d.refuse(s.key.Line, "something stands behind the value of %s", s.path)
		}
		return d.fill(s, v)
	}
	colon, err := d.colon(s.key)
	if err != nil {
		return nil, err
	}
	last, err := d.last(s.node)
	if err != nil {
		return nil, err
	}
	if err := d.uncommented(s.key.Line+1, last); err != nil {
		return nil, err
	}
	cut := d.cut(s.key.Line+1, last)
	text, inline := empty(v)
	if inline {
		return []edit{{colon, colon, " " + text}, cut}, nil
	}
	fresh := d.insert(s.key.Line, d.layout(s.parent).below(v, s.key.Column-1))
	if cut.start < fresh.start { // the value is at the end of a text without a line end
		_, eol := d.line(s.key.Line)
		return []edit{{cut.start, cut.end, eol + strings.TrimSuffix(fresh.text, eol)}}, nil
	}
	return []edit{{cut.start, cut.end, fresh.text}}, nil
}

// uncommented refuses lines that have a comment, or something that looks like one.
func (d *document) uncommented(first, last int) error {
	for n := first; n <= last; n++ {
		text, _ := d.line(n)
		if strings.HasPrefix(strings.TrimLeft(text, " "), "#") || strings.Contains(text, " #") {
			return d.refuse(n, "this comment would be lost, because the whole value is replaced")
		}
	}
	return nil
}
