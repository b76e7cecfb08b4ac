package tasks

import (
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine/enginetest"
)

func TestStrays(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: NAME\n  namespace: kube-system\nspec:\n  containers:\n  - name: a\n    image: b\n"
	named := func(name string) string { return strings.Replace(pod, "NAME", name, 1) }
	tests := map[string]struct {
		files map[string]string
		want  []string // words of each finding
	}{
		"what belongs there": {files: map[string]string{"kube-apiserver.yaml": named("kube-apiserver"), "etcd.yml": named("etcd"), ".hidden": named("etcd")}},
		"a backup":           {files: map[string]string{"etcd.yaml": named("etcd"), "etcd.yaml.bak": named("etcd")}, want: []string{"etcd.yaml.bak is not a manifest by its name"}},
		"one pod twice":      {files: map[string]string{"etcd.yaml": named("etcd"), "old.yaml": named("etcd")}, want: []string{"etcd.yaml and /etc/manifests/old.yaml both define the pod kube-system/etcd"}},
		"no manifest at all": {files: map[string]string{"etcd.yaml": "}"}, want: []string{"etcd.yaml cannot be read as a manifest"}},
		"nothing there":      {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := enginetest.NewNode("m1")
			if err := n.Mkdir("/etc/manifests", 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range tt.files {
				if err := n.WriteFile("/etc/manifests/"+file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Strays(t.Context(), n.Look, "/etc/manifests")
			if err != nil || len(got) != len(tt.want) {
				t.Fatalf("%q, %v; want %q", got, err, tt.want)
			}
			for i, words := range tt.want {
				if !strings.Contains(got[i], words) {
					t.Errorf("%q does not say %q", got[i], words)
				}
			}
		})
	}
}
