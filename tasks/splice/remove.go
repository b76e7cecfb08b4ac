package splice

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// remove takes away a key or an item. Comments above it stay; those inside it go with it.
func (d *document) remove(p Path) ([]edit, error) {
	s, err := d.resolve(p)
	if err != nil || !s.found() {
		return nil, err
	}
	if err := d.plainly(s.node, s.path); err != nil {
		return nil, err
	}
	if s.key == nil {
		return d.dropItem(s)
	}
	return d.dropKey(s)
}

// dropItem removes the lines of an item.
func (d *document) dropItem(s spot) ([]edit, error) {
	last, err := d.last(s.node)
	if err != nil {
		return nil, err
	}
	if !d.dashed(s.parent, s.node) || !d.first(s.node.Line, s.parent.Column) {
		return nil, d.refuse(s.node.Line, "%s does not stand behind its dash on a line of its own", s.path)
	}
	if len(s.parent.Content) == 1 {
		return d.hollow(s, s.node.Line, last, "[]")
	}
	return []edit{d.cut(s.node.Line, last)}, nil
}

// dropKey removes the lines of a key and its value.
func (d *document) dropKey(s spot) ([]edit, error) {
	last, err := d.last(s.node)
	if err != nil {
		return nil, err
	}
	if _, err := d.colon(s.key); err != nil {
		return nil, err
	}
	switch {
	case len(s.parent.Content) == 2:
		return d.hollow(s, s.key.Line, last, "{}")
	case d.first(s.key.Line, s.key.Column):
		return []edit{d.cut(s.key.Line, last)}, nil
	}
	// The key stands behind a dash: the next key takes its place.
	if s.index+1 >= len(s.parent.Content) {
		return nil, d.refuse(s.key.Line, "%s does not stand on a line of its own", s.path)
	}
	next := s.parent.Content[s.index+1]
	if next.Line != last+1 {
		return nil, d.refuse(last+1, "the line between %s and the next key is in the way of removing it", s.path)
	}
	return []edit{{d.offset(s.key.Line, s.key.Column), d.offset(next.Line, next.Column), ""}}, nil
}

// hollow removes the only entry of a collection, which then needs to be written as empty.
func (d *document) hollow(s spot, first, last int, text string) ([]edit, error) {
	owner, err := d.resolve(s.path[:len(s.path)-1])
	if err != nil {
		return nil, err
	}
	if owner.key == nil || owner.key.Line >= first {
		return nil, d.refuse(first, "%s is the only entry of what holds it, which cannot be left empty here", s.path)
	}
	colon, err := d.colon(owner.key)
	if err != nil {
		return nil, err
	}
	return []edit{{colon, colon, " " + text}, d.cut(first, last)}, nil
}

// list resolves a path to a list that may be edited. It returns nil when there is none, or an empty one.
func (d *document) list(p Path) (spot, []*yaml.Node, error) {
	s, err := d.resolve(p)
	if err != nil || !s.found() || blank(s.node) {
		return s, nil, err
	}
	if s.node.Kind != yaml.SequenceNode {
		return s, nil, d.refuse(s.node.Line, "%s is %s, not a list", p, kind(s.node))
	}
	if err := d.block(s.node, p); err != nil {
		return s, nil, err
	}
	return s, s.node.Content, d.plainly(s.node, p)
}

// extend puts items behind the last one of a list, or makes the list.
func (d *document) extend(p Path, items []any) ([]edit, error) {
	s, have, err := d.list(p)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return d.set(p, items)
	}
	end := have[len(have)-1]
	last, err := d.last(end)
	if err != nil {
		return nil, err
	}
	if !d.dashed(s.node, end) {
		return nil, d.refuse(end.Line, "the last item of %s does not stand behind its dash", p)
	}
	l := d.layout(s.node)
	l.dash = end.Column - s.node.Column
	if end.Kind == yaml.MappingNode {
		for i := 0; i < len(end.Content); i += 2 {
			l.order = append(l.order, end.Content[i].Value)
		}
	}
	return []edit{d.insert(last, l.items(items, s.node.Column-1))}, nil
}

// put adds an item to a list or changes the one with the same key fields.
func (d *document) put(o Put) ([]edit, error) {
	s, have, err := d.list(o.List)
	if err != nil {
		return nil, err
	}
	step := Step{Item: true, Match: o.match()}
	at := -1
	for i, item := range have {
		if !matches(value(item), step.Match) {
			continue
		}
		if at >= 0 {
			return nil, d.refuse(item.Line, "%s has two items with %s; the first is on line %d. Where one field does not tell items apart, give more of them as key", o.List, step.text(true), have[at].Line)
		}
		at = i
	}
	if at < 0 {
		return d.extend(o.List, []any{o.Item})
	}
	if err := d.others(o, have[at], step); err != nil {
		return nil, err
	}
	if s.node.Content[at].Style&yaml.FlowStyle == 0 && !d.dashed(s.node, have[at]) {
		return nil, d.refuse(have[at].Line, "the item %s does not stand behind its dash", step.text(true))
	}
	return d.set(o.List.Then(step), o.Item)
}

// others refuses a field of an item that the wanted one does not have, where they exclude each other.
func (d *document) others(o Put, item *yaml.Node, step Step) error {
	if !o.Exclusive {
		return nil
	}
	for i := 0; i < len(item.Content); i += 2 {
		key := item.Content[i]
		if _, ok := o.Item[key.Value]; !ok {
			return d.refuse(key.Line, "%s%s is there already with %q, which is something else than what is to be set", o.List, step.text(true), key.Value)
		}
	}
	return nil
}

// surplus are the fields of an item that the wanted one does not have, nested ones too.
func (d *document) surplus(o Put) ([]Path, error) {
	_, have, err := d.list(o.List)
	if err != nil {
		return nil, err
	}
	step := Step{Item: true, Match: o.match()}
	for _, item := range have {
		if v, ok := value(item).(map[string]any); ok && matches(v, step.Match) {
			return extra(o.List.Then(step), v, o.Item), nil
		}
	}
	return nil, nil
}

func extra(at Path, have, want map[string]any) []Path {
	var paths []Path
	for _, k := range slices.Sorted(maps.Keys(have)) {
		step := at.Then(Step{Key: k})
		w, ok := want[k]
		inner, both := have[k].(map[string]any)
		wanted, same := w.(map[string]any)
		switch {
		case !ok:
			paths = append(paths, step)
		case both && same:
			paths = append(paths, extra(step, inner, wanted)...)
		}
	}
	return paths
}

// match is the item's key as fields.
func (o Put) match() []Field {
	fields := make([]Field, len(o.Keys))
	for i, k := range o.Keys {
		fields[i] = Field{k, fmt.Sprint(o.Item[k])}
	}
	return fields
}

func (o Put) String() string {
	return strings.TrimPrefix(o.List.Then(Step{Item: true, Match: o.match()}).String(), ".")
}
