package lang

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// shape is what a struct's hcl tags say about the blocks that it is filled from.
type shape struct {
	attrs  map[string]field
	blocks map[string]field
	labels []field
}

// field is one tagged field.
type field struct {
	name     string
	index    int
	optional bool
	secret   bool // a sensitive value is welcome
}

var (
	expressionType = reflect.TypeFor[hclsyntax.Expression]()
	textType       = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// shapeOf reads the tags of a struct type: `hcl:"name"` is an attribute that must be there,
// `hcl:"name,optional"` one that need not, `hcl:"name,block"` a block (a struct: exactly one; a pointer: at
// most one; a slice: any number) and `hcl:"name,label"` a label of the block that the struct is.
func shapeOf(t reflect.Type) shape {
	s := shape{attrs: map[string]field{}, blocks: map[string]field{}}
	for i := range t.NumField() {
		name, kind, _ := strings.Cut(t.Field(i).Tag.Get("hcl"), ",")
		if name == "" || name == "-" {
			continue
		}
		f := field{name: name, index: i, optional: kind == "optional", secret: t.Field(i).Tag.Get("sensitive") == "ok"}
		switch kind {
		case "block":
			s.blocks[name] = f
		case "label":
			s.labels = append(s.labels, f)
		default:
			s.attrs[name] = f
		}
	}
	return s
}

// Has reports whether a struct is filled from an attribute of that name.
func Has(into any, name string) bool {
	_, ok := shapeOf(reflect.TypeOf(into).Elem()).attrs[name]
	return ok
}

// CheckType says what is wrong with a struct type as a target of Decode, so that a test over all kinds
// of tasks finds it before a playbook does.
func CheckType(t reflect.Type) error {
	if t.Kind() != reflect.Struct {
		return fmt.Errorf("%s is not a struct", t)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("hcl")
		if !ok || tag == "-" {
			continue
		}
		name, kind, _ := strings.Cut(tag, ",")
		switch {
		case !f.IsExported():
			return fmt.Errorf("%s.%s has a tag but is not exported", t, f.Name)
		case !hclsyntax.ValidIdentifier(name):
			return fmt.Errorf("%s.%s: %q cannot name an attribute", t, f.Name, name)
		case !slices.Contains([]string{"", "optional", "block", "label"}, kind):
			return fmt.Errorf("%s.%s: there is no tag %q", t, f.Name, kind)
		}
		var err error
		switch kind {
		case "block":
			inner := f.Type
			if inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if err = CheckType(inner); name == "dynamic" {
				err = errors.New(`"dynamic" is a word of the language`)
			}
		case "label":
			if f.Type.Kind() != reflect.String {
				err = fmt.Errorf("%s.%s: a label is a string", t, f.Name)
			}
		default:
			err = checkAttr(f.Type)
		}
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
	}
	return nil
}

func checkAttr(t reflect.Type) error {
	if t == expressionType || reflect.PointerTo(t).Implements(textType) {
		return nil
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return nil
	case reflect.Pointer:
		return checkAttr(t.Elem())
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return nil
		}
	case reflect.Slice:
		return checkAttr(t.Elem())
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return checkAttr(t.Elem())
		}
	}
	return fmt.Errorf("%s cannot be filled from an attribute", t)
}
