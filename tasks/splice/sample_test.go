package splice

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// sample is the manifest as kubeadm 1.34 writes it.
func sample(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/kube-apiserver.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// must reads a path.
func must(t testing.TB, s string) Path {
	t.Helper()
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const container = "spec.containers[name=kube-apiserver]"

// flagship is the patch of the audit playbook.
func flagship(t testing.TB) []Op {
	t.Helper()
	path := func(p, kind string) map[string]any { return map[string]any{"path": p, "type": kind} }
	put := func(list, name string, rest map[string]any) Op {
		rest["name"] = name
		return Put{List: must(t, list), Keys: []string{"name"}, Item: rest, Exclusive: list == "spec.volumes"}
	}
	return []Op{
		SetFlags{must(t, container+".command"), []Flag{
			{"audit-log-maxage", "14"}, {"audit-log-maxbackup", "3"}, {"audit-log-maxsize", "200"},
			{"audit-log-path", "/var/log/kubernetes/audit.log"}, {"audit-policy-file", "/etc/kubernetes/audit-policy.yaml"},
		}},
		put("spec.volumes", "audit-policy", map[string]any{"hostPath": path("/etc/kubernetes/audit-policy.yaml", "File")}),
		put("spec.volumes", "audit-log", map[string]any{"hostPath": path("/var/log/kubernetes", "DirectoryOrCreate")}),
		put(container+".volumeMounts", "audit-policy", map[string]any{"mountPath": "/etc/kubernetes/audit-policy.yaml", "readOnly": true}),
		put(container+".volumeMounts", "audit-log", map[string]any{"mountPath": "/var/log/kubernetes"}),
	}
}

// encoded is the sample as an encoder with another indentation writes it.
func encoded(t testing.TB, s string, indent int) string {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(s), &n); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(indent)
	if err := e.Encode(&n); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// variant is one form in which a person may have left the sample.
type variant struct {
	name string
	text string
}

// variants are the forms that are edited.
func variants(t testing.TB) []variant {
	t.Helper()
	s := sample(t)
	edit := strings.NewReplacer
	return []variant{
		{"base", s},
		{"comments", edit(
			"apiVersion: v1\n", "# managed by hand\n\napiVersion: v1 # core\n",
			"    - --secure-port=6443\n", "    # the port\n    - --secure-port=6443  # not 443\n\n",
			"    image:", "    # behind the flags\n\n    image:",
			"  hostNetwork: true\n", "# a comment at the margin\n  hostNetwork: true\n",
			"status: {}\n", "# last volume above\nstatus: {} # empty\n# the end\n").Replace(s)},
		{"sequences indented", encoded(t, s, 2)},
		{"4 spaces", encoded(t, s, 4)},
		{"CRLF", strings.ReplaceAll(s, "\n", "\r\n")},
		{"quoted", edit("- --tls-cert-file=/etc/kubernetes/pki/apiserver.crt", `- "--tls-cert-file=/etc/kubernetes/pki/apiserver.crt"`,
			"- --secure-port=6443", `- '--secure-port=6443'`, "name: ca-certs\n", "name: \"ca-certs\"\n", "kind: Pod", `"kind": "Pod"`).Replace(s)},
		{"anchors elsewhere", edit("    livenessProbe:\n      failureThreshold: 8\n      httpGet:\n        host: 10.99.0.11\n", "    livenessProbe:\n      failureThreshold: 8\n      httpGet:\n        host: &host 10.99.0.11\n",
			"path: /readyz", "path: /readyz", "        host: 10.99.0.11\n        path: /readyz", "        host: *host\n        path: /readyz").Replace(s)},
		{"trailing spaces", edit("spec:\n", "spec:   \n", "- --secure-port=6443", "- --secure-port=6443  ", "  volumes:\n", "  volumes: \n", "name: usr-share-ca-certificates\n", "name: usr-share-ca-certificates \n").Replace(s)},
		{"no final newline", strings.TrimSuffix(s, "\n")},
		{"volumes at the very end", strings.TrimSuffix(strings.TrimSuffix(s, "status: {}\n"), "\n")},
		{"wide", edit("kind: Pod", "kind:   Pod", "    - --", "    -   --").Replace(s)},
		{"markers", "---\n" + s + "...\n"},
		{"other container first", edit("  containers:\n", "  containers:\n  - name: sidecar\n    image: x\n    command: [sleep, \"1\"]\n").Replace(s)},
	}
}
