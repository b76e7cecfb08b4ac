package sim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates are valid from long before until long after, so that a lab's clock can be moved.
const (
	validBefore = 30 * 24 * time.Hour
	validAfter  = 10 * 365 * 24 * time.Hour
)

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte
}

type certRequest struct {
	name, group    string
	client, server bool
	dns            []string
	ips            []net.IP
}

func (s *seeder) pki() error {
	ip := net.ParseIP(s.ip)
	api := certRequest{name: "kube-apiserver", server: true, ips: []net.IP{net.IPv4(10, 96, 0, 1), ip}, dns: []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", s.name}}
	etcd := certRequest{name: s.name, server: true, client: true, dns: []string{"localhost", s.name},
		ips: []net.IP{ip, net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
	for _, group := range []struct {
		ca, name string
		leaves   map[string]certRequest
	}{
		{"ca", "kubernetes", map[string]certRequest{
			"apiserver":                api,
			"apiserver-kubelet-client": {name: "kube-apiserver-kubelet-client", group: "kubeadm:cluster-admins", client: true}}},
		{"front-proxy-ca", "front-proxy-ca", map[string]certRequest{
			"front-proxy-client": {name: "front-proxy-client", client: true}}},
		{"etcd/ca", "etcd-ca", map[string]certRequest{
			"etcd/server": etcd, "etcd/peer": etcd,
			"etcd/healthcheck-client": {name: "kube-etcd-healthcheck-client", client: true},
			"apiserver-etcd-client":   {name: "kube-apiserver-etcd-client", client: true}}},
	} {
		ca, err := s.authority(group.ca, group.name)
		if err != nil {
			return err
		}
		if group.ca == "ca" {
			s.ca = ca
		}
		for file, request := range group.leaves {
			if err := s.leaf(ca, file, request); err != nil {
				return err
			}
		}
	}
	return s.serviceAccountKey()
}

// authority reads a CA that is there, or makes one.
func (s *seeder) authority(file, name string) (*authority, error) {
	at := filepath.Join(s.root, "etc/kubernetes/pki", file)
	certPEM, err := os.ReadFile(at + ".crt")
	if errors.Is(err, fs.ErrNotExist) {
		certPEM, keyPEM, err := newCA(name)
		if err != nil {
			return nil, err
		}
		if err := s.pair(file, certPEM, keyPEM); err != nil {
			return nil, err
		}
		return parseAuthority(certPEM, keyPEM)
	}
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(at + ".key")
	if err != nil {
		return nil, err
	}
	return parseAuthority(certPEM, keyPEM)
}

func parseAuthority(certPEM, keyPEM []byte) (*authority, error) {
	cb, _ := pem.Decode(certPEM)
	kb, _ := pem.Decode(keyPEM)
	if cb == nil || kb == nil {
		return nil, errors.New("the CA's files are not PEM")
	}
	cert, err := x509.ParseCertificate(cb.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(kb.Bytes)
	if err != nil {
		return nil, err
	}
	return &authority{cert: cert, key: key, pem: certPEM}, nil
}

func parseKey(der []byte) (crypto.Signer, error) {
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	signer, ok := k.(crypto.Signer)
	if !ok {
		return nil, errors.New("the CA's key cannot sign")
	}
	return signer, nil
}

func newCA(name string) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := template(name)
	t.IsCA, t.BasicConstraintsValid = true, true
	t.DNSNames = []string{name}
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign
	return sign(t, t, key, key)
}

func template(name string) *x509.Certificate {
	serial := make([]byte, 8)
	rand.Read(serial) // never fails
	now := time.Now().UTC()
	return &x509.Certificate{SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-validBefore), NotAfter: now.Add(validAfter)}
}

func (a *authority) issue(r certRequest) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := template(r.name)
	if r.group != "" {
		t.Subject.Organization = []string{r.group}
	}
	t.DNSNames, t.IPAddresses = r.dns, r.ips
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	if r.server {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if r.client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	return sign(t, a.cert, key, a.key)
}

func sign(t, parent *x509.Certificate, key *ecdsa.PrivateKey, by crypto.Signer) (certPEM, keyPEM []byte, err error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), by)
	if err != nil {
		return nil, nil, err
	}
	k, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: k}), nil
}

func (s *seeder) leaf(ca *authority, file string, r certRequest) error {
	if _, err := os.Lstat(filepath.Join(s.root, "etc/kubernetes/pki", file+".crt")); err == nil {
		return nil
	}
	cert, key, err := ca.issue(r)
	if err != nil {
		return err
	}
	return s.pair(file, cert, key)
}

func (s *seeder) pair(file string, cert, key []byte) error {
	at := filepath.Join("etc/kubernetes/pki", file)
	return errors.Join(s.write(at+".key", 0o600, string(key)), s.write(at+".crt", 0o644, string(cert)))
}

func (s *seeder) serviceAccountKey() error {
	if _, err := os.Lstat(filepath.Join(s.root, "etc/kubernetes/pki/sa.pub")); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return errors.Join(
		s.write("etc/kubernetes/pki/sa.key", 0o600, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))),
		s.write("etc/kubernetes/pki/sa.pub", 0o600, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))))
}
