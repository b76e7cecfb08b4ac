package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// optionSet lists the options of a command: "long short" pairs in one line, short ones being single
// letters that follow the long one they stand for.
type optionSet struct{ values, bools string }

func (s optionSet) find(name string) (long string, value, ok bool) {
	for _, kind := range []struct {
		list  string
		value bool
	}{{s.values, true}, {s.bools, false}} {
		long := ""
		for f := range strings.FieldsSeq(kind.list) {
			if len(f) > 1 {
				long = f
			}
			if f == name {
				return long, kind.value, true
			}
		}
	}
	return "", false, false
}

// options are the options given, by their long names.
type options map[string][]string

func (o options) has(name string) bool { return len(o[name]) > 0 }

func (o options) all(name string) []string { return o[name] }

// get is the last value, "" where there is none.
func (o options) get(name string) string {
	if v := o[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

func (o options) number(name string, absent int) (int, error) {
	if !o.has(name) {
		return absent, nil
	}
	n, err := strconv.Atoi(o.get(name))
	if err != nil {
		return 0, fmt.Errorf("invalid value %q for flag -%s: parse error", o.get(name), name)
	}
	return n, nil
}

// parseOptions reads options and operands; with first it stops at the first operand. Single letters
// may be joined.
func parseOptions(args []string, set optionSet, first bool) (options, []string, error) {
	args = slices.Clone(args)
	o := options{}
	var operands []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return o, append(operands, args[i+1:]...), nil
		case a == "-" || !strings.HasPrefix(a, "-"):
			if first {
				return o, args[i:], nil
			}
			operands = append(operands, a)
			continue
		}
		name, value, has := strings.Cut(strings.TrimLeft(a, "-"), "=")
		long, takes, ok := set.find(name)
		if !ok && !strings.HasPrefix(a, "--") && len(name) > 1 && !has {
			// -aq is -a -q, and -n5 is -n 5.
			if long, takes, ok = set.find(name[:1]); ok {
				if takes {
					o[long] = append(o[long], name[1:])
				} else {
					o[long] = append(o[long], "true")
					args[i] = "-" + name[1:]
					i--
				}
				continue
			}
		}
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("flag provided but not defined: -%s", name)
		case !takes && !has:
			value = "true"
		case !has && i+1 == len(args):
			return nil, nil, fmt.Errorf("flag needs an argument: -%s", name)
		case !has:
			i++
			value = args[i]
		}
		if !takes && value == "false" {
			continue
		}
		o[long] = append(o[long], value)
	}
	return o, operands, nil
}
