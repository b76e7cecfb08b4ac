package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority is a certificate authority as kubeadm makes one.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// pair is a certificate and its key, as PEM.
type pair struct{ cert, key []byte }

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, err
}

// issue signs a certificate for a user of the API (with groups) and, where hosts are named, a server.
func (a *authority) issue(user string, groups []string, hosts ...string) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return pair{}, err
	}
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: user, Organization: groups}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	if len(hosts) > 0 {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return pair{}, err
	}
	return pair{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM(key)}, nil
}

func keyPEM(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(err) // of a key that was just made
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// pki is what all nodes of a cluster share.
type pki struct {
	ca, front *authority
	sa        *ecdsa.PrivateKey
}

func newPKI() (*pki, error) {
	ca, err := newAuthority("kubernetes")
	if err != nil {
		return nil, err
	}
	front, err := newAuthority("front-proxy-ca")
	if err != nil {
		return nil, err
	}
	sa, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &pki{ca, front, sa}, err
}

// write puts a node's part of the pki where kubeadm does, and its kubeconfigs beside it.
func (p *pki) write(kubernetes, node, ip string) error {
	server, err := p.ca.issue("kube-apiserver", nil, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", node, "localhost", "127.0.0.1", "10.96.0.1", ip)
	if err != nil {
		return err
	}
	client, err := p.ca.issue("kube-apiserver-kubelet-client", []string{"system:masters"})
	if err != nil {
		return err
	}
	proxy, err := p.front.issue("front-proxy-client", nil)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(p.sa.Public())
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"ca.crt": p.ca.pem, "ca.key": keyPEM(p.ca.key), "front-proxy-ca.crt": p.front.pem, "front-proxy-ca.key": keyPEM(p.front.key),
		"apiserver.crt": server.cert, "apiserver.key": server.key, "apiserver-kubelet-client.crt": client.cert, "apiserver-kubelet-client.key": client.key,
		"front-proxy-client.crt": proxy.cert, "front-proxy-client.key": proxy.key,
		"sa.key": keyPEM(p.sa), "sa.pub": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
	}
	dir := filepath.Join(kubernetes, "pki")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, b := range files {
		mode := os.FileMode(0o644)
		if filepath.Ext(name) == ".key" {
			mode = 0o600
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, mode); err != nil {
			return err
		}
	}
	for file, who := range map[string]struct {
		user   string
		groups []string
	}{
		"admin.conf":   {"kubernetes-admin", []string{"system:masters"}},
		"kubelet.conf": {"system:node:" + node, []string{"system:nodes"}},
	} {
		c, err := p.ca.issue(who.user, who.groups)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(kubernetes, file), p.kubeconfig(ip, c), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (p *pki) kubeconfig(ip string, c pair) []byte {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: kubernetes
  cluster: {server: "https://%s:6443", certificate-authority-data: %s}
users:
- name: user
  user: {client-certificate-data: %s, client-key-data: %s}
contexts:
- name: it
  context: {cluster: kubernetes, user: user}
current-context: it
`, ip, b64(p.ca.pem), b64(c.cert), b64(c.key))
}
