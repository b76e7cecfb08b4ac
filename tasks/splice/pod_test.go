package splice

import (
	"slices"
	"strings"
	"testing"
)

func TestPodChanged(t *testing.T) {
	s := sample(t)
	for _, v := range variants(t) {
		changed, err := PodChanged([]byte(s), []byte(v.text))
		want := v.name == "other container first" || v.name == "volumes at the very end"
		if err != nil || changed != want {
			t.Errorf("%s: %v, %v", v.name, changed, err)
		}
	}
	for _, c := range []struct {
		name, after string
		want        bool
	}{
		{"comment", "# x\n" + s, false},
		{"order of keys", strings.Replace(strings.Replace(s, "kind: Pod\n", "", 1), "apiVersion: v1\n", "kind: Pod\napiVersion: v1\n", 1), false},
		{"quotes", strings.Replace(s, "kind: Pod", `kind: "Pod"`, 1), false},
		{"a flag", strings.Replace(s, "6443", "6444", 1), true},
		{"order of flags", strings.Replace(strings.Replace(s, "    - --allow-privileged=true\n", "", 1), "    - --secure-port=6443\n", "    - --secure-port=6443\n    - --allow-privileged=true\n", 1), true},
		{"text for a number", strings.Replace(s, "priority: 2000001000", `priority: "2000001000"`, 1), true},
	} {
		if got, err := PodChanged([]byte(s), []byte(c.after)); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	for _, broken := range []string{"a: [", "a: 1\na: 2\n", "- a\n", "", "a: \tb: c"} {
		if _, err := PodChanged([]byte(s), []byte(broken)); err == nil {
			t.Errorf("%q is no error", broken)
		}
		if _, err := PodChanged([]byte(broken), []byte(s)); err == nil {
			t.Errorf("%q is no error", broken)
		}
	}
}

func TestContainer(t *testing.T) {
	for _, c := range []struct {
		text, want, err string
	}{
		{"spec: {containers: [{name: a, command: [x, --y], args: [z]}]}", "x --y z", ""},
		{"spec: {containers: [{name: b}, {name: a, args: [z]}]}", "z", ""},
		{"spec: {containers: [{name: a}]}", "", ""},
		{"spec: {containers: [{name: b}, {name: c}]}", "", "it has b, c"},
		{"spec: {}", "", "no containers"},
		{"spec: {containers: [{name: a, command: x}]}", "", "not a list"},
		{"spec: {containers: [{name: a, args: [5]}]}", "", "not a string"},
		{"a: [", "", "line 1"},
	} {
		got, err := Container([]byte(c.text), "a")
		switch {
		case c.err == "" && (err != nil || strings.Join(got, " ") != c.want):
			t.Errorf("%s: %q, %v", c.text, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", c.text, err, c.err)
		}
	}
	words, err := Container([]byte(sample(t)), "kube-apiserver")
	if err != nil || words[0] != "kube-apiserver" || !slices.Contains(words, "--secure-port=6443") {
		t.Errorf("%q, %v", words, err)
	}
}

func TestPodOf(t *testing.T) {
	for _, c := range []struct {
		text string
		want Pod
		ok   bool
	}{
		{sample(t), Pod{"kube-system", "kube-apiserver"}, true},
		{"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", Pod{"default", "x"}, true},
		{`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "y"}}`, Pod{"y", "x"}, true},
		{"apiVersion: v1\nkind: Service\n", Pod{}, false},
		{"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n", Pod{}, false},
	} {
		if got, ok, err := PodOf([]byte(c.text)); got != c.want || ok != c.ok || err != nil {
			t.Errorf("%v, %v, %v, want %v", got, ok, err, c.want)
		}
	}
}
