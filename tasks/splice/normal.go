package splice

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// Normal brings a value into the form that operations take: text, booleans, nil, json.Number, []any
// and map[string]any. It refuses what YAML cannot keep exactly.
func Normal(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("the text %q is not valid UTF-8", v)
		}
		return v, nil
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return Normal(i)
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("the number %s cannot be kept exactly", v)
		}
		return number(f)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = Normal(v[i]); err != nil {
				return nil, fmt.Errorf("item %d: %w", i, err)
			}
		}
		return list, nil
	case map[string]any:
		m := map[string]any{}
		for k, inner := range v {
			n, err := Normal(inner)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			m[k] = n
		}
		return m, nil
	}
	return normalOther(v)
}

// normalOther takes the other kinds of numbers and lists that Go literals have.
func normalOther(v any) (any, error) {
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		if i := r.Int(); i > maxExact || i < -maxExact {
			return nil, fmt.Errorf("the number %d is beyond 2^53, where readers lose digits", i)
		}
		return json.Number(strconv.FormatInt(r.Int(), 10)), nil
	case r.CanUint() && r.Uint() <= math.MaxInt64:
		return normalOther(int64(r.Uint()))
	case r.CanFloat():
		return number(r.Float())
	case r.Kind() == reflect.Slice:
		list := make([]any, r.Len())
		for i := range list {
			list[i] = r.Index(i).Interface()
		}
		return Normal(list)
	case r.Kind() == reflect.Map && r.Type().Key().Kind() == reflect.String:
		m := map[string]any{}
		for _, k := range r.MapKeys() {
			m[k.String()] = r.MapIndex(k).Interface()
		}
		return Normal(m)
	}
	return nil, fmt.Errorf("%T is not a value that YAML has", v)
}
