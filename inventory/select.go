package inventory

import (
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

func (i *Inventory) groupNames() []string {
	var names []string
	for _, g := range i.Groups {
		names = append(names, g.Name)
	}
	return names
}

// words are all that a pattern may name.
func (i *Inventory) words() []string { return append(append(i.hostNames(), "all"), i.groupNames()...) }

// Select is the hosts that a pattern names, in the inventory's order. A pattern is one or more terms with ","
// or ":" between them: host names, groups, "all", globs (master*, master[13], master[!3]), ranges
// (master[1:3]; a leading zero asks for as many digits) and regular expressions (~master[12]: RE2, which has
// to match at the beginning of the name, as in Ansible). "!x" takes x away again and "&x" keeps only what is
// in x as well, whatever their place. An empty pattern, a term that matches nothing, even one that is taken
// away, and a pattern that leaves nothing are errors: a pattern never widens. Errors are *lang.Error.
func (i *Inventory) Select(pattern string) ([]Host, error) {
	rng := hcl.Range{Filename: "pattern " + pattern}
	var all []term
	for _, t := range split(pattern) {
		all = append(all, term{text: t.text, rng: rng})
	}
	return i.pick(all, rng, nil)
}

// Limit is Select for what an operator types: "@FILE" stands for the patterns in a file, one a line; what
// follows a # there is a remark.
func (i *Inventory) Limit(pattern string) ([]Host, error) {
	path, ok := strings.CutPrefix(strings.TrimSpace(pattern), "@")
	if !ok {
		return i.Select(pattern)
	}
	src, err := lang.ReadFile(path)
	if err != nil {
		return nil, lang.AsError(lang.Here(hcl.Range{Filename: "pattern " + pattern}, err.Error(), "@FILE names a file of patterns, one a line"), nil)
	}
	var all []term
	number, at := 0, 0
	for line := range strings.Lines(string(src)) {
		number++
		text, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "#")
		for _, t := range split(text) {
			start := hcl.Pos{Line: number, Column: t.at + 1, Byte: at + t.at}
			end := hcl.Pos{Line: number, Column: t.at + 1 + len(t.text), Byte: at + t.at + len(t.text)}
			all = append(all, term{t.text, hcl.Range{Filename: path, Start: start, End: end}})
		}
		at += len(line)
	}
	return i.pick(all, hcl.Range{Filename: path}, map[string][]byte{path: src})
}

// term is one part of a pattern, with its "!" or "&", and where it stands.
type term struct {
	text string
	rng  hcl.Range
}

// pick is the hosts that the terms name; whole is the place of them all.
func (i *Inventory) pick(terms []term, whole hcl.Range, sources map[string][]byte) ([]Host, error) {
	var in, only, out []string
	var diags hcl.Diagnostics
	for _, t := range terms {
		list, word := &in, t.text
		switch {
		case strings.HasPrefix(word, "!"):
			list, word = &out, word[1:]
		case strings.HasPrefix(word, "&"):
			list, word = &only, word[1:]
		}
		names, fault := i.named(strings.TrimSpace(word))
		if fault != nil {
			diags = append(diags, lang.Diag(t.rng, fault.what, fault.instead))
			continue
		}
		if list == &only && only != nil {
			only = slices.DeleteFunc(only, func(n string) bool { return !slices.Contains(names, n) })
			continue
		}
		*list = append(*list, names...)
	}
	if len(in) == 0 && len(diags) == 0 {
		diags = lang.Here(whole, "the pattern names nobody", "there is: "+lang.List(i.words()))
	}
	if err := lang.AsError(diags, sources); err != nil {
		return nil, err
	}
	var hosts []Host
	for _, h := range i.Hosts {
		if slices.Contains(in, h.Name) && !slices.Contains(out, h.Name) && (only == nil || slices.Contains(only, h.Name)) {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) == 0 {
		return nil, lang.AsError(lang.Here(whole, "the pattern leaves no host", "what it names is taken away again by the rest of it"), sources)
	}
	return hosts, nil
}

// named is the hosts that one word of a pattern names, as a host's name or a group's.
func (i *Inventory) named(word string) ([]string, *fault) {
	if word == "all" { // exactly: a glob or regular expression that matches it does not mean everything
		return i.hostNames(), nil
	}
	match, fault := compile(word)
	if fault != nil {
		return nil, fault
	}
	var names []string
	for _, g := range i.Groups {
		if match(g.Name) {
			names = append(names, g.Hosts...)
		}
	}
	for _, name := range i.hostNames() {
		if match(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, i.nobody(word)
	}
	return names, nil
}

// nobody is the fault of a word that matches nothing.
func (i *Inventory) nobody(word string) *fault {
	if base, _, ok := strings.Cut(word, "["); ok && slices.Contains(i.groupNames(), base) {
		return &fault{"no host or group in " + i.Path + " matches " + quote(word), "hosts are not picked by their place in a group: name them"}
	}
	if strings.ContainsAny(word, "~*?[") {
		return &fault{"no host or group in " + i.Path + " matches " + quote(word), "there is: " + lang.List(i.words())}
	}
	return &fault{"there is no host or group " + quote(word) + " in " + i.Path, lang.DidYouMean(word, i.words())}
}

func quote(s string) string { return `"` + s + `"` }
