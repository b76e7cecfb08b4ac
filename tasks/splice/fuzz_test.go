package splice

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// dice makes random operations and mutations from a seed.
type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// value is any value, with a liking for what YAML would misread.
func (d dice) value(depth int) any {
	switch n := d.IntN(10); {
	case n < 6 || depth == 0:
		return pick[any](d, "x", "", "yes", "0755", "1e3", "12:30", " x", "a: b", "a #b", "- x", "é", "a\nb", "'", `"`, "{", 1, -5, 1.5, true, nil, "null")
	case n < 8:
		return map[string]any{pick(d, "a", "b", "name"): d.value(depth - 1), pick(d, "c", "yes", "x.io/y"): d.value(depth - 1)}
	}
	list := []any{}
	for range d.IntN(3) {
		list = append(list, d.value(depth-1))
	}
	return list
}

// op is a random operation on a pod manifest.
func (d dice) op(t *testing.T) Op {
	at := must(t, pick(d, container, "spec.containers[0]"))
	switch d.IntN(6) {
	case 0, 1:
		var list []Flag
		for _, n := range d.Perm(4)[:1+d.IntN(3)] {
			list = append(list, Flag{[]string{"secure-port", "audit-log-maxage", "tls-cert-file", "x"}[n], pick(d, "1", "", "a: b", "/etc/x", "true", "'")})
		}
		return SetFlags{pick(d, at, at.Then(Step{Key: "command"}), at.Then(Step{Key: "args"})), list}
	case 2:
		return RemoveFlag{pick(d, at, at.Then(Step{Key: "command"})), pick(d, "secure-port", "tls-private-key-file", "x")}
	case 3:
		o := put(t, pick(d, "spec.volumes", container+".volumeMounts", container+".env", "spec.new.list"), "name", map[string]any{
			"name": pick(d, "ca-certs", "k8s-certs", "new", "yes"), pick(d, "value", "hostPath", "mountPath"): d.value(2)})
		o.Exclusive, o.Replace = d.IntN(3) == 0, d.IntN(3) == 0
		return o
	case 4:
		return Remove{must(t, pick(d, "spec.volumes[name=ca-certs]", "spec.hostNetwork", "metadata.labels.tier", "metadata.labels", container+".livenessProbe", container+".ports[name=probe-port].name", container+".image", "status"))}
	}
	return set(t, pick(d, "spec.hostNetwork", "spec.new", "spec.volumes", "metadata.annotations", `metadata.annotations["x.io/y"]`, container+".resources.requests", container+".livenessProbe.httpGet.port", "spec.priority", "status.a.b"), d.value(3))
}

// mutate does to a text what a careless person might.
func (d dice) mutate(s string) string {
	lines := strings.SplitAfter(s, "\n")
	for range d.IntN(4) {
		i := d.IntN(len(lines))
		switch d.IntN(9) {
		case 0:
			lines[i] = pick(d, "# note\n", "\n", "   \n", "    # note\n", "---\n", "...\n") + lines[i]
		case 1:
			lines[i] = strings.TrimRight(lines[i], "\r\n") + pick(d, " # note\n", "  \n", " \n", "", ":\n", " x\n", "\r\n")
		case 2:
			lines = append(lines[:i], lines[i+1:]...)
		case 3:
			lines[i] += lines[d.IntN(len(lines))]
		case 4:
			lines[i] = pick(d, " ", "  ", "\t", "- ") + lines[i]
		case 5:
			lines[i] = strings.Replace(lines[i], ": ", pick(d, ": &a ", ": !!str ", ": |\n", ": \"", ": [", ":  ", ": *a "), 1)
		case 6:
			lines[i] = strings.Replace(lines[i], "- ", pick(d, "-   ", "- - ", "- &b ", "- |\n      ", "- '", "-\n      "), 1)
		case 7:
			lines[i] = strings.Replace(lines[i], ": ", pick(d, ": {} #", ": []\n", ":\n", ": yes #"), 1)
		case 8:
			lines[i] = strings.TrimPrefix(lines[i], " ")
		}
		if len(lines) == 0 {
			lines = []string{""}
		}
	}
	return strings.Join(lines, "")
}

// FuzzSplice: whatever the text and the operation, it is refused with a line, or the result is what the
// kubelet should read, and nothing but the edit has changed.
func FuzzSplice(f *testing.F) {
	for _, v := range variants(f) {
		f.Add([]byte(v.text), uint64(len(v.text)))
	}
	for i, s := range []string{"a: 1\n", "spec:\n  containers:\n  - name: kube-apiserver\n    command: [a]\n", "spec: {}\n", "spec:\n  volumes: []\n  containers:\n    -   name: kube-apiserver\n        args:\n            - --x=1", "a: |\n  x\n\n\n# c\n"} {
		f.Add([]byte(s), uint64(i))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) { try(t, text, dice{rand.New(rand.NewPCG(seed, 1))}) })
}

// TestRandomEdits runs what FuzzSplice runs, on mutations of the samples.
func TestRandomEdits(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(7, 7))}
	all, done := variants(t), 0
	for range 1000 {
		if try(t, []byte(d.mutate(pick(d, all...).text)), d) {
			done++
		}
	}
	if done < 150 {
		t.Errorf("only %d of 1000 were edited, so this proves little", done)
	}
}

// try applies one random operation and checks all that is promised. It reports whether there was an edit.
func try(t *testing.T, text []byte, d dice) bool {
	t.Helper()
	op := d.op(t)
	out, err := Apply(text, op)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); !ok || e.Line < 1 || strings.Contains(e.Why, "the kubelet would read something else") {
			t.Errorf("%s: refused, but by the judge or without a line: %v\n%s", op, err, text)
		}
		return false
	}
	again, err := Apply(out, op)
	if err != nil || !bytes.Equal(again, out) {
		t.Errorf("%s: a second application: %v\n%s", op, err, out)
	}
	before, after := decoded(t, text), decoded(t, out)
	want := any(before)
	for range 50 {
		if want, err = op.object(want); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, flag := op.(RemoveFlag); !flag && !reflect.DeepEqual(want, any(after)) {
		t.Errorf("%s: the object is not what it should be\n%s", op, out)
	}
	kept(t, op, string(text), string(out))
	return !bytes.Equal(text, out)
}

func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	obj, err := decode(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return obj
}

// kept checks that an edit keeps all comment lines outside of what it removes, and the kind of line end.
func kept(t *testing.T, op Op, before, after string) {
	t.Helper()
	if _, removes := op.(Remove); removes || before == after {
		return
	}
	if o, ok := op.(Put); ok && o.Replace {
		return
	}
	if _, ok := op.(RemoveFlag); ok {
		return
	}
	for _, s := range []string{before, after} {
		if strings.Contains(s, "\r\n") && strings.Count(s, "\r\n") == strings.Count(s, "\n") && strings.Count(after, "\r\n") != strings.Count(after, "\n") {
			t.Errorf("%s: mixed line ends\n%q", op, after)
		}
	}
	left := map[string]int{}
	for line := range strings.Lines(after) {
		left[comment(line)]++
	}
	for line := range strings.Lines(before) {
		if c := comment(line); c != "" {
			if left[c]--; left[c] < 0 {
				t.Errorf("%s: the comment %q is gone\n%s", op, c, fmt.Sprint(after))
			}
		}
	}
}

func comment(line string) string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "#") {
		return ""
	}
	return line
}
