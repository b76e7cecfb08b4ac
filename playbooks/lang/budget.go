package lang

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// The limits of what expressions make, for all of a file together. Without them a few lines (three ranges
// within each other, a text that is doubled forty times) would fill the memory or never end.
const (
	MaxWork   = 500_000 // elements that are gone through or made; a text counts one for each textUnit bytes
	textUnit  = 64
	maxNumber = 2048 // bits of a number before or behind its point: about 600 digits
)

// Budget is what is left of MaxWork. It is shared by the expressions of one file, and not safe for use by
// several goroutines.
type Budget struct {
	left int
	why  error     // what was asked for beyond it
	at   hcl.Range // and by which expression
}

// NewBudget is a budget of MaxWork.
func NewBudget() *Budget { return &Budget{left: MaxWork} }

// Renew begins anew, for the next evaluation of the same file.
func (b *Budget) Renew() { *b = *NewBudget() }

// spend takes n from the budget. Once it is overdrawn everything is refused.
func (b *Budget) spend(n int) error {
	if b.why == nil && n > b.left {
		b.why = fmt.Errorf("this asks for more than %d elements (or %d MiB of text) in all", MaxWork, MaxWork*textUnit>>20)
	}
	if b.why == nil {
		b.left -= n
	}
	return b.why
}

// charge takes what a value holds, at any depth, from the budget. What several places share is paid for
// at each: whoever goes through it later goes through it that often. A list whose elements may be of
// different types is paid for by its square, which is what making a list of one type out of it costs.
func (b *Budget) charge(v cty.Value) error {
	v, _ = v.Unmark()
	if err := b.spend(1); err != nil || !v.IsKnown() || v.IsNull() {
		return err
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		return b.spend(len(v.AsString()) / textUnit)
	case ty == cty.Number:
		if n := v.AsBigFloat(); n.IsInf() || n.MantExp(nil) > maxNumber || n.MantExp(nil) < -maxNumber {
			b.why = errors.New("a number with more than 600 digits")
		}
		return b.why
	case v.CanIterateElements():
		if ty.IsTupleType() {
			if n := v.LengthInt(); b.spend(min(n*n, 100*MaxWork+100)/100) != nil {
				return b.why
			}
		}
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			if err := b.charge(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// finding is the finding about a budget that was overdrawn: the same for all that comes after it.
func (b *Budget) finding(at hcl.Range) hcl.Diagnostics {
	if b.at.Filename == "" {
		b.at = at
	}
	return Here(b.at, b.why.Error(), "work large data out before, and read it with file() or jsondecode()")
}

// value evaluates an expression within the scope's budget, or one of its own.
func (s *Scope) value(expr hclsyntax.Expression) (cty.Value, hcl.Diagnostics) {
	b := s.Budget
	if b == nil {
		b = NewBudget()
	}
	if b.why != nil {
		return cty.DynamicVal, b.finding(expr.Range())
	}
	base := &hcl.EvalContext{Functions: map[string]function.Function{meterName: b.meter()}}
	ctx := base.NewChild()
	ctx.Variables, ctx.Functions = s.Values, b.metered(expr, s.Functions)
	v, diags := expr.Value(ctx)
	if !diags.HasErrors() {
		_ = b.charge(v)
	}
	if b.why != nil {
		return cty.DynamicVal, b.finding(expr.Range())
	}
	return v, diags
}

// metered are the functions, those that the expression calls wrapped so that what they take and make is
// paid for.
func (b *Budget) metered(expr hclsyntax.Expression, functions map[string]function.Function) map[string]function.Function {
	called := map[string]function.Function{}
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			if f, ok := functions[call.Name]; ok {
				called[call.Name] = b.wrap(call.Name, f)
			}
		}
		return nil
	})
	return called
}

func (b *Budget) wrap(name string, f function.Function) function.Function {
	params := f.Params()
	return function.New(&function.Spec{
		Params:   params,
		VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			for _, v := range args {
				if err := b.charge(v); err != nil {
					return cty.DynamicPseudoType, err
				}
			}
			if err := b.spend(foreseen(name, args)); err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err == nil {
				err = b.charge(v)
			}
			return v, err
		},
	})
}

// meterName is the function that the parser puts around what is gone through; no text can name it.
const meterName = "(meter)"

// meter gives back what it gets, for its price.
func (b *Budget) meter() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
			{Name: "weight", Type: cty.Number},
		},
		Type: func(args []cty.Value) (cty.Type, error) {
			v, _ := args[0].Unmark()
			if weight, _ := args[1].AsBigFloat().Int64(); weight > 0 && v.IsKnown() && !v.IsNull() && v.CanIterateElements() {
				if err := b.spend(v.LengthInt() * int(weight)); err != nil {
					return cty.DynamicPseudoType, err
				}
			}
			return v.Type(), b.charge(v)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0], nil },
	})
}
