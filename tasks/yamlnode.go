package tasks

import "go.yaml.in/yaml/v3"

// yamlWalk visits every node as often as a decoder would, and gives up in time.
type yamlWalk struct {
	*findings
	left    int
	tooMuch bool
}

func (w *yamlWalk) node(n *yaml.Node, depth int) {
	w.left--
	switch {
	case w.tooMuch:
		return
	case w.left < 0:
		w.tooMuch = true
		w.add(n.Line, "with its aliases it stands for more than %d values", maxNodes)
		return
	case depth > maxDepth:
		w.tooMuch = true
		w.add(n.Line, "it is nested more than %d deep", maxDepth)
		return
	}
	if n.Kind == yaml.AliasNode {
		w.node(n.Alias, depth+1)
		return
	}
	if n.Kind == yaml.MappingNode {
		w.keys(n)
	}
	for _, c := range n.Content {
		w.node(c, depth+1)
	}
}

// keys finds keys that are there twice.
func (w *yamlWalk) keys(n *yaml.Node) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
			continue
		}
		if first, ok := seen[k.Value]; ok {
			w.add(k.Line, "%q is there twice, first in line %d", k.Value, first)
			continue
		}
		seen[k.Value] = k.Line
	}
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// child is the value of a map's key, nil when there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

// filled reports whether a map has a list with something in it.
func filled(n *yaml.Node, key string) bool {
	c := child(n, key)
	return c != nil && c.Kind == yaml.SequenceNode && len(c.Content) > 0
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// kindOf says what a node is, for people.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "a string"
}
