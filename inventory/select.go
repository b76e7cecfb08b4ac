package inventory

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
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
// names, groups, "all", globs and ranges such as master[1:2], with "," or ":" between them; "!x" takes x away again and "&x" keeps only
// what is in x as well, whatever their place. An empty pattern, a word that matches nothing and a pattern
// that leaves nothing are errors: a pattern never widens.
func (i *Inventory) Select(pattern string) ([]Host, error) {
	wrong := func(what, instead string) error {
		return lang.AsError(lang.Here(hcl.Range{Filename: "pattern " + pattern}, what, instead), nil)
	}
	var in, only, out []string
	for _, word := range words(pattern) {
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

// words takes a pattern apart at "," and ":", but not within brackets.
func words(pattern string) []string {
	depth := 0
	return strings.FieldsFunc(pattern, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return depth <= 0 && (r == ',' || r == ':')
	})
}

var rangeRE = regexp.MustCompile(`^(.*)\[(\d{1,6}):(\d{1,6})\](.*)$`)

// inRange reports whether a word such as "master[1:3]" means this name. Bounds with a leading zero ask
// for as many digits: "node[01:12]".
func inRange(word, name string) bool {
	m := rangeRE.FindStringSubmatch(word)
	if m == nil || len(name) < len(m[1])+len(m[4]) || !strings.HasPrefix(name, m[1]) || !strings.HasSuffix(name, m[4]) {
		return false
	}
	digits := name[len(m[1]) : len(name)-len(m[4])]
	n, err := strconv.Atoi(digits)
	from, _ := strconv.Atoi(m[2])
	to, _ := strconv.Atoi(m[3])
	width := 0
	if m[2][0] == '0' {
		width = len(m[2])
	}
	return err == nil && from <= n && n <= to && digits == fmt.Sprintf("%0*d", width, n)
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

// match reports whether a name, glob or range means this name. A glob that cannot be read matches nothing.
func match(word, name string) bool {
	if rangeRE.MatchString(word) {
		return inRange(word, name)
	}
	ok, err := path.Match(word, name)
	return err == nil && ok
}
