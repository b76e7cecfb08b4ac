package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/hcrun/hcrun/engine/lab/sim"
)

// Files of the client's side, in the lab's folder.
const (
	identityFile   = "id_ed25519"
	knownHostsFile = "known_hosts"
)

// newKey writes an OpenSSH private key where there is none, and gives its public half.
func newKey(path, comment string) (ssh.PublicKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var key ed25519.PrivateKey
		var block *pem.Block
		if _, key, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return nil, err
		}
		if block, err = ssh.MarshalPrivateKey(key, comment); err != nil {
			return nil, err
		}
		b = pem.EncodeToMemory(block)
		err = replaceFile(path, b, 0o600)
	}
	if err != nil {
		return nil, err
	}
	s, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s.PublicKey(), nil
}

// seed makes a node's tree, the first time. A tree that was not finished is made anew.
func (h home) seed(name string, client ssh.PublicKey) error {
	n := h.node(name)
	if err := os.MkdirAll(filepath.Join(n.shared(), breaksDir), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(n.seeded()); err == nil {
		return nil
	}
	if err := removeTree(n.tree()); err != nil {
		return err
	}
	if err := makeDirs(n.tree()); err != nil {
		return err
	}
	if err := h.shareCA(n.tree()); err != nil {
		return err
	}
	if err := sim.Seed(n.tree(), name); err != nil {
		return err
	}
	if _, err := newKey(n.tree()+hostKeyFile, "root@"+name); err != nil {
		return err
	}
	if err := os.WriteFile(n.tree()+authorizedFile, ssh.MarshalAuthorizedKey(client), 0o600); err != nil {
		return err
	}
	return os.WriteFile(n.seeded(), nil, 0o600)
}

// makeDirs makes what every machine has, besides what is mounted.
func makeDirs(tree string) error {
	for _, d := range []struct {
		path string
		mode fs.FileMode
	}{
		{"etc/ssh", 0o755}, {"root/.ssh", 0o700}, {"root", 0o700}, {"home", 0o755}, {"mnt", 0o755}, {"srv", 0o755}, {"sys", 0o555},
		{"opt/lab", 0o755}, {"var/log", 0o755}, {"var/lib", 0o755}, {"var/cache", 0o755}, {"var/tmp", 0o777 | fs.ModeSticky},
	} {
		at := filepath.Join(tree, d.path)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(at, d.mode); err != nil {
			return err
		}
	}
	return os.Symlink("/run", filepath.Join(tree, "var/run"))
}

// shareCA gives a new node the certificate authority of those that are there: one cluster.
func (h home) shareCA(tree string) error {
	const pki = "etc/kubernetes/pki"
	others, err := filepath.Glob(filepath.Join(globEscape(string(h)), nodesDir, "*", "root", pki, "ca.key"))
	if err != nil || len(others) == 0 {
		return err
	}
	if err := os.MkdirAll(filepath.Join(tree, pki), 0o755); err != nil {
		return err
	}
	for name, mode := range map[string]fs.FileMode{"ca.crt": 0o644, "ca.key": 0o600} {
		if err := copyFile(filepath.Join(filepath.Dir(others[0]), name), filepath.Join(tree, pki, name), mode); err != nil {
			return err
		}
	}
	return nil
}

func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// knownHosts is the file that names the nodes by their ports.
func (h home) knownHosts(nodes []nodeState) ([]byte, error) {
	var b strings.Builder
	for _, n := range nodes {
		key, err := newKey(h.node(n.Name).tree()+hostKeyFile, "root@"+n.Name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(&b, knownhosts.Line([]string{address(n.Port)}, key))
	}
	return []byte(b.String()), nil
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// removeTree removes what a node has left, whatever modes it gave its folders.
func removeTree(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() {
			os.Chmod(p, 0o700)
		}
		return nil // the second try says what is in the way
	})
	return os.RemoveAll(dir)
}
