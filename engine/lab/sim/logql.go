package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// logQL is a query of the part of the language that is understood: a stream selector, line filters,
// "| json" and label filters. Everything else is a parse error, as a mistake is.
type logQL struct {
	selector []matcher
	stages   []stage
}

type matcher struct {
	name, op, value string
	re              *regexp.Regexp
}

// stage changes or drops a line; ok false drops it.
type stage func(labels map[string]string, line string) (ok bool)

func (m matcher) matches(v string) bool {
	switch m.op {
	case "=", "==":
		return v == m.value
	case "!=":
		return v != m.value
	case "=~":
		return m.re.MatchString(v)
	default:
		return !m.re.MatchString(v)
	}
}

func (q *logQL) selects(labels map[string]string) bool {
	for _, m := range q.selector {
		if !m.matches(labels[m.name]) {
			return false
		}
	}
	return true
}

// keeps runs the stages on one line and returns its labels.
func (q *logQL) keeps(labels map[string]string, line string) (map[string]string, bool) {
	labels = maps.Clone(labels)
	for _, s := range q.stages {
		if !s(labels, line) {
			return nil, false
		}
	}
	return labels, true
}

func lineFilter(op, want string) (stage, error) {
	if op == "|=" || op == "!=" {
		return func(_ map[string]string, line string) bool { return strings.Contains(line, want) == (op == "|=") }, nil
	}
	re, err := regexp.Compile(want)
	if err != nil {
		return nil, fmt.Errorf("parse error : %w", err)
	}
	return func(_ map[string]string, line string) bool { return re.MatchString(line) == (op == "|~") }, nil
}

func anyOf(alternatives [][]matcher, labels map[string]string) bool {
	for _, all := range alternatives {
		ok := true
		for _, m := range all {
			ok = ok && m.matches(labels[m.name])
		}
		if ok {
			return true
		}
	}
	return false
}

// extractJSON adds the fields of a JSON line as labels: nested ones joined by "_", lists left out, those
// that a stream has already with "_extracted" behind.
func extractJSON(labels map[string]string, line string) bool {
	var object map[string]any
	if err := json.Unmarshal([]byte(line), &object); err != nil {
		labels["__error__"], labels["__error_details__"] = "JSONParserErr", err.Error()
		return true
	}
	fields := map[string]string{}
	flatten(fields, "", object)
	for k, v := range fields {
		if _, taken := labels[k]; taken {
			k += "_extracted"
		}
		labels[k] = v
	}
	return true
}

func flatten(out map[string]string, prefix string, object map[string]any) {
	for k, v := range object {
		k = prefix + notLabel(k)
		switch v := v.(type) {
		case map[string]any:
			flatten(out, k+"_", v)
		case string:
			out[k] = v
		case float64:
			out[k] = strconv.FormatFloat(v, 'f', -1, 64)
		case bool:
			out[k] = strconv.FormatBool(v)
		}
	}
}

func notLabel(k string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, k)
}
