// Package lab runs real control-plane nodes on one machine: OpenSSH, containerd, runc, kubelet, etcd and
// kube-apiserver, each node in namespaces and cgroups of its own, on a network that leads nowhere else.
package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Lab is a hub network with nodes on it.
type Lab struct {
	Dir  string // everything of this lab, nodes' files among it
	Bin  string // the built programs
	id   string // begins the names of namespaces and cgroups
	pki  *pki
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
	for _, tool := range []string{"ip", "nsenter", "unshare", "sshd", "containerd", "ctr", "runc", "ssh-keygen"} {
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
	for _, p := range []string{"kube-apiserver", "kubelet", "etcd", "crictl", "pause"} {
		if _, err := os.Stat(filepath.Join(bin, p)); err != nil {
			return p + ", built into " + bin
		}
	}
	return ""
}

// New makes the network, the pki, the client's key and the images. Close ends it.
func New(dir, bin string) (*Lab, error) {
	l := &Lab{Dir: dir, Bin: bin, id: "hce" + strings.ToLower(rand.Text()[:6])}
	var err error
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
	var errs []error
	for _, n := range l.node {
		errs = append(errs, n.Kill(), run("ip", "netns", "del", n.netns()))
	}
	return errors.Join(append(errs, run("ip", "netns", "del", l.hub()))...)
}

// Command is a program that runs in the hub: it reaches the nodes and nothing else.
func (l *Lab) Command(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/run/netns/" + l.hub(), name}, args...)...)
}

// Listen opens a port in the hub.
func (l *Lab) Listen(port int) (net.Listener, error) {
	type result struct {
		l   net.Listener
		err error
	}
	came := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		f, err := os.Open("/run/netns/" + l.hub())
		if err == nil {
			defer f.Close()
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			came <- result{nil, err}
			return
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", hubIP, port))
		came <- result{listener, err}
	}()
	r := <-came
	return r.l, r.err
}

// run runs a command to its end.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
