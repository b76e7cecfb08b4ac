package tasks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks/splice"
)

// patchOps collects the operations of a patch, and everything that is wrong with its fields.
type patchOps struct {
	ops  []splice.Op
	errs []error
}

func (p *patchOps) wrong(field, format string, args ...any) {
	p.errs = append(p.errs, &engine.FieldError{Field: field, Err: fmt.Errorf(format, args...)})
}

// ops are the patch as operations, in the order in which they are applied.
func (t *YamlPatch) ops() ([]splice.Op, error) {
	p := &patchOps{}
	for _, f := range t.Flags {
		p.flags(f)
	}
	for _, l := range t.Lists {
		p.list(l)
	}
	for _, e := range t.Env {
		p.env(e)
	}
	places := map[string]bool{}
	for _, s := range t.Set {
		if places[s.At] {
			p.wrong("set", "%s is set twice", s.At)
		}
		places[s.At] = true
		if at, ok := p.path("set", s.At); ok {
			p.value(s, at)
		}
	}
	for _, r := range t.Remove {
		at, ok := p.path("remove", r)
		if places[r] {
			p.wrong("remove", "%s is set and removed", r)
		}
		if ok && at.Numbered() {
			p.wrong("remove", "%s: remove an item by what is in it, as in %s[name=...]; with a number, a second run would remove the next one", r, at[:len(at)-1])
		}
		if ok {
			p.ops = append(p.ops, splice.Remove{At: at})
		}
	}
	if len(p.ops) == 0 && len(p.errs) == 0 {
		p.wrong("path", "there is nothing to change: at least one flags, list, env or set block, or remove, is needed")
	}
	return p.ops, errors.Join(p.errs...)
}

func (p *patchOps) path(field, at string) (splice.Path, bool) {
	parsed, err := splice.ParsePath(at)
	if err != nil {
		p.wrong(field, "%w", err)
	}
	return parsed, err == nil
}

func (p *patchOps) value(s YamlSet, at splice.Path) {
	v, err := splice.Normal(s.Value)
	if err != nil {
		p.wrong("set", "%s: %w", s.At, err)
		return
	}
	p.ops = append(p.ops, splice.Set{At: at, Value: v})
}

// both refuses what is set and removed, what is removed twice, and a block that does nothing.
func (p *patchOps) both(field, at string, set, remove []string) {
	if len(set) == 0 && len(remove) == 0 {
		p.wrong(field, "%s: there is nothing to set or to remove", at)
	}
	for i, name := range remove {
		if slices.Contains(set, name) {
			p.wrong(field, "%s: %q is set and removed", at, name)
		}
		if slices.Contains(remove[:i], name) {
			p.wrong(field, "%s: %q is removed twice", at, name)
		}
	}
}

func (p *patchOps) flags(f YamlFlags) {
	at, ok := p.path("flags", f.At)
	names := slices.Sorted(maps.Keys(f.Set))
	p.both("flags", f.At, names, f.Remove)
	var set []splice.Flag
	for _, name := range names {
		p.flagName(name)
		if _, err := splice.Normal(f.Set[name]); err != nil || strings.ContainsRune(f.Set[name], 0) {
			p.wrong("flags", "the value of %q cannot be part of a command line", name)
		}
		set = append(set, splice.Flag{Name: name, Value: f.Set[name]})
	}
	for _, name := range f.Remove {
		p.flagName(name)
	}
	if !ok {
		return
	}
	if len(set) > 0 {
		p.ops = append(p.ops, splice.SetFlags{At: at, Flags: set})
	}
	for _, name := range f.Remove {
		p.ops = append(p.ops, splice.RemoveFlag{At: at, Name: name})
	}
}

func (p *patchOps) flagName(name string) {
	bare := strings.TrimLeft(name, "-")
	head, value, cut := strings.Cut(bare, "=")
	odd := func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	switch {
	case cut:
		p.wrong("flags", "%q is a flag with its value; write it as %q = %q", name, head, value)
	case bare != name:
		p.wrong("flags", "%q: write the flag without dashes, %q", name, bare)
	case name == "" || strings.ContainsFunc(name, odd):
		p.wrong("flags", "%q is no name of a flag", name)
	}
}

func (p *patchOps) list(l YamlList) {
	at, ok := p.path("list", l.At)
	keys := strings.Split(l.Key, ",")
	for i, k := range keys {
		if keys[i] = strings.TrimSpace(k); keys[i] == "" {
			p.wrong("list", "%s: key must be a field of the items, such as \"name\", or several with commas between them", l.At)
			return
		}
	}
	var names []string
	for i, item := range l.Set {
		name, v, err := keyed(item, keys)
		if err != nil {
			p.wrong("list", "%s: item %d: %w", l.At, i+1, err)
			continue
		}
		if slices.Contains(names, name) {
			p.wrong("list", "%s: there are two items with %s %q", l.At, l.Key, name)
		}
		names = append(names, name)
		one := len(at) > 0 && (at[len(at)-1].Key == "volumes" || at[len(at)-1].Key == "env")
		p.ops = append(p.ops, splice.Put{List: at, Keys: keys, Item: v, Exclusive: one, Replace: l.Replace})
	}
	if len(l.Set) == len(names) {
		p.both("list", l.At, names, l.Remove)
	}
	for _, r := range l.Remove {
		values := strings.SplitN(r, ",", len(keys))
		if len(values) != len(keys) || slices.Contains(values, "") {
			p.wrong("list", "%s: %q must have a value for each of %s, with commas between them", l.At, r, l.Key)
			continue
		}
		var match []splice.Field
		for i, k := range keys {
			match = append(match, splice.Field{Name: k, Value: values[i]})
		}
		if ok {
			p.ops = append(p.ops, splice.Remove{At: at.Then(splice.Step{Item: true, Match: match})})
		}
	}
}

// keyed is an item and the text of its key.
func keyed(item map[string]any, keys []string) (string, map[string]any, error) {
	v, err := splice.Normal(item)
	if err != nil {
		return "", nil, err
	}
	fields := v.(map[string]any)
	names := make([]string, len(keys))
	for i, k := range keys {
		switch fields[k].(type) {
		case nil, map[string]any, []any:
			return "", nil, fmt.Errorf("it needs %s, which is its key%s", k, didYouMean(k, slices.Collect(maps.Keys(item))))
		}
		if names[i] = fmt.Sprint(fields[k]); names[i] == "" {
			return "", nil, fmt.Errorf("its key %s is empty", k)
		}
	}
	return strings.Join(names, ","), fields, nil
}

func (p *patchOps) env(e YamlEnv) {
	at, ok := p.path("env", e.At)
	if ok && (at[len(at)-1].Item || at[len(at)-1].Key != "env") {
		at = at.Then(splice.Step{Key: "env"})
	}
	names := slices.Sorted(maps.Keys(e.Set))
	p.both("env", e.At, names, e.Remove)
	for _, name := range append(slices.Clone(names), e.Remove...) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			p.wrong("env", "%q is no name of an environment variable", name)
		}
	}
	for _, name := range names {
		item, err := splice.Normal(map[string]any{"name": name, "value": e.Set[name]})
		if err != nil || strings.ContainsRune(e.Set[name], 0) {
			p.wrong("env", "the value of %q cannot be an environment variable", name)
			continue
		}
		p.ops = append(p.ops, splice.Put{List: at, Keys: []string{"name"}, Item: item.(map[string]any), Exclusive: true})
	}
	for _, name := range e.Remove {
		p.ops = append(p.ops, splice.Remove{At: at.Then(splice.Step{Item: true, Match: []splice.Field{{Name: "name", Value: name}}})})
	}
}
