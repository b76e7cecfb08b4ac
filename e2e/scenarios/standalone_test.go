package scenarios

import (
	"strings"
	"testing"
	"time"
)

// TestStandalone: the flagship on one real node, again, and back.
func TestStandalone(t *testing.T) {
	b := newBench(t, 1, false)
	n := b.nodes[0]
	const manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	before := b.read(n, manifest)
	began := time.Now()
	out := b.apply(0, "master1")
	t.Logf("apply took %s\n%s", time.Since(began), out)
	if args := b.on(n, "tr '\\0' ' ' </proc/$(pgrep -x kube-apiserver)/cmdline"); !strings.Contains(args, "--audit-policy-file=/etc/kubernetes/audit-policy.yaml") {
		t.Errorf("the API server runs without the flag: %s", args)
	}
	if log := b.read(n, "/var/log/kubernetes/audit.log"); !strings.Contains(log, `"apiVersion":"audit.k8s.io/v1"`) {
		t.Errorf("the audit log is %.200q", log)
	}
	id := b.on(n, "crictl ps -q --name kube-apiserver")
	out = b.apply(0, "master1")
	if !strings.Contains(out, "nothing to change") || b.on(n, "crictl ps -q --name kube-apiserver") != id {
		t.Errorf("a second apply changed something:\n%s", out)
	}
	began = time.Now()
	out = b.hcrun(0, "rollback", "--yes")
	t.Logf("rollback took %s\n%s", time.Since(began), out)
	if got := b.read(n, manifest); got != before {
		t.Errorf("the manifest is not what it was:\n%s", got)
	}
	if err := n.Ready(10 * time.Second); err != nil {
		t.Error(err)
	}
	if args := b.on(n, "tr '\\0' ' ' </proc/$(pgrep -x kube-apiserver)/cmdline"); strings.Contains(args, "--audit") {
		t.Errorf("after the rollback the API server runs with %s", args)
	}
}
