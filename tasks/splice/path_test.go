package splice

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	key := func(k string) Step { return Step{Key: k} }
	item := func(fields ...Field) Step { return Step{Item: true, Match: fields} }
	for in, want := range map[string]Path{
		"spec": {key("spec")},
		"spec.containers[name=kube-apiserver].command": {key("spec"), key("containers"), item(Field{"name", "kube-apiserver"}), key("command")},
		"a[0].b-c_d":                            {key("a"), {Item: true}, key("b-c_d")},
		`metadata.annotations["a.b/c"]`:         {key("metadata"), key("annotations"), key("a.b/c")},
		`metadata.annotations["a\"b"].x`:        {key("metadata"), key("annotations"), key(`a"b`), key("x")},
		`v[name=a,mountPath="/x, y"][1]`:        {key("v"), item(Field{"name", "a"}, Field{"mountPath", "/x, y"}), {Item: true, Index: 1}},
		`v[image=registry.k8s.io/etcd:3.6.5-0]`: {key("v"), item(Field{"image", "registry.k8s.io/etcd:3.6.5-0"})},
		`v[a=b=c]`:                              {key("v"), item(Field{"a", "b=c"})},
		`v[a=""]`:                               {key("v"), item(Field{"a", ""})},
		`["a b"]`:                               {key("a b")},
		"ключ.x":                                {key("ключ"), key("x")},
		"kubeadm/x.y":                           {key("kubeadm/x"), key("y")},
	} {
		p, err := ParsePath(in)
		if err != nil || !reflect.DeepEqual(p, want) {
			t.Errorf("%s: %#v (%v)", in, p, err)
			continue
		}
		if again, err := ParsePath(p.String()); err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%s is written as %s, which is read as %#v (%v)", in, p, again, err)
		}
	}
}

func TestPathErrors(t *testing.T) {
	for _, c := range []struct {
		path   string
		column int
		why    string
	}{
		{"", 1, "a key"}, {".a", 1, "a key"}, {"a.", 3, "a key"}, {"a..b", 3, "a key"}, {"a.[0]", 3, "dot"}, {"a b", 2, "a dot or a bracket"},
		{"a[", 3, "name=value"}, {"a[]", 3, "a number"}, {"a[x]", 3, "a number"}, {"a[-1]", 3, "a number"}, {"a[name=]", 8, "a value"},
		{"a[name=x", 9, "closing"}, {"a[name=x,]", 10, "name=value"}, {`a["b`, 3, "never closed"}, {`a["b\`, 3, "never closed"}, {`a["b"`, 6, "closing"}, {`a["\z"]`, 3, "cannot be read"},
		{"a]", 2, "a dot or a bracket"}, {"a[0]b", 5, "a dot or a bracket"}, {"é.ü..x", 5, "a key"}, {"a[99999999999999999999]", 3, "a number"},
	} {
		_, err := ParsePath(c.path)
		e, ok := errors.AsType[*PathError](err)
		if !ok || e.Column != c.column || !strings.Contains(e.Why, c.why) {
			t.Errorf("%q: %v, want character %d and %q", c.path, err, c.column, c.why)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"a.b[0]", `a["x"].b[name=c,d="e"]`, "a[", `a["\"]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		if again, err := ParsePath(p.String()); err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%q is written as %q: %v", s, p, err)
		}
	})
}
