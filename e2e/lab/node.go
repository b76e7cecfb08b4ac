package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Node is one control-plane node.
type Node struct {
	Name, IP string
	lab      *Lab
	i, of    int
	register bool
	init     *exec.Cmd // nil while the plug is pulled
}

// Add makes the i-th of so many nodes, with its etcd member, and boots it. One that registers has a kubelet that
// knows the API server; one that does not runs what is in its static pod directory and no more.
func (l *Lab) Add(i, of int, register bool) (*Node, error) {
	n := &Node{Name: fmt.Sprintf("master%d", i), IP: fmt.Sprintf("10.99.0.1%d", i), lab: l, i: i, of: of, register: register}
	for _, sub := range []string{"etc-kubernetes/manifests", "var-log", "kubelet", "containerd", "etcd", "overlay", "root"} {
		if err := os.MkdirAll(n.path(sub), 0o755); err != nil {
			return nil, err
		}
	}
	if err := l.pki.write(n.path("etc-kubernetes"), n.Name, n.IP); err != nil {
		return nil, err
	}
	if err := os.WriteFile(n.path("etc-kubernetes/manifests/kube-apiserver.yaml"), []byte(strings.ReplaceAll(manifest, "@IP@", n.IP)), 0o600); err != nil {
		return nil, err
	}
	if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", n.Name, "-f", n.path("host-key")); err != nil {
		return nil, err
	}
	veth := fmt.Sprintf("v%d", i)
	for _, args := range [][]string{
		{"netns", "add", n.netns()}, {"-n", n.netns(), "link", "set", "lo", "up"},
		{"link", "add", "eth0", "netns", n.netns(), "type", "veth", "peer", "name", veth, "netns", l.hub()},
		{"-n", l.hub(), "link", "set", veth, "master", "br0", "up"},
		{"-n", n.netns(), "addr", "add", n.IP + "/24", "dev", "eth0"}, {"-n", n.netns(), "link", "set", "eth0", "up"},
		{"-n", n.netns(), "route", "add", "default", "via", hubIP}, // the hub does not forward: nothing leaves
	} {
		if err := run("ip", args...); err != nil {
			return nil, err
		}
	}
	l.node = append(l.node, n)
	return n, n.Boot()
}

func (n *Node) netns() string           { return fmt.Sprintf("%s-m%d", n.lab.id, n.i) }
func (n *Node) cgroup() string          { return n.netns() }
func (n *Node) path(name string) string { return filepath.Join(n.lab.Dir, "nodes", n.Name, name) }
func (n *Node) cgroups() (dirs []string) {
	for _, h := range hierarchies {
		dirs = append(dirs, filepath.Join("/sys/fs/cgroup", h, n.cgroup()))
	}
	return dirs
}

// Boot starts the node; what it had on its disks is still there.
func (n *Node) Boot() error {
	for _, dir := range n.cgroups() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	set := filepath.Join("/sys/fs/cgroup/cpuset", n.cgroup())
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		b, err := os.ReadFile("/sys/fs/cgroup/cpuset/" + f)
		if err == nil {
			err = os.WriteFile(filepath.Join(set, f), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(set, "cgroup.clone_children"), []byte("1"), 0o644); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b, err := json.Marshal(inside{Name: n.Name, IP: n.IP, Index: n.i, Of: n.of, Register: n.register, Cgroup: n.cgroup(), Dir: n.path(""), Lab: n.lab.Dir, Bin: n.lab.Bin})
	if err != nil {
		return err
	}
	log, err := os.OpenFile(n.path("init.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command("nsenter", "--net=/run/netns/"+n.netns(), "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--propagation", "private", "--kill-child", self)
	c.Env = append(os.Environ(), childEnv+"="+string(b))
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	n.init = c
	return nil
}

// Kill pulls the plug: everything on the node ends at once.
func (n *Node) Kill() error {
	if n.init == nil {
		return nil
	}
	n.init.Process.Kill()
	n.init.Wait()
	n.init = nil
	var err error
	for range 100 {
		if err = n.clear(); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// clear removes the node's cgroups, which is possible when nothing is left in them.
func (n *Node) clear() error {
	var errs []error
	for _, top := range n.cgroups() {
		var dirs []string
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// File is where a file of the node, below /etc/kubernetes or /var/log, is on this machine.
func (n *Node) File(name string) string {
	name = strings.Replace(name, "/etc/kubernetes", "etc-kubernetes", 1)
	return n.path(strings.Replace(name, "/var/log", "var-log", 1))
}

// KnownHost is the node's line for known_hosts.
func (n *Node) KnownHost() (string, error) {
	b, err := os.ReadFile(n.path("host-key.pub"))
	return n.IP + " " + string(b), err
}

// Run runs a command on the node, over SSH as an operator would.
func (n *Node) Run(command string) (string, error) {
	known, err := n.KnownHost()
	if err != nil {
		return "", err
	}
	file := n.path("known_hosts")
	if err := os.WriteFile(file, []byte(known), 0o600); err != nil {
		return "", err
	}
	out, err := n.lab.Command("ssh", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile="+file, "-o", "ConnectTimeout=5", "-i", n.lab.Identity(), "root@"+n.IP, command).CombinedOutput()
	return string(out), err
}

// Ready waits until the node's API server is ready.
func (n *Node) Ready(limit time.Duration) error {
	var last string
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		out, err := exec.Command("nsenter", "--net=/run/netns/"+n.netns(), "curl", "-sk", "-m", "2", "https://127.0.0.1:6443/readyz").CombinedOutput()
		if last = string(out); err == nil && last == "ok" {
			return nil
		}
	}
	return fmt.Errorf("%s: its API server is not ready after %s: %q", n.Name, limit, last)
}
