package lang

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// anyParam takes a value of any type, also one that is null or holds nulls.
func anyParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.DynamicPseudoType, AllowNull: false, AllowDynamicType: true}
}

// fold1 makes a function of one sequence, which is given converted and known.
func fold1(of, result cty.Type, f func(all []cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{param("list", cty.DynamicPseudoType)},
		Type:   function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(result), nil
			}
			list, err := convert.Convert(args[0], cty.List(of))
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			all := list.AsValueSlice()
			for _, v := range all {
				if v.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "an element is null")
				}
			}
			return f(all)
		},
	})
}

func sumFunc() function.Function {
	return fold1(cty.Number, cty.Number, func(all []cty.Value) (cty.Value, error) {
		sum := new(big.Float)
		for _, v := range all {
			sum.Add(sum, v.AsBigFloat())
		}
		return cty.NumberVal(sum), nil
	})
}

func allTrueFunc() function.Function {
	return fold1(cty.Bool, cty.Bool, func(all []cty.Value) (cty.Value, error) {
		for _, v := range all {
			if v.False() {
				return cty.False, nil
			}
		}
		return cty.True, nil
	})
}

func anyTrueFunc() function.Function {
	return fold1(cty.Bool, cty.Bool, func(all []cty.Value) (cty.Value, error) {
		for _, v := range all {
			if v.True() {
				return cty.True, nil
			}
		}
		return cty.False, nil
	})
}

// lengthFunc counts what is in a collection, or the characters of a text.
func lengthFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anyParam("value")},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			ty := args[0].Type()
			switch {
			case !args[0].IsKnown():
				return cty.UnknownVal(cty.Number), nil
			case ty == cty.String:
				return stdlib.Strlen(args[0])
			case ty.IsObjectType():
				return cty.NumberIntVal(int64(len(ty.AttributeTypes()))), nil
			case ty.IsTupleType(), ty.IsCollectionType():
				return args[0].Length(), nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "a %s has no length", ty.FriendlyName())
		},
	})
}

// indexFunc is the place of a value in a list.
func indexFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anyParam("list"), anyParam("value")},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() || !args[1].IsWhollyKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if ty := args[0].Type(); !ty.IsListType() && !ty.IsTupleType() {
				return cty.NilVal, function.NewArgErrorf(0, "a %s is not a list", ty.FriendlyName())
			}
			for i, v := range args[0].AsValueSlice() {
				if eq, err := stdlib.Equal(v, args[1]); err == nil && eq.IsKnown() && eq.True() {
					return cty.NumberIntVal(int64(i)), nil
				}
			}
			return cty.NilVal, function.NewArgErrorf(1, "the value is not in the list")
		},
	})
}

// lookupFunc is an element of a map or object, or the default.
func lookupFunc() function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{anyParam("map"), param("key", cty.String)},
		VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true},
		Type:     function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if len(args) > 3 {
				return cty.NilVal, errors.New("lookup takes a map, a key and at most one default")
			}
			if !args[0].IsKnown() {
				return cty.DynamicVal, nil
			}
			if ty := args[0].Type(); !ty.IsMapType() && !ty.IsObjectType() {
				return cty.NilVal, function.NewArgErrorf(0, "a %s is not a map", ty.FriendlyName())
			}
			elements := args[0].AsValueMap()
			if v, ok := elements[args[1].AsString()]; ok {
				return v, nil
			}
			if len(args) == 3 {
				return args[2], nil
			}
			return cty.NilVal, function.NewArgErrorf(1, "there is no %q in the map (it has: %s), and no default is given", args[1].AsString(), List(keys(elements)))
		},
	})
}

// oneFunc is the only element of a list, or null of an empty one.
func oneFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anyParam("list")},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			ty := args[0].Type()
			switch {
			case !args[0].IsKnown():
				return cty.DynamicVal, nil
			case !ty.IsListType() && !ty.IsSetType() && !ty.IsTupleType():
				return cty.NilVal, function.NewArgErrorf(0, "a %s is not a list", ty.FriendlyName())
			}
			switch all := args[0].AsValueSlice(); len(all) {
			case 0:
				return cty.NullVal(cty.DynamicPseudoType), nil
			case 1:
				return all[0], nil
			default:
				return cty.NilVal, function.NewArgError(0, fmt.Errorf("there are %d elements, not one", len(all)))
			}
		},
	})
}
