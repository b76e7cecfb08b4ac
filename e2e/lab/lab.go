// Package lab runs real control-plane nodes on one machine: OpenSSH, containerd, runc, kubelet, etcd and
// kube-apiserver, each node in namespaces and cgroups of its own, on a network that leads nowhere else.
package lab

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/e2e/turn"
)

// Lab is a hub network with nodes on it.
type Lab struct {
	Dir string // everything of this lab, nodes' files among it
	Bin string // the built programs
	id  string // begins the names of namespaces and cgroups
	pki *pki

	loki func() // ends it, where there is one
	turn *os.File

	mu   sync.Mutex
	node []*Node
}

// hubIP is the address of the hub, where the tests, and Loki, are.
const hubIP = "10.99.0.1"

// hierarchies are the cgroup v1 hierarchies that a node gets a group of its own in.
var hierarchies = [...]string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd"}

// Missing says why this machine cannot run a lab, "" when it can.
func Missing(bin string) string {
	if os.Getuid() != 0 {
		return "root"
	}
	for _, tool := range []string{"ip", "nsenter", "unshare", "sshd", "containerd", "ctr", "runc", "ssh-keygen", "curl", "sudo", "fish"} {
		if _, err := exec.LookPath(tool); err != nil {
			if _, err := os.Stat("/usr/sbin/" + tool); err != nil {
				return tool
			}
		}
	}
	for _, h := range hierarchies {
		if _, err := os.Stat("/sys/fs/cgroup/" + h + "/cgroup.procs"); err != nil {
			return "the cgroup v1 hierarchy " + h
		}
	}
	for _, p := range []string{"kube-apiserver", "kubelet", "kubeadm", "etcd", "crictl", "pause", "loki", "shipper"} {
		if _, err := os.Stat(filepath.Join(bin, p)); err != nil {
			return p + ", built into " + bin
		}
	}
	return ""
}

// New waits while a bed of systemd nodes runs, and makes the network, the pki, the client's key and the images. Close
// ends it.
func New(dir, bin string) (_ *Lab, err error) {
	l := &Lab{Dir: dir, Bin: bin, id: "hce" + strings.ToLower(rand.Text()[:6])}
	if l.turn, err = turn.Kubelets(context.Background()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.turn.Close() // again, where Close was called: no harm
		}
	}()
	if l.pki, err = newPKI(); err != nil {
		return nil, err
	}
	for _, sub := range []string{"images", "ssh", "nodes"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "e2e", "-f", l.Identity()); err != nil {
		return nil, err
	}
	if err := writeImage(filepath.Join(dir, "images", "pause.tar"), "localhost/pause:3.10", filepath.Join(bin, "pause"), "/pause"); err != nil {
		return nil, err
	}
	if err := writeImage(filepath.Join(dir, "images", "kube-apiserver.tar"), apiserverImage, filepath.Join(bin, "kube-apiserver"), "/usr/local/bin/kube-apiserver"); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"netns", "add", l.hub()}, {"-n", l.hub(), "link", "set", "lo", "up"}, {"-n", l.hub(), "link", "add", "br0", "type", "bridge"},
		{"-n", l.hub(), "addr", "add", hubIP + "/24", "dev", "br0"}, {"-n", l.hub(), "link", "set", "br0", "up"},
	} {
		if err := run("ip", args...); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

func (l *Lab) hub() string { return l.id + "-hub" }

// Identity is the private key that every node lets in as root.
func (l *Lab) Identity() string { return filepath.Join(l.Dir, "ssh", "id") }

// Close pulls every plug and takes the network away.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, n := range l.node {
		errs = append(errs, n.remove())
	}
	l.node = nil
	if l.loki != nil {
		l.loki()
	}
	return errors.Join(append(errs, run("ip", "netns", "del", l.hub()), l.turn.Close())...)
}

// Command is a program that runs in the hub: it reaches the nodes and nothing else.
func (l *Lab) Command(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/run/netns/" + l.hub(), name}, args...)...)
}

// Listen opens a port in the hub; 0 is any that is free.
func (l *Lab) Listen(port int) (net.Listener, error) {
	return inside(l.hub(), func() (net.Listener, error) { return net.Listen("tcp", fmt.Sprintf("%s:%d", hubIP, port)) })
}

// Dial connects from the hub.
func (l *Lab) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return inside(l.hub(), func() (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	})
}

// inside does something in a network namespace; what it opens belongs there for good.
func inside[T any](netns string, do func() (T, error)) (T, error) {
	var got T
	var err error
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var f *os.File
		if f, err = os.Open("/run/netns/" + netns); err != nil {
			return
		}
		defer f.Close()
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
			got, err = do()
		}
	})
	wg.Wait()
	return got, err
}

// Administrator is a client of the API servers, as a user of that name who may do everything.
func (l *Lab) Administrator(user string) (*http.Client, error) {
	pair, err := l.pki.ca.issue(user, []string{"system:masters"})
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(pair.cert, pair.key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(l.pki.ca.cert)
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: l.Dial, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}}}, nil
}

// run runs a command to its end.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
