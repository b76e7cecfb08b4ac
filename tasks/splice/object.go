package splice

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What follows applies operations to the decoded object, without any text: it is what the text has to
// amount to afterwards.

// errGone is what a change returns for a value that shall not be there any more.
var errGone = errors.New("gone")

// at returns v with what change makes of the value at a path. v itself stays as it is. Missing keys
// are made only when create is set; without it, nothing happens where the path leads nowhere.
func at(v any, p Path, create bool, change func(old any) (any, error)) (any, error) {
	if len(p) == 0 {
		return change(v)
	}
	if p[0].Item {
		return atItem(v, p, create, change)
	}
	m, ok := v.(map[string]any)
	if list, isList := v.([]any); v != nil && !ok && (!isList || len(list) > 0) {
		return nil, fmt.Errorf("%q cannot be a key of %T", p[0].Key, v)
	}
	old, ok := m[p[0].Key]
	if !ok && !create {
		return v, nil
	}
	fresh, err := at(old, p[1:], create, change)
	if m = maps.Clone(m); m == nil {
		m = map[string]any{}
	}
	switch {
	case errors.Is(err, errGone):
		delete(m, p[0].Key)
	case err != nil:
		return nil, err
	default:
		m[p[0].Key] = fresh
	}
	return m, nil
}

func atItem(v any, p Path, create bool, change func(old any) (any, error)) (any, error) {
	list, ok := v.([]any)
	if v != nil && !ok {
		return nil, fmt.Errorf("%T has no items", v)
	}
	i := p[0].Index
	if p[0].Match != nil {
		i = slices.IndexFunc(list, func(item any) bool { return matches(item, p[0].Match) })
	}
	if i < 0 || i >= len(list) {
		if create {
			return nil, fmt.Errorf("no item %s", p[0].text(true))
		}
		return v, nil
	}
	fresh, err := at(list[i], p[1:], create, change)
	list = slices.Clone(list)
	switch {
	case errors.Is(err, errGone):
		return slices.Delete(list, i, i+1), nil
	case err != nil:
		return nil, err
	}
	list[i] = fresh
	return list, nil
}

// merged is what becomes of a value when another is set over it.
func merged(old, v any) any {
	m, ok := v.(map[string]any)
	was, both := old.(map[string]any)
	if !ok || !both {
		return v
	}
	was = maps.Clone(was)
	for k, inner := range m {
		if o, ok := was[k]; ok {
			inner = merged(o, inner)
		}
		was[k] = inner
	}
	return was
}

func setObject(obj any, p Path, v any) (any, error) {
	return at(obj, p, true, func(old any) (any, error) { return merged(old, v), nil })
}

func removeObject(obj any, p Path) (any, error) {
	return at(obj, p, false, func(any) (any, error) { return nil, errGone })
}

// putObject adds or changes an item of a list.
func putObject(obj any, o Put) (any, error) {
	return at(obj, o.List, true, func(old any) (any, error) {
		list, _ := old.([]any)
		for i, item := range list {
			if matches(item, o.match()) {
				list = slices.Clone(list)
				list[i] = merged(item, o.Item)
				return list, nil
			}
		}
		return append(slices.Clone(list), any(o.Item)), nil
	})
}

// flagsObject sets flags in the lists that may have them.
func flagsObject(obj any, p Path, flags []Flag) (any, error) {
	for _, f := range flags {
		list := places(p)[0]
		if has(obj, places(p)[1], f.Name) {
			list = places(p)[1]
		}
		var err error
		obj, err = at(obj, list, true, func(old any) (any, error) {
			words, _ := old.([]any)
			words = slices.Clone(words)
			there := false
			for i, w := range words {
				text, _ := w.(string)
				if named(text, f.Name) {
					there = true
					if text != "--"+f.Name || f.Value != "true" {
						words[i] = f.word()
					}
				}
			}
			if !there {
				words = append(words, f.word())
			}
			return words, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return obj, nil
}

// named reports whether a word is a flag of that name.
func named(word, name string) bool {
	return word == "--"+name || strings.HasPrefix(word, "--"+name+"=")
}

// has reports whether the list at a path has a flag.
func has(obj any, list Path, name string) bool {
	found := false
	_, _ = at(obj, list, false, func(old any) (any, error) {
		words, _ := old.([]any)
		found = slices.ContainsFunc(words, func(w any) bool { s, _ := w.(string); return named(s, name) })
		return old, nil
	})
	return found
}

// dropFlagObject removes the first word that sets a flag.
func dropFlagObject(obj any, p Path, name string) (any, error) {
	list := places(p)[0]
	if has(obj, places(p)[1], name) {
		list = places(p)[1]
	}
	return at(obj, list, false, func(old any) (any, error) {
		words, _ := old.([]any)
		i := slices.IndexFunc(words, func(w any) bool { s, _ := w.(string); return named(s, name) })
		if i < 0 {
			return old, nil
		}
		return slices.Delete(slices.Clone(words), i, i+1), nil
	})
}
