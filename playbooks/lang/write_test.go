package lang

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// TestText: what is written reads back as the same value.
func TestText(t *testing.T) {
	for want, v := range map[string]cty.Value{
		`null`:            cty.NullVal(cty.String),
		`"a\"b\\c\n\t\r"`: cty.StringVal("a\"b\\c\n\t\r"),
		`"$${x} %%{y} $"`: cty.StringVal("${x} %{y} $"),
		`"\u202eé\u0007"`: cty.StringVal("\u202eé\a"),
		`7`:               cty.NumberIntVal(7),
		`-0.25`:           cty.NumberFloatVal(-0.25),
		`true`:            cty.True,
		`{}`:              cty.EmptyObjectVal,
		`[]`:              cty.EmptyTupleVal,
		`["a", 1, false]`: cty.TupleVal([]cty.Value{cty.StringVal("a"), cty.NumberIntVal(1), cty.False}),
		`{ a = { "b c" = [null] } }`: cty.ObjectVal(map[string]cty.Value{"a": cty.ObjectVal(map[string]cty.Value{
			"b c": cty.TupleVal([]cty.Value{cty.NullVal(cty.DynamicPseudoType)})})}),
	} {
		got := Text(v)
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
		expr, diags := ParseExpression("x", []byte(got))
		if diags.HasErrors() {
			t.Error(diags)
			continue
		}
		back, diags := (&Scope{}).Value(expr)
		if diags.HasErrors() || Text(back) != want {
			t.Errorf("%s reads back as %s, %v", want, Text(back), diags)
		}
	}
	if got := Text(cty.UnknownVal(cty.String)); got != "(unknown)" {
		t.Error(got)
	}
}
