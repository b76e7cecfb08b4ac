package lang

import (
	"encoding"
	"fmt"
	"math"
	"math/big"
	"reflect"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// mismatch is a value that does not fit its field.
type mismatch struct {
	path    cty.Path // within the attribute
	what    string   // goes behind the attribute's name: "must be text, not a number"
	instead string
	quote   bool                     // the text form is the source in quotes
	text    encoding.TextUnmarshaler // judges whether it really is
	cause   error
}

// assign puts a value into a field. Null leaves it zero. known is false, and the field zero, when the
// value is not known yet; what is known about its type is checked all the same.
func assign(dst reflect.Value, v cty.Value, path cty.Path) (known bool, err *mismatch) {
	if v.IsNull() {
		return true, nil
	}
	if dst.Kind() == reflect.Pointer {
		p := reflect.New(dst.Type().Elem())
		known, err := assign(p.Elem(), v, path)
		if known && err == nil {
			dst.Set(p)
		}
		return known, err
	}
	if u, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return assignText(u, v, path)
	}
	switch dst.Kind() {
	case reflect.String:
		if err := want(v, cty.String, path); err != nil || !v.IsKnown() {
			return false, err
		}
		dst.SetString(v.AsString())
	case reflect.Bool:
		if err := want(v, cty.Bool, path); err != nil || !v.IsKnown() {
			return false, err
		}
		dst.SetBool(v.True())
	case reflect.Int, reflect.Int64, reflect.Float64:
		if err := want(v, cty.Number, path); err != nil || !v.IsKnown() {
			return false, err
		}
		return true, assignNumber(dst, v.AsBigFloat(), path)
	case reflect.Interface:
		if !v.IsWhollyKnown() {
			return false, nil
		}
		if x := ToGo(v); x != nil {
			dst.Set(reflect.ValueOf(x))
		}
	case reflect.Slice:
		return assignSlice(dst, v, path)
	case reflect.Map:
		return assignMap(dst, v, path)
	default:
		return false, &mismatch{path: path, what: "cannot be set"}
	}
	return true, nil
}

// want compares types; what is not typed yet passes.
func want(v cty.Value, ty cty.Type, path cty.Path) *mismatch {
	if v.Type() == ty || v.Type() == cty.DynamicPseudoType {
		return nil
	}
	err := &mismatch{path: path, what: fmt.Sprintf("must be %s, not %s", noun(ty), noun(v.Type()))}
	switch {
	case ty == cty.String && v.Type().IsPrimitiveType():
		err.quote = true
	case v.Type() == cty.String && v.IsKnown():
		if c, e := convert.Convert(v, ty); e == nil && !c.IsNull() {
			err.instead = fmt.Sprintf("write it without quotes: %s", v.AsString())
		}
	}
	return err
}

func noun(ty cty.Type) string {
	switch {
	case ty == cty.String:
		return "text"
	case ty == cty.Number:
		return "a number"
	case ty == cty.Bool:
		return "true or false"
	case ty.IsListType(), ty.IsTupleType(), ty.IsSetType():
		return "a list"
	case ty.IsMapType(), ty.IsObjectType():
		return "a map"
	}
	return ty.FriendlyName()
}

func assignText(u encoding.TextUnmarshaler, v cty.Value, path cty.Path) (bool, *mismatch) {
	if err := want(v, cty.String, path); err != nil {
		err.text = u
		return false, err
	}
	if !v.IsKnown() {
		return false, nil
	}
	if err := u.UnmarshalText([]byte(v.AsString())); err != nil {
		return false, &mismatch{path: path, what: "has a bad value: " + err.Error(), cause: err}
	}
	return true, nil
}

func assignNumber(dst reflect.Value, n *big.Float, path cty.Path) *mismatch {
	if dst.Kind() == reflect.Float64 {
		f, _ := n.Float64()
		if math.IsInf(f, 0) {
			return &mismatch{path: path, what: "is too large"}
		}
		dst.SetFloat(f)
		return nil
	}
	i, acc := n.Int64()
	if acc != big.Exact || dst.OverflowInt(i) {
		return &mismatch{path: path, what: "must be a whole number, not " + n.Text('g', 10)}
	}
	dst.SetInt(i)
	return nil
}

