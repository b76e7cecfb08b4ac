package scenarios

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// kubeadmConfig is what the cluster was made with. The part behind it is what `kubeadm upgrade` has to know of the change.
const (
	kubeadmConfig = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: "@IP@", bindPort: 6443}
nodeRegistration: {name: master1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.34.4
imageRepository: localhost
etcd: {external: {endpoints: ["http://127.0.0.1:2379"]}}
networking: {serviceSubnet: 10.96.0.0/12}
`
	kubeadmAudit = `apiServer:
  extraArgs:
  - {name: audit-policy-file, value: /etc/kubernetes/audit-policy.yaml}
  - {name: audit-log-path, value: /var/log/kubernetes/audit.log}
  - {name: audit-log-maxage, value: "14"}
  - {name: audit-log-maxbackup, value: "3"}
  - {name: audit-log-maxsize, value: "200"}
  extraVolumes:
  - {name: audit-policy, hostPath: /etc/kubernetes/audit-policy.yaml, mountPath: /etc/kubernetes/audit-policy.yaml, readOnly: true, pathType: File}
  - {name: audit-log, hostPath: /var/log/kubernetes, mountPath: /var/log/kubernetes, pathType: DirectoryOrCreate}
`
)

// asKubeadm puts kubeadm's own manifest on the node, applies, and holds what was written against what kubeadm renders
// when its configuration has the same change.
func asKubeadm(b *bench) {
	r := b.bed.(*real)
	render := func(config string) string {
		config = strings.ReplaceAll(config, "@IP@", r.masters[0].IP)
		return b.on("master1", "cat > /tmp/kubeadm.yaml <<'END'\n"+config+"END\n"+`cd /tmp; rm -rf /etc/kubernetes/tmp; /lab/bin/kubeadm init phase control-plane apiserver --config kubeadm.yaml --dry-run >kubeadm.out 2>&1 || { cat kubeadm.out >&2; exit 1; }
cat $(find /etc/kubernetes/tmp /tmp -name kube-apiserver.yaml | head -1); rm -rf /etc/kubernetes/tmp`)
	}
	plain := render(kubeadmConfig)
	b.on("master1", "cat > /etc/kubernetes/.new <<'END'\n"+plain+"END\nchmod 600 /etc/kubernetes/.new; mv /etc/kubernetes/.new "+manifest)
	time.Sleep(3 * time.Second)
	b.until("kubeadm's API server is ready", 2*time.Minute, func() bool { return b.on("master1", ready) == "ok" })
	b.hcrun(0, b.applying("master1")...)
	wrote := parsed(b, b.on("master1", "cat "+manifest))
	notes := wrote["metadata"].(map[string]any)["annotations"].(map[string]any)
	if notes["checksum/audit-policy"] == nil {
		b.Error("the manifest has no digest of the policy")
	}
	delete(notes, "checksum/audit-policy") // which only a patch of kubeadm's could add
	if rendered := parsed(b, render(kubeadmConfig+kubeadmAudit)); !reflect.DeepEqual(wrote, rendered) {
		b.Errorf("hcrun wrote\n%v\nkubeadm renders\n%v", wrote, rendered)
	}
}

// parsed is a manifest whose lists are in one order: arguments by themselves, volumes and mounts by name.
func parsed(b *bench, text string) map[string]any {
	b.Helper()
	var pod map[string]any
	b.must(yaml.Unmarshal([]byte(text), &pod))
	spec := pod["spec"].(map[string]any)
	c := spec["containers"].([]any)[0].(map[string]any)
	for _, list := range []any{spec["volumes"], c["volumeMounts"]} {
		slices.SortFunc(list.([]any), func(a, b any) int {
			return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
		})
	}
	slices.SortFunc(c["command"].([]any)[1:], func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	return pod
}
