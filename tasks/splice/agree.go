package splice

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// agree refuses a document whose nodes say something else than what the kubelet reads: yes, off,
// 2001-01-01 as a key, and whatever else the two generations of YAML differ in.
func (d *document) agree(n *yaml.Node, read any, at string) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		m, ok := read.(map[string]any)
		if !ok {
			return d.refuse(n.Line, "%s is a mapping here but not to the kubelet", name(at))
		}
		return d.agreeMapping(n, m, at)
	case yaml.SequenceNode:
		list, ok := read.([]any)
		if !ok || len(list) != len(n.Content) {
			return d.refuse(n.Line, "%s is a list here but not to the kubelet", name(at))
		}
		for i, c := range n.Content {
			if err := d.agree(c, list[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	}
	if n.Style&yaml.TaggedStyle != 0 {
		return nil
	}
	v, err := scalar(n)
	if err != nil {
		return d.refuse(n.Line, "%v", err)
	}
	if v != read {
		return d.refuse(n.Line, "YAML parsers differ on %s: %s is %s to one and %s to the kubelet; write it without doubt, with quotes if it is text",
			name(at), n.Value, shown(v), shown(read))
	}
	return nil
}

func (d *document) agreeMapping(n *yaml.Node, m map[string]any, at string) error {
	merged := slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Tag == "!!merge" })
	if !merged && len(m) != len(n.Content)/2 {
		return d.refuse(n.Line, "%s has other keys to the kubelet than here", name(at))
	}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Tag == "!!merge" {
			continue
		}
		v, ok := m[key.Value]
		if !ok {
			return d.refuse(key.Line, "the key %q is read otherwise by the kubelet; put it in quotes", key.Value)
		}
		if err := d.agree(n.Content[i+1], v, join(at, key.Value)); err != nil {
			return err
		}
	}
	return nil
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

func name(at string) string {
	if at == "" {
		return "the document"
	}
	return at
}

func shown(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// maxExact is the largest whole number that every reader keeps exactly.
const maxExact = 1 << 53

// scalar is the value of a scalar node, in the form that decode gives.
func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int":
		var i int64
		if err := n.Decode(&i); err != nil || i > maxExact || i < -maxExact {
			return nil, fmt.Errorf("the number %s is beyond 2^53, where readers lose digits", n.Value)
		}
		return json.Number(strconv.FormatInt(i, 10)), nil
	case "!!float":
		var f float64
		if err := n.Decode(&f); err != nil {
			return nil, err
		}
		return number(f)
	}
	return n.Value, nil
}

// number is a float in the form that decode gives.
func number(f float64) (any, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) || f == math.Trunc(f) && math.Abs(f) > maxExact {
		return nil, fmt.Errorf("the number %v cannot be kept exactly; whole numbers go up to 2^53", f)
	}
	b, err := json.Marshal(f)
	return json.Number(b), err
}

// value is what a node amounts to, in the form that decode gives.
func value(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return value(n.Alias)
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = value(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, value(c))
		}
		return list
	}
	v, _ := scalar(n)
	return v
}
