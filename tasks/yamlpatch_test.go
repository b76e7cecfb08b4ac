package tasks

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"

	"github.com/hcrun/hcrun/engine"
)

const theContainer = "spec.containers[name=kube-apiserver]"

// kubeadmManifest is the manifest of kube-apiserver as kubeadm writes it.
func kubeadmManifest(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("splice/testdata/kube-apiserver.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// auditPatch is the patch of the audit playbook.
func auditPatch() *YamlPatch {
	host := func(name, path, kind string) map[string]any {
		return map[string]any{"name": name, "hostPath": map[string]any{"path": path, "type": kind}}
	}
	return &YamlPatch{
		Path: theManifest,
		Flags: []YamlFlags{{At: theContainer + ".command", Set: map[string]string{
			"audit-policy-file": "/etc/kubernetes/audit-policy.yaml", "audit-log-path": "/var/log/kubernetes/audit.log",
			"audit-log-maxage": "14", "audit-log-maxbackup": "3", "audit-log-maxsize": "200",
		}}},
		Lists: []YamlList{
			{At: "spec.volumes", Key: "name", Set: []map[string]any{
				host("audit-policy", "/etc/kubernetes/audit-policy.yaml", "File"), host("audit-log", "/var/log/kubernetes", "DirectoryOrCreate"),
			}},
			{At: theContainer + ".volumeMounts", Key: "name", Set: []map[string]any{
				{"name": "audit-policy", "mountPath": "/etc/kubernetes/audit-policy.yaml", "readOnly": true},
				{"name": "audit-log", "mountPath": "/var/log/kubernetes"},
			}},
		},
	}
}

// edited plans a patch on a node and returns the file before and after.
func edited(t *testing.T, n *tree, p *YamlPatch) (before, after string) {
	t.Helper()
	if err := p.Prepare(nil); err != nil {
		t.Fatal(err)
	}
	want := n.at[p.Path]
	changes := engine.Changes(n.mustPlan(t, p)) // which are applied too
	if len(changes) != 1 {
		t.Fatalf("%d changes", len(changes))
	}
	c := changes[0]
	if !c.Before.Matches(want) || c.After.Mode != want.Mode || c.After.UID != want.UID || c.After.GID != want.GID || c.After.Label != want.Label {
		t.Errorf("from %s to %s", c.Before, c.After)
	}
	return text(t, c.Before), text(t, c.After)
}

func text(t *testing.T, img engine.Image) string {
	t.Helper()
	b, err := img.Content.Read(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestYamlPatchFlagship(t *testing.T) {
	manifest := file(kubeadmManifest(t))
	manifest.Mode, manifest.UID, manifest.GID, manifest.Label = 0o600, 3, 4, "label"
	n := newTree(map[string]engine.Image{theManifest: manifest})
	before, after := edited(t, n, auditPatch())
	golden, err := os.ReadFile("splice/testdata/flagship.diff")
	if err != nil {
		t.Fatal(err)
	}
	if diff := udiff.Unified("before", "after", before, after); diff != string(golden) {
		t.Errorf("the diff is not the golden one:\n%s", diff)
	}
	if again := engine.Changes(n.mustPlan(t, auditPatch())); len(again) > 0 {
		t.Errorf("a second run changes %d paths", len(again))
	}
}

func TestYamlPatchBlocks(t *testing.T) {
	const start = "kind: Config\nc:\n- name: k\n  command:\n  - k\n  args:\n  - --a=1\n  - --b=2\n  env:\n  - name: A\n    value: x\nlist:\n- name: p\n  v: 1\n- name: q\n"
	one := "c[name=k]"
	for _, c := range []struct {
		name       string
		p          YamlPatch
		minus, add string
	}{
		{"flags set and removed", YamlPatch{Flags: []YamlFlags{{At: one + ".args", Set: map[string]string{"a": "2"}, Remove: []string{"b"}}}}, "  - --a=1\n  - --b=2\n", "  - --a=2\n"},
		{"list set and removed", YamlPatch{Lists: []YamlList{{At: "list", Key: "name", Set: []map[string]any{{"name": "r", "v": int64(2)}}, Remove: []string{"q"}}}}, "- name: q\n", "- name: r\n  v: 2\n"},
		{"list replaced", YamlPatch{Lists: []YamlList{{At: "list", Key: "name", Replace: true, Set: []map[string]any{{"name": "p"}}}}}, "  v: 1\n", ""},
		{"env", YamlPatch{Env: []YamlEnv{{At: one, Set: map[string]string{"A": "yes", "B": "1"}}}}, "    value: x\n", "    value: \"yes\"\n  - name: B\n    value: \"1\"\n"},
		{"env list", YamlPatch{Env: []YamlEnv{{At: one + ".env", Set: map[string]string{"B": ""}, Remove: []string{"A"}}}}, "  - name: A\n    value: x\n", "  - name: B\n    value: \"\"\n"},
		{"values", YamlPatch{Set: []YamlSet{{At: `metadata.annotations["x.io/y"]`, Value: "5"}, {At: "kind", Value: "Other"}, {At: "num", Value: 1.5}}}, "kind: Config\n", "kind: Other\nmetadata:\n  annotations:\n    x.io/y: \"5\"\nnum: 1.5\n"},
		{"remove", YamlPatch{Remove: []string{"list", one + ".env"}}, "  env:\n  - name: A\n    value: x\nlist:\n- name: p\n  v: 1\n- name: q\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.p.Path = "/etc/config.yaml"
			before, after := edited(t, newTree(map[string]engine.Image{c.p.Path: file(start)}), &c.p)
			var minus, plus strings.Builder
			for line := range strings.Lines(udiff.Unified("a", "b", before, after)) {
				switch {
				case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
				case line[0] == '-':
					minus.WriteString(line[1:])
				case line[0] == '+':
					plus.WriteString(line[1:])
				}
			}
			if minus.String() != c.minus || plus.String() != c.add {
				t.Errorf("takes away\n%s\nadds\n%s", minus.String(), plus.String())
			}
		})
	}
}

func TestYamlPatchPrepareRefuses(t *testing.T) {
	flags := func(at string, set map[string]string, remove ...string) YamlPatch {
		return YamlPatch{Path: theManifest, Flags: []YamlFlags{{at, set, remove}}}
	}
	list := func(l YamlList) YamlPatch { return YamlPatch{Path: theManifest, Lists: []YamlList{l}} }
	items := func(m ...map[string]any) []map[string]any { return m }
	set := func(s ...YamlSet) YamlPatch { return YamlPatch{Path: theManifest, Set: s} }
	env := func(set map[string]string, remove ...string) YamlPatch {
		return YamlPatch{Path: theManifest, Env: []YamlEnv{{theContainer, set, remove}}}
	}
	for _, c := range []struct {
		p          YamlPatch
		field, why string
	}{
		{YamlPatch{Path: theManifest}, "path", "nothing to change"},
		{YamlPatch{Path: "x", Remove: []string{"a"}}, "path", "absolute"},
		{flags("a..b", map[string]string{"x": "1"}), "flags", "at character 3"},
		{flags(theContainer, nil), "flags", "nothing to set"},
		{flags(theContainer, map[string]string{"--x": "1"}), "flags", `without dashes, "x"`},
		{flags(theContainer, map[string]string{"x=1": ""}), "flags", `write it as "x" = "1"`},
		{flags(theContainer, nil, "--x=1"), "flags", `write it as "x" = "1"`},
		{flags(theContainer, map[string]string{"a b": "1"}), "flags", "no name of a flag"},
		{flags(theContainer, map[string]string{"": "1"}), "flags", "no name of a flag"},
		{flags(theContainer, map[string]string{"x": "\x00"}), "flags", "cannot be part"},
		{flags(theContainer, map[string]string{"x": "1"}, "x"), "flags", "set and removed"},
		{flags(theContainer, nil, "x", "x"), "flags", "removed twice"},
		{list(YamlList{At: "a[", Key: "name", Remove: []string{"x"}}), "list", "at character 3"},
		{list(YamlList{At: "a", Key: "", Remove: []string{"x"}}), "list", "key must be"},
		{list(YamlList{At: "a", Key: "name,", Remove: []string{"x"}}), "list", "key must be"},
		{list(YamlList{At: "a", Key: "name"}), "list", "nothing to set"},
		{list(YamlList{At: "a", Key: "name", Set: items(map[string]any{"nmae": "x"})}), "list", `did you mean "nmae"`},
		{list(YamlList{At: "a", Key: "name", Set: items(map[string]any{"name": ""})}), "list", "is empty"},
		{list(YamlList{At: "a", Key: "name", Set: items(map[string]any{"name": []any{}})}), "list", "needs name"},
		{list(YamlList{At: "a", Key: "name", Set: items(map[string]any{"name": "x"}, map[string]any{"name": "x"})}), "list", "two items"},
		{list(YamlList{At: "a", Key: "name", Set: items(map[string]any{"name": "x", "v": int64(1) << 60})}), "list", "2^53"},
		{list(YamlList{At: "a", Key: "name", Set: items(map[string]any{"name": "x"}), Remove: []string{"x"}}), "list", "set and removed"},
		{list(YamlList{At: "a", Key: "name,mountPath", Remove: []string{"x"}}), "list", "a value for each"},
		{env(map[string]string{"A=": "1"}), "env", "no name"},
		{env(map[string]string{"A": "\x00"}), "env", "cannot be"},
		{env(map[string]string{"A": "1"}, "A"), "env", "set and removed"},
		{set(YamlSet{At: "", Value: 1}), "set", "a key is expected"},
		{set(YamlSet{At: "a", Value: 1}, YamlSet{At: "a", Value: 2}), "set", "set twice"},
		{set(YamlSet{At: "a", Value: "\xff"}), "set", "UTF-8"},
		{set(YamlSet{At: "a", Value: make(chan int)}), "set", "not a value"},
		{YamlPatch{Path: theManifest, Remove: []string{"a[0]"}}, "remove", "by what is in it"},
		{YamlPatch{Path: theManifest, Remove: []string{"a[x"}}, "remove", "at character"},
		{YamlPatch{Path: theManifest, Set: []YamlSet{{At: "a", Value: 1}}, Remove: []string{"a"}}, "remove", "set and removed"},
	} {
		err := c.p.Prepare(nil)
		field, ok := errors.AsType[*engine.FieldError](err)
		if !ok || field.Field != c.field || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%+v: %v, want %s: %s", c.p, err, c.field, c.why)
		}
		if _, err := c.p.Plan(t.Context(), nil); err == nil {
			t.Errorf("%+v is planned", c.p)
		}
	}
}

func TestYamlPatchRefuses(t *testing.T) {
	good := kubeadmManifest(t)
	other := strings.Replace(good, "name: kube-apiserver\n  namespace", "name: etcd\n  namespace", 1)
	img := func(change func(*engine.Image)) engine.Image {
		i := file(good)
		change(&i)
		return i
	}
	in := func(name string, i engine.Image) map[string]engine.Image {
		return map[string]engine.Image{theManifest: file(good), "/etc/kubernetes/manifests/" + name: i}
	}
	at := func(i engine.Image) map[string]engine.Image { return map[string]engine.Image{theManifest: i} }
	for _, c := range []struct {
		name string
		tree map[string]engine.Image
		code engine.Code
		why  string
	}{
		{"absent", in("etcd.yaml", file(other)), engine.Done, ""},
		{"nothing there", map[string]engine.Image{"/etc/kubernetes/manifests/etcd.yaml": file(other)}, engine.Preflight, "not there"},
		{"link", at(engine.Image{Kind: engine.Link, Target: "/x"}), engine.Security, "symbolic link"},
		{"directory", at(dir()), engine.Preflight, "directory"},
		{"hard links", at(img(func(i *engine.Image) { i.Links = 2 })), engine.Preflight, "hard links"},
		{"too large", at(img(func(i *engine.Image) { i.Content = engine.NewContent("00", 11<<20, nil) })), engine.Preflight, "more than"},
		{"refused by line", at(file(strings.Replace(good, "    image:", "\timage:", 1))), engine.Preflight, theManifest + ":42: the line is indented with a tab\n    42 | \timage: registry"},
		{"no such container", at(file(strings.Replace(good, "    name: kube-apiserver", "    name: x", 1))), engine.Preflight, "there is x"},
		{"dot-file", in(".swp", file("x")), engine.Done, ""},
		{"other manifest", in("etcd.yml", file(other)), engine.Done, ""},
		{"folder", in("old", dir()), engine.Done, ""},
		{"no pod", in("x.json", file("{}")), engine.Done, ""},
		{"backup", in("kube-apiserver.yaml.bak", file(good)), engine.Preflight, "kube-apiserver.yaml.bak is not a manifest by its name"},
		{"backup of another", in("etcd.yaml~", file(other)), engine.Preflight, "not a manifest by its name"},
		{"readme", in("README", file("x")), engine.Preflight, "the kubelet runs every file in /etc/kubernetes/manifests"},
		{"same pod", in("old.yaml", file(good)), engine.Preflight, "old.yaml defines the pod kube-system/kube-apiserver too"},
		{"link beside it", in("x.yaml", engine.Image{Kind: engine.Link}), engine.Preflight, "a link and not a file"},
		{"broken beside it", in("x.yaml", file("a: [")), engine.Preflight, "cannot be read as a manifest"},
		{"large beside it", in("x.yaml", engine.Image{Kind: engine.File, Content: engine.NewContent("00", 11<<20, nil)}), engine.Preflight, "cannot be read as a manifest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := withNames(newTree(c.tree))
			_, err := n.plan(t, auditPatch())
			if (c.code == engine.Done) != (err == nil) {
				t.Fatalf("got %v", err)
			}
			if c.code == engine.Done {
				return
			}
			p, ok := errors.AsType[*engine.Problem](err)
			if !ok || p.Code != c.code || !strings.Contains(p.What, c.why) {
				t.Errorf("got %v (%v)\nwant %q (%d)", err, engine.CodeOf(err), c.why, c.code)
			}
		})
	}
}

// withNames gives the manifests' folder the names that are in it.
func withNames(n *tree) *tree {
	const folder = "/etc/kubernetes/manifests"
	d := n.at[folder]
	for at := range n.at {
		if name, ok := strings.CutPrefix(at, folder+"/"); ok {
			d.Names = append(d.Names, name)
		}
	}
	n.at[folder] = d
	return n
}

func TestYamlPatchDoesNotShowSecrets(t *testing.T) {
	p := &YamlPatch{Path: "/etc/kubernetes/admin.conf", Set: []YamlSet{{At: "a", Value: 1}}}
	_, err := newTree(map[string]engine.Image{p.Path: file("kind: Config\ntoken: yes\n")}).plan(t, p)
	if err == nil || !strings.Contains(err.Error(), "admin.conf:2:") || strings.Contains(err.Error(), "token") || strings.Contains(err.Error(), "yes") {
		t.Errorf("got %v", err)
	}
}

func TestYamlPatchLooksAtNeighboursOfPodsOnly(t *testing.T) {
	p := &YamlPatch{Path: "/var/lib/kubelet/config.yaml", Set: []YamlSet{{At: "a", Value: 1}}}
	var asked []string
	_, err := p.Plan(t.Context(), func(_ context.Context, paths ...string) ([]engine.Image, error) {
		asked = append(asked, paths...)
		folder := dir()
		folder.Names = []string{"config.yaml", "cpu_manager_state"}
		return []engine.Image{file("kind: KubeletConfiguration\n"), folder}, nil
	})
	if err != nil || len(asked) != 2 {
		t.Errorf("asked for %q, %v", asked, err)
	}
}
