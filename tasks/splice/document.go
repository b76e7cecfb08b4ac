package splice

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Budgets of a document. They bound what aliases can make of it.
const (
	maxNodes = 200_000
	maxDepth = 100
	maxText  = 64 << 20 // bytes of all scalars, aliases followed
)

// document is a file that can be edited: its text, its nodes with their positions, and the object
// that the kubelet would read. The three are known to agree.
type document struct {
	*source
	root *yaml.Node
	obj  map[string]any
}

// parse reads a document and refuses every text that means different things to different readers.
func parse(text []byte) (*document, error) {
	d := &document{source: newSource(text)}
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := d.read(); err != nil {
		return nil, err
	}
	w := walker{d: d, done: map[*yaml.Node]cost{}, open: map[*yaml.Node]bool{}}
	if _, err := w.walk(d.root, 0); err != nil {
		return nil, err
	}
	if err := d.tabs(w.blocks); err != nil {
		return nil, err
	}
	obj, err := decode(text)
	if err != nil {
		return nil, d.located(err)
	}
	d.obj = obj
	return d, d.agree(d.root, obj, "")
}

// read makes nodes of the text: exactly one document, with nothing behind it.
func (d *document) read() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = d.refuse(1, "the YAML parser gave up: %v", r)
		}
	}()
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(d.text))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return d.refuse(1, "the file is empty")
	case err != nil:
		return d.located(err)
	}
	d.root = doc.Content[0]
	switch err := dec.Decode(&more); {
	case err == nil:
		return d.refuse(max(more.Line, d.root.Line+1), "the file has more than one document; only the first would be read")
	case !errors.Is(err, io.EOF):
		return d.located(fmt.Errorf("%w: nothing may stand behind the end of the document", err))
	}
	for n := 1; n < d.root.Line; n++ {
		if text, _ := d.line(n); strings.HasPrefix(text, "%") {
			return d.refuse(n, "the file has a YAML directive")
		}
	}
	if d.root.Kind != yaml.MappingNode {
		return d.refuse(d.root.Line, "the document is not a mapping")
	}
	return nil
}

// located gives an error of a YAML parser the line that is to blame. The parser itself often names the
// line on which the broken mapping began, so the first line with which the text cannot be read is looked
// for; its own line serves where the text is too large for that.
func (d *document) located(err error) error {
	why := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := regexp.MustCompile(`line (\d+): ?`).FindStringSubmatchIndex(why); m != nil {
		line, _ = strconv.Atoi(why[m[2]:m[3]])
		why = why[:m[0]] + why[m[1]:]
	}
	if len(d.text) <= maxBlame && !readable(d.text) {
		line = 1 + sort.Search(d.lines()-1, func(n int) bool { return !readable(d.text[:d.start(n+2)]) })
	}
	return d.refuse(line, "this is not YAML that can be edited: %s", strings.Join(strings.Fields(why), " "))
}

// maxBlame bounds in bytes the texts that are read again and again to find the line to blame.
const maxBlame = 1 << 20

// readable reports whether a text is any number of YAML documents.
func readable(text []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var n yaml.Node
		if err := dec.Decode(&n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// tabs refuses indentation with tabs, except inside block scalars, where it is content.
func (d *document) tabs(blocks map[int]bool) error {
	inside := false
	for n := 1; n <= d.lines(); n++ {
		text, _ := d.line(n)
		content := strings.TrimLeft(text, " \t")
		if !inside && content != "" && strings.Contains(text[:len(text)-len(content)], "\t") {
			return d.refuse(n, "the line is indented with a tab")
		}
		inside = (inside || blocks[n]) && !blocks[-n]
	}
	return nil
}

// cost is what a subtree amounts to when its aliases are followed.
type cost struct{ nodes, text int }

// walker goes over all nodes once.
type walker struct {
	d      *document
	done   map[*yaml.Node]cost
	open   map[*yaml.Node]bool
	blocks map[int]bool // line: a block scalar begins on it; -line: one has ended behind it
	block  bool
}

func (w *walker) walk(n *yaml.Node, depth int) (cost, error) {
	if depth > maxDepth {
		return cost{}, w.d.refuse(n.Line, "the document is nested deeper than %d levels", maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		if w.open[n.Alias] {
			return cost{}, w.d.refuse(n.Line, "the alias %q contains itself", n.Value)
		}
		return w.done[n.Alias], nil
	}
	w.mark(n)
	w.open[n] = true
	sum := cost{1, len(n.Value)}
	for _, c := range n.Content {
		more, err := w.walk(c, depth+1)
		if err != nil {
			return cost{}, err
		}
		sum.nodes += more.nodes
		sum.text += more.text
		if sum.nodes > maxNodes || sum.text > maxText {
			return cost{}, w.d.refuse(c.Line, "the document is too large when its aliases are followed")
		}
	}
	delete(w.open, n)
	w.done[n] = sum
	if n.Kind == yaml.MappingNode {
		return sum, w.duplicates(n)
	}
	return sum, nil
}

// mark remembers where block scalars begin and where the next node ends them.
func (w *walker) mark(n *yaml.Node) {
	if w.blocks == nil {
		w.blocks = map[int]bool{}
	}
	if w.block {
		w.blocks[-(n.Line - 1)] = true
		w.block = false
	}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		w.blocks[n.Line] = true
		w.block = true
	}
}

// duplicates refuses a mapping that has a key twice, or one that is not plain text.
func (w *walker) duplicates(n *yaml.Node) error {
	seen := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return w.d.refuse(key.Line, "a key of the mapping is not a plain word")
		}
		if first, ok := seen[key.Value]; ok {
			return w.d.refuse(key.Line, "the key %q is there twice; first on line %d", key.Value, first)
		}
		seen[key.Value] = key.Line
	}
	return nil
}
