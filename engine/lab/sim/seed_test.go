package sim

import (
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestSeed(t *testing.T) {
	root := t.TempDir()
	if err := Seed(root, "master2"); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]fs.FileMode{
		"etc/kubernetes/manifests": 0o755, "etc/kubernetes/manifests/kube-apiserver.yaml": 0o600, "etc/kubernetes/manifests/etcd.yaml": 0o600,
		"etc/kubernetes/manifests/kube-scheduler.yaml": 0o600, "etc/kubernetes/manifests/kube-controller-manager.yaml": 0o600,
		"etc/kubernetes/admin.conf": 0o600, "etc/kubernetes/pki/ca.crt": 0o644, "etc/kubernetes/pki/ca.key": 0o600,
		"etc/kubernetes/pki/apiserver.key": 0o600, "etc/kubernetes/pki/etcd/server.crt": 0o644, "etc/crictl.yaml": 0o644,
		"etc/machine-id": 0o444, "var/lib/kubelet/config.yaml": 0o644, "var/lib/etcd": 0o700, "var/log/pods": 0o755,
	} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
			continue
		}
		equal(t, path, info.Mode().Perm(), mode)
	}
	manifests, err := os.ReadDir(filepath.Join(root, "etc/kubernetes/manifests"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifests {
		b, err := os.ReadFile(filepath.Join(root, "etc/kubernetes/manifests", m.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var strict map[string]any
		if err := yaml.UnmarshalStrict(b, &strict); err != nil {
			t.Errorf("%s: %v", m.Name(), err)
		}
		if p, err := decodePod("master2", "/x", b); err != nil || !imagePresent(p.Containers[0].Image) {
			t.Errorf("%s: %v", m.Name(), err)
		}
	}
	ca := certificate(t, root, "ca.crt")
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	leaf := certificate(t, root, "apiserver.crt")
	for name, want := range map[string]bool{"kubernetes": true, "kubernetes.default.svc": true, "master2": true, "192.0.2.12": true, "127.0.0.1": false, "localhost": false} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name})
		equal(t, name, err == nil, want)
	}
}

func certificate(t *testing.T, root, name string) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "etc/kubernetes/pki", name))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A second Seed changes nothing, brings back no manifest that was taken away, and a CA that is there signs.
func TestSeedAgain(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	if err := Seed(one, "master1"); err != nil {
		t.Fatal(err)
	}
	before := tree(t, one)
	if err := Seed(one, "master1"); err != nil {
		t.Fatal(err)
	}
	equal(t, "files", slices.Equal(before, tree(t, one)), true)
	manifest := filepath.Join(one, "etc/kubernetes/manifests/etcd.yaml")
	os.Remove(manifest)
	if err := Seed(one, "master1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(manifest); err == nil {
		t.Error("a manifest came back")
	}
	for _, f := range []string{"ca.crt", "ca.key"} {
		b, err := os.ReadFile(filepath.Join(one, "etc/kubernetes/pki", f))
		if err != nil {
			t.Fatal(err)
		}
		os.MkdirAll(filepath.Join(two, "etc/kubernetes/pki"), 0o755)
		os.WriteFile(filepath.Join(two, "etc/kubernetes/pki", f), b, 0o600)
	}
	if err := Seed(two, "master2"); err != nil {
		t.Fatal(err)
	}
	if err := certificate(t, two, "apiserver.crt").CheckSignatureFrom(certificate(t, one, "ca.crt")); err != nil {
		t.Error(err)
	}
}

func tree(t *testing.T, root string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		list = append(list, p+digest(string(b)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAdvertised(t *testing.T) {
	for name, want := range map[string]string{"master1": "192.0.2.11", "master12": "192.0.2.22", "m999999": "", "cp": "", "": ""} {
		got := advertised(name)
		equal(t, name+" "+got, want == "" && got != "" || got == want, true)
	}
}
