package lab

import (
	"crypto/rand"
	"encoding/hex"
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

// Options say what a control plane is like.
type Options struct {
	Masters  int
	Register bool   // the kubelets know their API server; else they run what is in the static pod directory, and no more
	Loki     string // address that the nodes' logs are shipped to; "" ships nothing
	User     string // who may log in with the lab's key; "" is root. Anybody else has fish as shell, and sudo
	From     string // the only address that may log in, "" for any
}

// Node is one control-plane node.
type Node struct {
	Name   string
	IP     string
	Tenant string // in Loki: each control plane has its own, for the names of nodes are the same in all
	User   string // who may log in
	lab    *Lab
	boot   bootstrap
	init   *exec.Cmd // nil while the plug is pulled
	leash  *os.File  // what the node lives by
}

// Add makes a control plane of so many masters, with etcd, and boots it.
func (l *Lab) Add(o Options) ([]*Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := len(l.node) + 1
	b := bootstrap{Options: o, Lab: l.Dir, Bin: l.Bin, Tenant: fmt.Sprintf("cluster%d", first)}
	for i := 1; i <= o.Masters; i++ {
		b.Peers = append(b.Peers, peer{fmt.Sprintf("master%d", i), fmt.Sprintf("10.99.0.%d", 10+first+i-1)})
	}
	var all []*Node
	for i := range b.Peers {
		b.Me = i
		n, err := l.add(b, first+i)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// Bastion is a machine with an SSH server for root, and nothing else.
func (l *Lab) Bastion() (*Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := len(l.node) + 1
	return l.add(bootstrap{Bastion: true, Lab: l.Dir, Bin: l.Bin, Peers: []peer{{"bastion", fmt.Sprintf("10.99.0.%d", 10+i)}}}, i)
}

// add makes the i-th node of the lab.
func (l *Lab) add(b bootstrap, i int) (*Node, error) {
	me := b.Peers[b.Me]
	var id [16]byte
	rand.Read(id[:]) // never fails
	b.MachineID = hex.EncodeToString(id[:])
	b.Dir, b.Cgroup, b.Veth = filepath.Join(l.Dir, "nodes", fmt.Sprint(i)), fmt.Sprintf("%s-m%d", l.id, i), fmt.Sprintf("v%d", i)
	n := &Node{Name: me.Name, IP: me.IP, Tenant: b.Tenant, User: b.User, lab: l, boot: b}
	if n.User == "" {
		n.User = "root"
	}
	for _, sub := range []string{"etc-kubernetes/manifests", "var-log", "kubelet", "containerd", "etcd", "home", "overlay", "root"} {
		if err := os.MkdirAll(n.path(sub), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(n.path("home"), 0o700); err != nil {
		return nil, err
	}
	if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", n.Name, "-f", n.path("host-key")); err != nil {
		return nil, err
	}
	if !b.Bastion {
		if err := l.pki.write(n.path("etc-kubernetes"), n.Name, n.IP); err != nil {
			return nil, err
		}
		if err := os.WriteFile(n.path("etc-kubernetes/manifests/kube-apiserver.yaml"), []byte(strings.ReplaceAll(manifest, "@IP@", n.IP)), 0o600); err != nil {
			return nil, err
		}
	}
	for _, args := range [][]string{
		{"netns", "add", n.netns()}, {"-n", n.netns(), "link", "set", "lo", "up"},
		{"link", "add", "eth0", "netns", n.netns(), "type", "veth", "peer", "name", b.Veth, "netns", l.hub()},
		{"-n", l.hub(), "link", "set", b.Veth, "master", "br0", "up"},
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

func (n *Node) netns() string           { return n.boot.Cgroup }
func (n *Node) path(name string) string { return filepath.Join(n.boot.Dir, name) }
func (n *Node) cgroups() (dirs []string) {
	for _, h := range hierarchies {
		dirs = append(dirs, filepath.Join("/sys/fs/cgroup", h, n.boot.Cgroup))
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
	set := filepath.Join("/sys/fs/cgroup/cpuset", n.boot.Cgroup)
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
	b, err := json.Marshal(n.boot)
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
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	held, holding, err := os.Pipe()
	if err != nil {
		return err
	}
	defer held.Close()
	c.ExtraFiles = []*os.File{held} // becomes the leash
	if err := c.Start(); err != nil {
		holding.Close()
		return err
	}
	n.init, n.leash = c, holding
	return nil
}

// Kill pulls the plug: everything on the node ends at once.
func (n *Node) Kill() error {
	if n.init == nil {
		return nil
	}
	n.init.Process.Kill()
	n.init.Wait()
	n.leash.Close()
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

// Remove pulls the plug for good; its address is not given to another.
func (n *Node) Remove() error {
	n.lab.mu.Lock()
	defer n.lab.mu.Unlock()
	return n.remove()
}

func (n *Node) remove() error {
	if n.boot.Veth == "" {
		return nil // removed before
	}
	n.boot.Veth = ""
	return errors.Join(n.Kill(), run("ip", "netns", "del", n.netns()), os.RemoveAll(n.boot.Dir))
}

// Cut takes the node off the network; Mend connects it again. What runs on it runs on.
func (n *Node) Cut() error  { return run("ip", "-n", n.lab.hub(), "link", "set", n.boot.Veth, "down") }
func (n *Node) Mend() error { return run("ip", "-n", n.lab.hub(), "link", "set", n.boot.Veth, "up") }

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

// KnownHost is the node's line for known_hosts.
func (n *Node) KnownHost() (string, error) {
	b, err := os.ReadFile(n.path("host-key.pub"))
	return n.IP + " " + string(b), err
}

// Enter is a shell command on the node as root, as from its own console: no network is needed.
func (n *Node) Enter(command string) *exec.Cmd {
	if n.init == nil {
		return exec.Command("false")
	}
	// unshare is the process that started, and the node's first process is its only child.
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", n.init.Process.Pid))
	return exec.Command("nsenter", "--target", strings.TrimSpace(string(children)), "--mount", "--pid", "--uts", "--ipc", "--net", "--root", "/usr/bin/env", "-C", "/", "/bin/sh", "-c", command)
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
	log, _ := os.ReadFile(n.path("init.log"))
	return fmt.Errorf("%s: its API server is not ready after %s: %q; %s", n.Name, limit, last, log)
}
