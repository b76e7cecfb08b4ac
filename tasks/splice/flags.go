package splice

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Flag is a command line flag: --Name=Value.
type Flag struct{ Name, Value string }

func (f Flag) word() string { return "--" + f.Name + "=" + f.Value }

// wordError is a refusal that belongs to one word of a command line.
type wordError struct {
	index int
	why   string
}

func (e *wordError) Error() string { return e.why }

// commandLine is a list of words, as command or args of a container have them.
type commandLine []string

// find returns the index of a flag, -1 if it is not there. A flag that is there more than once with one
// value gives the first; with different values it is refused, since it depends on the program what counts.
func (c commandLine) find(name string) ([]int, error) {
	var at []int
	for i, w := range c {
		if w == "--" {
			break
		}
		if w == "--"+name || strings.HasPrefix(w, "--"+name+"=") {
			if len(at) > 0 && c[at[0]] != w {
				return nil, &wordError{i, fmt.Sprintf("the flag --%s is there twice with different values; it cannot be told which one counts", name)}
			}
			at = append(at, i)
		}
	}
	for _, i := range at {
		if c[i] == "--"+name && i+1 < len(c) && !strings.HasPrefix(c[i+1], "-") {
			return nil, &wordError{i, fmt.Sprintf("it cannot be told whether %q is the value of --%s; write it as --%s=value", c[i+1], name, name)}
		}
	}
	return at, nil
}

// change is what setting flags does: words that become others, and words to add at the end.
func (c commandLine) change(flags []Flag) (map[int]string, []string, error) {
	if err := c.direct(); err != nil {
		return nil, nil, err
	}
	changed := map[int]string{}
	var added []string
	for _, f := range flags {
		at, err := c.find(f.Name)
		if err != nil {
			return nil, nil, err
		}
		for _, i := range at {
			if c[i] != f.word() && (c[i] != "--"+f.Name || f.Value != "true") {
				changed[i] = f.word()
			}
		}
		if len(at) == 0 {
			added = append(added, f.word())
		}
	}
	if i := slices.Index(c, "--"); i >= 0 && len(added) > 0 {
		return nil, nil, &wordError{i, "flags cannot be added behind the word --, which ends them"}
	}
	return changed, added, nil
}

// direct refuses a command that a shell takes apart.
func (c commandLine) direct() error {
	if len(c) > 1 && slices.Contains([]string{"sh", "bash", "ash", "dash", "busybox"}, path.Base(c[0])) {
		return &wordError{0, fmt.Sprintf("%s runs a script, whose flags are not in this list", c[0])}
	}
	return nil
}

// places are the lists that a flag could be in, given the path of one of them or of the container. The
// first is the one that takes new flags.
func places(p Path) []Path {
	switch p.key() {
	case "command":
		return []Path{p, p[:len(p)-1].Then(Step{Key: "args"})}
	case "args":
		return []Path{p, p[:len(p)-1].Then(Step{Key: "command"})}
	}
	return []Path{p.Then(Step{Key: "command"}), p.Then(Step{Key: "args"})}
}

// words reads a list of strings.
func (d *document) words(p Path) (commandLine, []*yaml.Node, error) {
	_, items, err := d.list(p)
	if err != nil {
		return nil, nil, err
	}
	words := make(commandLine, len(items))
	for i, n := range items {
		v, ok := value(n).(string)
		if !ok {
			return nil, nil, d.refuse(n.Line, "an item of %s is not text", p)
		}
		words[i] = v
	}
	return words, items, nil
}

// at gives a wordError the line of its word.
func (d *document) at(err error, items []*yaml.Node) error {
	if w, ok := err.(*wordError); ok {
		return d.refuse(items[w.index].Line, "%s", w.why)
	}
	return err
}

// elsewhere refuses flags that are in the list that was not named. For a container it says which of
// the given flags that list has instead.
func (d *document) elsewhere(p Path, flags []Flag) (mine, theirs []Flag, err error) {
	other := places(p)[1]
	words, items, err := d.words(other)
	if err != nil {
		return nil, nil, err
	}
	whole := p.key() != "command" && p.key() != "args"
	own, _, err := d.words(places(p)[0])
	if err != nil {
		return nil, nil, err
	}
	for _, f := range flags {
		at, err := words.find(f.Name)
		if err != nil {
			return nil, nil, d.at(err, items)
		}
		switch {
		case len(at) == 0:
			mine = append(mine, f)
		case whole && !slices.ContainsFunc(own, func(w string) bool { return w == "--"+f.Name || strings.HasPrefix(w, "--"+f.Name+"=") }):
			theirs = append(theirs, f)
		default:
			return nil, nil, d.refuse(items[at[0]].Line, "the flag --%s is in %s too, or instead", f.Name, other)
		}
	}
	return mine, theirs, nil
}

// setFlags sets flags in a list, or in the two lists of a container.
func (d *document) setFlags(p Path, flags []Flag) ([]edit, error) {
	mine, theirs, err := d.elsewhere(p, flags)
	if err != nil {
		return nil, err
	}
	edits, err := d.setWords(places(p)[0], mine)
	if err != nil {
		return nil, err
	}
	more, err := d.setWords(places(p)[1], theirs)
	if err != nil {
		return nil, err
	}
	edits = append(edits, more...)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	return edits, nil
}

func (d *document) setWords(list Path, flags []Flag) ([]edit, error) {
	if len(flags) == 0 {
		return nil, nil
	}
	words, items, err := d.words(list)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 && list.key() == "command" {
		s, err := d.resolve(list[:len(list)-1])
		if err == nil {
			err = d.refuse(s.node.Line, "%s has no command, so the image decides what runs; flags can only be set in its args", list[:len(list)-1])
		}
		return nil, err
	}
	changed, added, err := words.change(flags)
	if err != nil {
		return nil, d.at(err, items)
	}
	var edits []edit
	for i, n := range items {
		if w, ok := changed[i]; ok {
			start, end, err := d.span(n)
			if err != nil {
				return nil, err
			}
			edits = append(edits, edit{start, end, written(w, n.Style)})
		}
	}
	if len(added) == 0 {
		return edits, nil
	}
	fresh := make([]any, len(added))
	for i, w := range added {
		fresh[i] = w
	}
	more, err := d.extend(list, fresh)
	return append(edits, more...), err
}

// dropFlag removes a flag from a list, or from the two lists of a container.
func (d *document) dropFlag(p Path, name string) ([]edit, error) {
	mine, _, err := d.elsewhere(p, []Flag{{Name: name}})
	if err != nil {
		return nil, err
	}
	list := places(p)[0]
	if len(mine) == 0 {
		list = places(p)[1]
	}
	words, items, err := d.words(list)
	if err != nil {
		return nil, err
	}
	if err := words.direct(); err != nil {
		return nil, d.at(err, items)
	}
	at, err := words.find(name)
	if err != nil || len(at) == 0 {
		return nil, d.at(err, items)
	}
	// One at a time: the next look finds the next.
	return d.remove(list.Then(Step{Item: true, Index: at[0]}))
}
