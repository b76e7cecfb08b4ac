package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decodeLine reads a log line that should be one JSON object.
func decodeLine(line []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, errors.New("null")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something stands behind the object")
	}
	return v, nil
}

// fieldValues are the values at a dotted path. A key may have dots itself, so every way to read the
// path is tried; a list gives the values of all its elements. A string that is JSON itself is looked
// into: shippers wrap lines so.
func fieldValues(v any, at string) []any {
	switch v := v.(type) {
	case string:
		if inner, err := decodeLine([]byte(v)); err == nil {
			return fieldValues(inner, at)
		}
	case []any:
		var all []any
		for _, e := range v {
			all = append(all, fieldValues(e, at)...)
		}
		return all
	case map[string]any:
		var all []any
		if e, ok := v[at]; ok {
			all = append(all, elements(e)...)
		}
		for i := range at {
			if at[i] != '.' {
				continue
			}
			if e, ok := v[at[:i]]; ok {
				all = append(all, fieldValues(e, at[i+1:])...)
			}
		}
		return all
	}
	return nil
}

func elements(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// textOf is a value as playbooks write it.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return "null"
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return "an object"
}

// mismatch says which field of a line is not as asked for; "" when all are.
func mismatch(line map[string]any, match map[string]string) string {
	for _, at := range slices.Sorted(maps.Keys(match)) {
		want := match[at]
		got := fieldValues(line, at)
		switch {
		case len(got) == 0:
			return "has no " + at
		case want == "*":
		case !slices.ContainsFunc(got, func(v any) bool { return textOf(v) == want }):
			return fmt.Sprintf("has %s = %q, not %q", at, cut(textOf(got[0]), 80), want)
		}
	}
	return ""
}

// eventTime reads the time that stands in a log line, at the first of the fields that has one.
func eventTime(line map[string]any, fields []string) (time.Time, bool) {
	for _, f := range fields {
		for _, v := range fieldValues(line, f) {
			if at, ok := parseTime(textOf(v)); ok {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// parseTime reads RFC 3339, or a number since 1970 whose size tells its unit.
func parseTime(s string) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return at, true
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}, false
	}
	unit := time.Nanosecond
	switch len(whole) {
	case 10:
		unit = time.Second
	case 13:
		unit = time.Millisecond
	case 16:
		unit = time.Microsecond
	case 19:
	default:
		return time.Time{}, false
	}
	at := time.Unix(0, n*int64(unit))
	if f, err := strconv.ParseFloat("0."+fraction, 64); err == nil && fraction != "" {
		at = at.Add(time.Duration(f * float64(unit)))
	}
	return at, true
}
