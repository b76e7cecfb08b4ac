package engine

import (
	"path"
	"slices"
	"strings"
)

// SecretPath reports whether what is at a path of a node is taken for a secret: keys, the cluster's
// pki, kubeconfigs, tokens and encryption configurations. Displays show hashes of such files only.
func SecretPath(at string) bool {
	at = strings.ToLower(path.Clean(at))
	name := path.Base(at)
	for _, dir := range strings.Split(path.Dir(at), "/") {
		if dir == "pki" || strings.HasPrefix(dir, "encryption") || dir == ".ssh" {
			return true
		}
	}
	switch {
	case slices.Contains([]string{".key", ".pem", ".p12", ".pfx"}, path.Ext(name)),
		strings.Contains(name, "kubeconfig"), strings.HasPrefix(name, "encryption"),
		strings.HasPrefix(name, "id_"), strings.HasPrefix(name, "shadow"),
		strings.Contains(name, "token"), strings.Contains(name, "secret"), strings.Contains(name, "password"):
		return true
	}
	// What kubeadm keeps its identities in; a copy of one (admin.conf.bak) is as secret as itself.
	for _, conf := range []string{"admin.conf", "super-admin.conf", "kubelet.conf", "bootstrap-kubelet.conf", "controller-manager.conf", "scheduler.conf"} {
		if strings.HasPrefix(name, conf) {
			return true
		}
	}
	return strings.HasSuffix(at, "/.kube/config")
}
