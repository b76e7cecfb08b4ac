package splice

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

func TestNormal(t *testing.T) {
	type named string
	for _, c := range []struct{ in, want any }{
		{nil, nil}, {true, true}, {"x", "x"}, {5, json.Number("5")}, {int64(-5), json.Number("-5")}, {uint8(5), json.Number("5")},
		{1.5, json.Number("1.5")}, {3.0, json.Number("3")}, {json.Number("3.0"), json.Number("3")}, {json.Number("7"), json.Number("7")},
		{[]string{"a"}, []any{"a"}}, {[]any{1}, []any{json.Number("1")}}, {map[string]string{"a": "b"}, map[string]any{"a": "b"}},
		{map[named]int{"a": 1}, map[string]any{"a": json.Number("1")}}, {[]map[string]any{{"a": nil}}, []any{map[string]any{"a": nil}}},
	} {
		if got, err := Normal(c.in); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%#v becomes %#v (%v), want %#v", c.in, got, err, c.want)
		}
	}
	for _, bad := range []any{"\xff", math.NaN(), math.Inf(1), 1e300, int64(1)<<53 + 1, uint64(math.MaxUint64), json.Number("x"), json.Number("1e999"), struct{}{}, func() {}, []any{"\xff"}, map[string]any{"a": math.NaN()}, map[int]int{1: 1}} {
		if got, err := Normal(bad); err == nil {
			t.Errorf("%#v becomes %#v", bad, got)
		}
	}
}
