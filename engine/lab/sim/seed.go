package sim

import (
	"crypto/rand"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed seed
var seedFiles embed.FS

// Seed lays down what kubeadm leaves on a new master, below root, for a node of that name. What
// exists already is kept as it is: called again it only adds what is missing, and a CA that was put
// to /etc/kubernetes/pki/ca.{crt,key} before is the one that signs.
func Seed(root, name string) error {
	s := seeder{root: root, name: name, ip: advertised(name)}
	for _, step := range []func() error{s.dirs, s.pki, s.kubeconfigs, s.files} {
		if err := step(); err != nil {
			return fmt.Errorf("seed %s: %w", name, err)
		}
	}
	return nil
}

type seeder struct {
	root, name, ip string
	ca             *authority
}

// advertised is the address of a node by its name, out of a range that is routed nowhere
// (192.0.2.0/24, for documentation): the digits at its end, else a number of its own.
func advertised(name string) string {
	digits := name[len(strings.TrimRight(name, "0123456789")):]
	n := 0
	for _, d := range digits {
		n = n*10 + int(d-'0')
		if n > 200 {
			break
		}
	}
	if digits == "" || n > 200 {
		h := fnv.New32a()
		h.Write([]byte(name))
		n = int(h.Sum32() % 200)
	}
	return fmt.Sprintf("192.0.2.%d", 10+n)
}

func (s *seeder) dirs() error {
	for _, d := range []struct {
		path string
		mode fs.FileMode
	}{
		{"etc/kubernetes/manifests", 0o755}, {"etc/kubernetes/pki/etcd", 0o755},
		{"etc/ssl/certs", 0o755}, {"etc/ca-certificates", 0o755},
		{"var/lib/kubelet/pki", 0o755}, {"var/lib/etcd", 0o700}, {"var/lib/containerd", 0o711},
		{"var/log/pods", 0o755}, {"var/log/containers", 0o755}, {"root", 0o700},
	} {
		at := filepath.Join(s.root, d.path)
		if _, err := os.Lstat(at); err == nil {
			continue
		}
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(at, d.mode); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeder) files() error {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	if err := s.write("etc/machine-id", 0o444, hex.EncodeToString(id)+"\n"); err != nil {
		return err
	}
	if err := s.write("etc/crictl.yaml", 0o644, "runtime-endpoint: unix:///run/containerd/containerd.sock\n"); err != nil {
		return err
	}
	if err := s.fromSeed("kubelet-config.yaml", "var/lib/kubelet/config.yaml", 0o644); err != nil {
		return err
	}
	for _, m := range []string{"etcd.yaml", "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml"} {
		if err := s.manifest(m); err != nil {
			return err
		}
	}
	return s.seeded()
}

// manifest writes one at the very first start only: a manifest that an operator took away stays away.
func (s *seeder) manifest(name string) error {
	if _, err := os.Lstat(filepath.Join(s.root, seedMark)); err == nil {
		return nil
	}
	return s.fromSeed(name, filepath.Join("etc/kubernetes/manifests", name), 0o600)
}

const seedMark = "var/lib/kubelet/kubeadm-flags.env"

func (s *seeder) seeded() error {
	return s.write(seedMark, 0o644, "KUBELET_KUBEADM_ARGS=\"--hostname-override="+s.name+" --node-ip="+s.ip+"\"\n")
}

func (s *seeder) fromSeed(name, at string, mode fs.FileMode, more ...string) error {
	b, err := seedFiles.ReadFile("seed/" + name)
	if err != nil {
		return err
	}
	words := append([]string{"@IP@", s.ip, "@NAME@", s.name}, more...)
	return s.write(at, mode, strings.NewReplacer(words...).Replace(string(b)))
}

func (s *seeder) write(at string, mode fs.FileMode, text string) error {
	at = filepath.Join(s.root, at)
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

func (s *seeder) kubeconfigs() error {
	for _, c := range []struct{ file, user, group string }{
		{"admin.conf", "kubernetes-admin", "kubeadm:cluster-admins"},
		{"super-admin.conf", "kubernetes-super-admin", "system:masters"},
		{"controller-manager.conf", "system:kube-controller-manager", ""},
		{"scheduler.conf", "system:kube-scheduler", ""},
		{"kubelet.conf", "system:node:" + s.name, "system:nodes"},
	} {
		at := filepath.Join("etc/kubernetes", c.file)
		if _, err := os.Lstat(filepath.Join(s.root, at)); err == nil {
			continue
		}
		cert, key, err := s.ca.issue(certRequest{name: c.user, group: c.group, client: true})
		if err != nil {
			return err
		}
		b64 := base64.StdEncoding.EncodeToString
		err = s.fromSeed("kubeconfig.conf", at, 0o600, "@CA@", b64(s.ca.pem), "@USER@", c.user, "@CERT@", b64(cert), "@KEY@", b64(key))
		if err != nil {
			return err
		}
	}
	return nil
}
