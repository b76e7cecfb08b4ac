package lang

import (
	"math"
	"math/big"

	"github.com/zclconf/go-cty/cty"
)

// ToGo is a known value as Go has it: nil, bool, string, int64 or float64, []any, map[string]any.
func ToGo(v cty.Value) any {
	ty := v.Type()
	switch {
	case v.IsNull() || !v.IsKnown():
		return nil
	case ty == cty.String:
		return v.AsString()
	case ty == cty.Bool:
		return v.True()
	case ty == cty.Number:
		if i, acc := v.AsBigFloat().Int64(); acc == big.Exact {
			return i
		}
		f, _ := v.AsBigFloat().Float64()
		if math.IsInf(f, 0) {
			return v.AsBigFloat().Text('g', 20) // beyond what JSON can carry as a number
		}
		return f
	case ty.IsMapType(), ty.IsObjectType():
		m := map[string]any{}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			m[k.AsString()] = ToGo(e)
		}
		return m
	case ty.IsListType(), ty.IsTupleType(), ty.IsSetType():
		list := []any{}
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			list = append(list, ToGo(e))
		}
		return list
	}
	return nil
}

// FromGo is the inverse of ToGo. What ToGo does not return becomes null.
func FromGo(x any) cty.Value {
	switch x := x.(type) {
	case string:
		return cty.StringVal(x)
	case bool:
		return cty.BoolVal(x)
	case int:
		return cty.NumberIntVal(int64(x))
	case int64:
		return cty.NumberIntVal(x)
	case float64:
		return cty.NumberFloatVal(x)
	case []string:
		all := make([]cty.Value, 0, len(x))
		for _, s := range x {
			all = append(all, cty.StringVal(s))
		}
		return cty.TupleVal(all)
	case []any:
		all := make([]cty.Value, 0, len(x))
		for _, e := range x {
			all = append(all, FromGo(e))
		}
		return cty.TupleVal(all)
	case map[string]any:
		all := map[string]cty.Value{}
		for k, e := range x {
			all[k] = FromGo(e)
		}
		return cty.ObjectVal(all)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
