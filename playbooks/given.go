package playbooks

import (
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Value is a value that a program gives to a variable, such as a test's, and where it is written.
type Value struct {
	Name  string
	Value cty.Value
	At    hcl.Range
}

// Level says by which way a variable got a value.
type Level string

// The levels, the strongest first. On one level the later value counts. What a program gives stands above
// all: a test means the same whoever runs it.
const (
	ByArg     Level = "-e"
	ByFile    Level = "--var-file"
	ByEnv     Level = "environment"
	ByDefault Level = "default"
)

// give notes a value; the last one of a variable counts, and the others are kept for whoever asks.
func (vs *variables) give(v *variable, g given) {
	if vs.record == nil {
		vs.record = map[string][]given{}
	}
	vs.record[v.name] = append(vs.record[v.name], g)
	vs.given[v.name] = g
}

// fromProgram takes the values that a program gives.
func (vs *variables) fromProgram(values []Value) {
	for _, p := range values {
		if v, ok := vs.find(p.Name, p.At); ok {
			vs.give(v, given{p.Value, p.At})
		} else {
			vs.diags[len(vs.diags)-1].Extra = ErrUndeclared
		}
	}
}

// ErrUndeclared is the cause of a finding about a Value for a variable that the playbook does not have.
var ErrUndeclared = errors.New("the playbook has no such variable")

// level tells from a value's place by which way it came; what is in a file has a line.
func (g given) level() Level {
	switch {
	case g.from.Start.Line > 0:
		return ByFile
	case strings.HasPrefix(g.from.Filename, EnvPrefix):
		return ByEnv
	}
	return ByArg
}
