package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/hcrun/hcrun/engine"
)

// sensitive is the mark of values that no output may show. It goes with a value through every expression.
type sensitive struct{}

// Sensitive marks a value.
func Sensitive(v cty.Value) cty.Value { return v.Mark(sensitive{}) }

// IsSensitive reports whether any part of a value is marked.
func IsSensitive(v cty.Value) bool {
	_, marks := v.UnmarkDeep()
	_, ok := marks[sensitive{}]
	return ok
}

// Bare is the value without marks.
func Bare(v cty.Value) cty.Value {
	v, _ = v.UnmarkDeep()
	return v
}

// Texts are the texts and numbers in a value, as secrets.
func Texts(v cty.Value) []engine.Secret {
	var all []engine.Secret
	_ = cty.Walk(Bare(v), func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			all = append(all, engine.NewSecret(v.AsString()))
		}
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.Number {
			all = append(all, engine.NewSecret(v.AsBigFloat().Text('f', -1)))
		}
		return true, nil
	})
	return all
}

// SensitiveFunctions are sensitive(), which tells hide of what it is given, and nonsensitive().
func SensitiveFunctions(hide func(...engine.Secret)) map[string]function.Function {
	any := function.Parameter{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}
	same := func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil }
	return map[string]function.Function{
		"sensitive": function.New(&function.Spec{Params: []function.Parameter{any}, Type: same, Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			hide(Texts(args[0])...)
			return Sensitive(args[0]), nil
		}}),
		"nonsensitive": function.New(&function.Spec{Params: []function.Parameter{any}, Type: same, Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return Bare(args[0]), nil
		}}),
	}
}

// touches reports whether an expression names or makes anything sensitive.
func touches(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	for _, t := range expr.Variables() {
		v, diags := t.TraverseAbs(ctx)
		for n := len(t) - 1; diags.HasErrors() && n > 0; n-- { // something below it: then the whole counts
			v, diags = t[:n].TraverseAbs(ctx)
		}
		if !diags.HasErrors() && IsSensitive(v) {
			return true
		}
	}
	made := false
	if node, ok := expr.(hclsyntax.Node); ok {
		_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
			call, ok := n.(*hclsyntax.FunctionCallExpr)
			made = made || ok && call.Name == "sensitive"
			return nil
		})
	}
	return made
}

// discreetly is try() or can(), which lose the marks of what could not be evaluated: that it could not tells
// of it.
func discreetly(f function.Function) function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
		Params:   f.Params(),
		Type:     f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			for _, arg := range args {
				c := customdecode.ExpressionClosureFromVal(arg)
				if err == nil && touches(c.Expression, c.EvalContext) {
					return Sensitive(v), nil
				}
			}
			return v, err
		},
	})
}

// discreet takes out of errors what they may tell of a sensitive value: functions quote what they were given.
func discreet(expr hclsyntax.Expression, diags hcl.Diagnostics) hcl.Diagnostics {
	what := "this cannot be worked out"
	for _, d := range diags {
		if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok && call.CalledFunctionName() != "" {
			what = call.CalledFunctionName() + "() cannot work with what it is given"
		}
	}
	return Here(expr.Range(), what, "a sensitive value takes part in it, so why is not shown")
}
