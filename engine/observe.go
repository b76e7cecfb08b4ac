package engine

import (
	"fmt"
	"slices"
	"strings"
)

// reads is a row of the read-only table: what a command may be given so that it can only read.
type reads struct {
	subs     []string // its first word must be one of these; none: it has no subcommands
	before   string   // flags before the subcommand
	flags    string   // flags it may have, space separated; "=" behind one that takes a value
	operands bool     // may have other words
	prefix   string   // ... which begin so
	must     string   // a flag without which it would do something else than read
}

// readOnly is the table of commands that Observe runs. A flag that is not here is refused: most of
// these tools have one that writes (date -s, journalctl --rotate and --cursor-file) or never ends (-f).
func readOnly(name string) (reads, bool) {
	switch name {
	case "crictl":
		return reads{
			subs:   []string{"ps", "pods", "inspect", "inspectp", "logs", "images", "version", "info"},
			before: "--runtime-endpoint= -r= --image-endpoint= --timeout= -t=",
			flags:  "-a --all -q --quiet --no-trunc -o= --output= --name= --state= --pod= --label= --namespace= --tail= --timestamps --since= -p --previous --limit-bytes=", operands: true,
		}, true
	case "journalctl":
		return reads{flags: "-u= --unit= -n= --lines= --no-pager -o= --output= --since= --until= -k --dmesg -b --boot -p= --priority= -r --reverse --utc -q --quiet"}, true
	case "systemctl":
		return reads{subs: []string{"is-active", "is-enabled", "is-failed", "show", "status"}, flags: "-p= --property= --value --no-pager -n= --lines=", operands: true}, true
	case "date":
		return reads{flags: "-u --utc", operands: true, prefix: "+"}, true
	case "stat":
		return reads{flags: "-c= --format= --printf= -L --dereference -f --file-system", operands: true}, true
	case "tail", "head":
		return reads{flags: "-c= --bytes= -n= --lines= -q --quiet", operands: true}, true
	case "df":
		return reads{flags: "-P -k -i -T -B= --output= --block-size=", operands: true}, true
	case "id", "uname", "nproc":
		return reads{flags: "-a -r -u -n -m -s"}, true
	case "getent":
		return reads{subs: []string{"passwd", "group", "hosts"}, operands: true}, true
	case "kubelet":
		return reads{flags: "--version", must: "--version"}, true
	case "kubeadm":
		return reads{subs: []string{"version"}, flags: "-o= --output="}, true
	}
	return reads{}, false
}

// ReadOnly returns nil when argv is a command of the read-only table: the only commands that Observe
// runs. The error says what is refused.
func ReadOnly(argv []string) error {
	if len(argv) == 0 {
		return fmt.Errorf("an empty command")
	}
	rule, ok := readOnly(argv[0])
	if !ok {
		return fmt.Errorf("%q is not in the table of commands that can only read", argv[0])
	}
	if rule.must != "" && !slices.Contains(argv, rule.must) {
		return fmt.Errorf("%s without %s does not only read", argv[0], rule.must)
	}
	words := argv[1:]
	if len(rule.subs) > 0 {
		var err error
		if words, err = takeFlags(argv[0], words, rule.before, func(w string) bool { return slices.Contains(rule.subs, w) }); err != nil {
			return err
		}
		if len(words) == 0 {
			return fmt.Errorf("%s needs one of %s", argv[0], strings.Join(rule.subs, ", "))
		}
		words = words[1:]
	}
	for len(words) > 0 {
		rest, err := takeFlags(argv[0], words, rule.flags, func(w string) bool {
			return rule.operands && strings.HasPrefix(w, rule.prefix)
		})
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			rest = rest[1:]
		}
		words = rest
	}
	return nil
}

// takeFlags passes over allowed flags and their values, up to a word that stop accepts, which is the
// first of what it returns.
func takeFlags(name string, words []string, allowed string, stop func(string) bool) ([]string, error) {
	flags := strings.Fields(allowed)
	for len(words) > 0 {
		w := words[0]
		flag, _, inline := strings.Cut(w, "=")
		switch {
		case !strings.HasPrefix(w, "-") || w == "-":
			if !stop(w) {
				return nil, fmt.Errorf("%s may not be given %q by something that only reads", name, w)
			}
			return words, nil
		case inline && strings.HasPrefix(w, "--") && slices.Contains(flags, flag+"="):
			words = words[1:]
		case !inline && slices.Contains(flags, w):
			words = words[1:]
		case !inline && slices.Contains(flags, w+"=") && len(words) > 1:
			words = words[2:]
		default:
			return nil, fmt.Errorf("%s may not be given %q by something that only reads", name, w)
		}
	}
	return words, nil
}
