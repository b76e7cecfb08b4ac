package lang

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// meter puts a meter before everything that an expression goes through, or that the evaluation turns to
// text: arguments, the collections of for and [*], the parts of templates, keys, and what is compared.
func meter(root hclsyntax.Node) {
	_ = hclsyntax.VisitAll(root, func(n hclsyntax.Node) hcl.Diagnostics {
		switch e := n.(type) {
		case *hclsyntax.ForExpr:
			e.CollExpr = weighed(e.CollExpr, nodes(e)/4)
			if e.KeyExpr != nil {
				e.KeyExpr = priced(e.KeyExpr)
			}
		case *hclsyntax.FunctionCallExpr:
			for i, arg := range e.Args {
				if e.Name == meterName || e.Name == "optional" { // the latter is a type, and its default has no functions
					break
				}
				switch arg.(type) {
				case *hclsyntax.ScopeTraversalExpr, *hclsyntax.FunctionCallExpr, *hclsyntax.ObjectConsExpr:
					// Paid for where it was made; and what such arguments are of may be a type.
				default:
					e.Args[i] = priced(arg)
				}
			}
		case *hclsyntax.SplatExpr:
			e.Source = priced(e.Source)
		case *hclsyntax.TemplateExpr:
			for i := range e.Parts {
				e.Parts[i] = priced(e.Parts[i])
			}
		case *hclsyntax.ConditionalExpr:
			e.TrueResult, e.FalseResult = priced(e.TrueResult), priced(e.FalseResult)
		case *hclsyntax.BinaryOpExpr:
			if e.Op == hclsyntax.OpEqual || e.Op == hclsyntax.OpNotEqual || e.Op == hclsyntax.OpModulo {
				e.LHS, e.RHS = priced(e.LHS), priced(e.RHS)
			}
		case *hclsyntax.ObjectConsKeyExpr:
			if hcl.ExprAsKeyword(e.Wrapped) == "" {
				e.Wrapped = priced(e.Wrapped)
			}
		}
		return nil
	})
}

// priced is an expression with a meter, at the same place. What is written out as text is paid for by the
// size of the file.
func priced(e hclsyntax.Expression) hclsyntax.Expression {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		if e.Val.Type() == cty.String {
			return e
		}
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			return e
		}
	case *hclsyntax.FunctionCallExpr:
		if e.Name == meterName {
			return e
		}
	}
	return weighed(e, 0)
}

// weighed is priced for what is gone through: each element costs weight more, because nothing ends a for
// before its last element.
func weighed(e hclsyntax.Expression, weight int) hclsyntax.Expression {
	at := e.Range()
	price := &hclsyntax.LiteralValueExpr{Val: cty.NumberIntVal(int64(weight)), SrcRange: at}
	return &hclsyntax.FunctionCallExpr{Name: meterName, Args: []hclsyntax.Expression{e, price}, NameRange: at, OpenParenRange: at, CloseParenRange: at}
}

// nodes is how many expressions there are in one.
func nodes(e hclsyntax.Expression) int {
	n := 0
	_ = hclsyntax.VisitAll(e, func(hclsyntax.Node) hcl.Diagnostics { n++; return nil })
	return n
}

// foreseen is what a call will make of its arguments at most, for the functions that make more of them
// than they take. What is not known, or of another type, the function refuses by itself.
func foreseen(name string, args []cty.Value) int {
	texts, known := make([]string, len(args)), make([]bool, len(args))
	sizes := make([]int, len(args))
	for i, v := range args {
		v, _ = v.Unmark()
		if known[i] = v.IsKnown() && !v.IsNull(); !known[i] {
			continue
		}
		switch {
		case v.Type() == cty.String:
			texts[i] = v.AsString()
		case v.CanIterateElements():
			sizes[i] = v.LengthInt()
		case v.Type() == cty.Number:
			n, _ := v.AsBigFloat().Int64()
			sizes[i] = int(max(0, min(n, MaxWork*textUnit)))
		}
	}
	switch {
	case name == "setproduct":
		n := 1
		for _, size := range sizes {
			n = min(n*max(1, size), MaxWork+1)
		}
		return n * len(args)
	case name == "distinct" && len(args) == 1:
		return sizes[0] * sizes[0] / 16
	case name == "join" && len(args) > 1:
		n := 0
		for _, size := range sizes {
			n += size
		}
		return n * len(texts[0]) / textUnit
	case name == "replace" && len(args) == 3:
		n := strings.Count(texts[0], texts[1])
		if strings.HasPrefix(texts[1], "/") {
			n = len(texts[0]) + 1
		}
		return n * (len(texts[2]) + len(texts[1])/8) / textUnit
	case name == "indent" && len(args) == 2:
		return sizes[0] * (1 + strings.Count(texts[1], "\n")) / textUnit
	case (name == "regex" || name == "regexall") && len(args) == 2:
		return len(texts[1]) / 4 * (1 + strings.Count(texts[0], "("))
	case name == "format" || name == "formatlist":
		n := 1
		for _, size := range sizes {
			n = max(n, size)
		}
		return n * strings.Count(texts[0], "%") * 1000 / textUnit
	}
	return 0
}
