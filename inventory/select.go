package inventory

import (
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// Host is the host of that name.
func (i *Inventory) Host(name string) (Host, bool) {
	at := slices.IndexFunc(i.Hosts, func(h Host) bool { return h.Name == name })
	if at < 0 {
		return Host{}, false
	}
	return i.Hosts[at], true
}

func (i *Inventory) hostNames() []string {
	var names []string
	for _, h := range i.Hosts {
		names = append(names, h.Name)
	}
	return names
}

// words are all that a pattern may name.
func (i *Inventory) words() []string {
	words := append(i.hostNames(), "all")
	for _, g := range i.Groups {
		words = append(words, g.Name)
	}
	return words
}

// Select is the hosts that a pattern names, in the inventory's order. A pattern is one or more of host
// names, groups, "all" and globs, with "," or ":" between them; "!x" takes x away again and "&x" keeps only
// what is in x as well, whatever their place. An empty pattern, a word that matches nothing and a pattern
// that leaves nothing are errors: a pattern never widens.
func (i *Inventory) Select(pattern string) ([]Host, error) {
	wrong := func(what, instead string) error {
		return lang.AsError(lang.Here(hcl.Range{Filename: "pattern " + pattern}, what, instead), nil)
	}
	var in, only, out []string
	for _, word := range strings.FieldsFunc(pattern, func(r rune) bool { return r == ',' || r == ':' }) {
		list, bare := &in, strings.TrimSpace(word)
		switch {
		case strings.HasPrefix(bare, "!"):
			list, bare = &out, bare[1:]
		case strings.HasPrefix(bare, "&"):
			list, bare = &only, bare[1:]
		}
		names, ok := i.named(bare)
		if !ok {
			return nil, wrong("there is no host or group "+quote(bare)+" in "+i.Path, lang.DidYouMean(bare, i.words()))
		}
		if list == &only && only != nil {
			only = slices.DeleteFunc(only, func(n string) bool { return !slices.Contains(names, n) })
			continue
		}
		*list = append(*list, names...)
	}
	if len(in) == 0 {
		return nil, wrong("the pattern names nobody", "there is: "+lang.List(i.words()))
	}
	var hosts []Host
	for _, h := range i.Hosts {
		if slices.Contains(in, h.Name) && !slices.Contains(out, h.Name) && (only == nil || slices.Contains(only, h.Name)) {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) == 0 {
		return nil, wrong("the pattern leaves no host", "what it names is taken away again by the rest of it")
	}
	return hosts, nil
}

func quote(s string) string { return `"` + s + `"` }

// named is the hosts that one word of a pattern names; ok is false when there is none.
func (i *Inventory) named(word string) (names []string, ok bool) {
	if word == "all" {
		return i.hostNames(), true
	}
	for _, g := range i.Groups {
		if match(word, g.Name) {
			names = append(names, g.Hosts...)
		}
	}
	for _, name := range i.hostNames() {
		if match(word, name) {
			names = append(names, name)
		}
	}
	return names, len(names) > 0
}

// match reports whether a name or glob means this name. A glob that cannot be read matches nothing.
func match(word, name string) bool {
	ok, err := path.Match(word, name)
	return err == nil && ok
}