func assignSlice(dst reflect.Value, v cty.Value, path cty.Path) (bool, *mismatch) {
	ty := v.Type()
	if ty == cty.DynamicPseudoType {
		return false, nil
	}
	if !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType() {
		err := &mismatch{path: path, what: "must be a list, not " + noun(ty)}
		if ty.IsPrimitiveType() {
			err.instead = "write it in brackets: [ ... ]"
		}
		return false, err
	}
	if !v.IsKnown() {
		return false, nil
	}
	all, known, i := reflect.MakeSlice(dst.Type(), 0, v.LengthInt()), true, 0
	for it := v.ElementIterator(); it.Next(); i++ {
		_, ev := it.Element()
		at := path.Copy().Index(cty.NumberIntVal(int64(i)))
		if ev.IsNull() {
			return false, &mismatch{path: at, what: "must not be null"}
		}
		e := reflect.New(dst.Type().Elem()).Elem()
		ok, err := assign(e, ev, at)
		if err != nil {
			return false, err
		}
		known, all = known && ok, reflect.Append(all, e)
	}
	if known {
		dst.Set(all)
	}
	return known, nil
}

func assignMap(dst reflect.Value, v cty.Value, path cty.Path) (bool, *mismatch) {
	ty := v.Type()
	if ty == cty.DynamicPseudoType {
		return false, nil
	}
	if !ty.IsMapType() && !ty.IsObjectType() {
		return false, &mismatch{path: path, what: "must be a map, not " + noun(ty), instead: "write { name = value }"}
	}
	if !v.IsKnown() {
		return false, nil
	}
	all, known := reflect.MakeMap(dst.Type()), true
	for it := v.ElementIterator(); it.Next(); {
		k, ev := it.Element()
		at := path.Copy().Index(k)
		text := dst.Type().Elem().Kind() == reflect.String
		if text && ev.IsNull() {
			return false, &mismatch{path: at, what: "must not be null"}
		}
		if text && ev.Type().IsPrimitiveType() {
			ev, _ = convert.Convert(ev, cty.String) // numbers and bools are welcome as their text
		}
		e := reflect.New(dst.Type().Elem()).Elem()
		ok, err := assign(e, ev, at)
		if err != nil {
			return false, err
		}
		known = known && ok
		all.SetMapIndex(reflect.ValueOf(k.AsString()).Convert(dst.Type().Key()), e)
	}
	if known {
		dst.Set(all)
	}
	return known, nil
}

// locate is where in an attribute a mismatch lies, and what to call it.
func locate(a *hclsyntax.Attribute, err *mismatch) (hcl.Range, string) {
	expr, what := a.Expr, a.Name
	for _, step := range err.path {
		key := step.(cty.IndexStep).Key
		if key.Type() == cty.String {
			what += fmt.Sprintf("[%q]", key.AsString())
		} else {
			what += fmt.Sprintf("[%s]", key.AsBigFloat().Text('f', 0))
		}
		expr = element(expr, key)
	}
	return expr.Range(), what
}

// element is the expression of an element, where it is written out.
func element(expr hclsyntax.Expression, key cty.Value) hclsyntax.Expression {
	switch e := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		if i, _ := key.AsBigFloat().Int64(); key.Type() == cty.Number && int(i) < len(e.Exprs) {
			return e.Exprs[i]
		}
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			if k, _ := item.KeyExpr.Value(nil); k.Type() == cty.String && k.IsWhollyKnown() && !k.IsNull() && key.Type() == cty.String && k.AsString() == key.AsString() {
				return item.ValueExpr
			}
		}
	}
	return expr
}

// quoted says how to write as text what is written as a number or bool: in quotes, unless judge does not
// take that either and says what it takes.
func quoted(a *hclsyntax.Attribute, rng hcl.Range, sources map[string][]byte, judge encoding.TextUnmarshaler) string {
	src := sources[rng.Filename]
	if !rng.CanSliceBytes(src) {
		return "write it in quotes"
	}
	text := string(rng.SliceBytes(src))
	if judge != nil {
		if err := judge.UnmarshalText([]byte(text)); err != nil {
			return err.Error()
		}
	}
	if _, literal := a.Expr.(*hclsyntax.LiteralValueExpr); !literal || rng != a.Expr.Range() {
		if len(text) > 0 && (text[0] >= '0' && text[0] <= '9' || text == "true" || text == "false") {
			return fmt.Sprintf("write it in quotes: %q", text)
		}
		return fmt.Sprintf("make it text: \"${%s}\"", text)
	}
	return fmt.Sprintf("write it in quotes: %s = %q", a.Name, text)
}
