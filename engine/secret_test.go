package engine

import "testing"

func TestSecretPath(t *testing.T) {
	for at, want := range map[string]bool{
		"/etc/kubernetes/pki/ca.crt":                    true,
		"/etc/kubernetes/pki/etcd/server.key":           true,
		"/etc/kubernetes/pki":                           false,
		"/srv/tls/server.key":                           true,
		"/etc/kubernetes/admin.conf":                    true,
		"/root/admin.conf.bak":                          true,
		"/etc/kubernetes/super-admin.conf":              true,
		"/etc/kubernetes/kubelet.conf":                  true,
		"/root/.kube/config":                            true,
		"/root/my-kubeconfig.yaml":                      true,
		"/etc/kubernetes/encryption-config.yaml":        true,
		"/etc/kubernetes/encryption/config.yaml":        true,
		"/etc/shadow":                                   true,
		"/etc/kubernetes/manifests/kube-apiserver.yaml": false,
		"/etc/kubernetes/audit-policy.yaml":             false,
		"/var/log/kubernetes/audit/audit.log":           false,
		"/var/lib/kubelet/config.yaml":                  false,
	} {
		if got := SecretPath(at); got != want {
			t.Errorf("SecretPath(%q) = %v", at, got)
		}
	}
}
