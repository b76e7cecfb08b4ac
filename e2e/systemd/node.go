package systemd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Node is a machine with systemd as its first process.
type Node struct {
	Name string
	IP   string
	bed  *Bed
	i    int // which of the bed, from 1

	mu   sync.Mutex
	off  chan struct{} // closed when nothing of the node runs any more; nil before the first boot
	unit *exec.Cmd     // unshare, whose only child is the node's first process
	cut  bool
}

// Boot makes a node with a disk of its own and boots it.
func (b *Bed) Boot(ctx context.Context, name string) (*Node, error) {
	b.mu.Lock()
	b.made++
	n := &Node{Name: name, IP: fmt.Sprintf("10.98.0.%d", 10+b.made), bed: b, i: b.made}
	b.node = append(b.node, n)
	b.mu.Unlock()
	if err := n.install(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	if err := n.Boot(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) id() string              { return fmt.Sprintf("%s-n%03d", n.bed.id, n.i) } // none begins another
func (n *Node) veth() string            { return fmt.Sprintf("v%d", n.i) }
func (n *Node) dir() string             { return n.bed.path(fmt.Sprintf("node%d", n.i)) }
func (n *Node) file(name string) string { return filepath.Join(n.dir(), name) }

// Path is where a file of the node's disk lies on this machine, also while the node is off. What is in /run, /dev,
// /proc and /sys is not on the disk.
func (n *Node) Path(name string) string { return filepath.Join(n.file("disk"), name) }

// install makes the disk: a copy of the root, with what is this node's alone.
func (n *Node) install(ctx context.Context) error {
	if err := os.MkdirAll(n.dir(), 0o755); err != nil {
		return err
	}
	if _, err := output(exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", n.bed.Root, n.file("disk"))); err != nil {
		return err
	}
	old, err := filepath.Glob(n.Path("/etc/ssh/ssh_host_*"))
	if err != nil {
		return err
	}
	for _, key := range old {
		if err := os.Remove(key); err != nil {
			return err
		}
	}
	if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", n.Name, "-f", n.Path("/etc/ssh/ssh_host_ed25519_key")); err != nil {
		return err
	}
	public, err := os.ReadFile(n.bed.Identity() + ".pub")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{
		{"/etc/machine-id", strings.ReplaceAll(uuid(), "-", "") + "\n", 0o444},
		{"/etc/hostname", n.Name + "\n", 0o644},
		{"/etc/hosts", "127.0.0.1 localhost\n" + n.IP + " " + n.Name + "\n", 0o644},
		{"/etc/resolv.conf", "", 0o644},
		{"/root/.ssh/authorized_keys", string(public), 0o600},
		{"/etc/systemd/journald.conf.d/e2e.conf", "[Journal]\nStorage=persistent\nSystemMaxUse=32M\n", 0o644},
		{"/etc/systemd/system/kubelet.service", kubeletUnit, 0o644},
		{"/usr/local/bin/kubelet", kubeletProgram, 0o755},
	} {
		if err := write(n.Path(f.name), f.text, f.mode); err != nil {
			return err
		}
	}
	if err := os.Symlink("/etc/systemd/system/kubelet.service", n.Path("/etc/systemd/system/multi-user.target.wants/kubelet.service")); err != nil {
		return err
	}
	if err := os.MkdirAll(n.Path("/etc/kubernetes/manifests"), 0o755); err != nil {
		return err
	}
	return n.introduce()
}

// write writes a file anew, for what is there may be a link to anywhere.
func write(name, text string, mode os.FileMode) error {
	dir := os.FileMode(0o755)
	if mode == 0o600 {
		dir = 0o700
	}
	if err := os.MkdirAll(filepath.Dir(name), dir); err != nil {
		return err
	}
	if err := os.RemoveAll(name); err != nil {
		return err
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}

// uuid is a random one.
func uuid() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// KnownHost is the node's line for known_hosts.
func (n *Node) KnownHost() (string, error) {
	b, err := os.ReadFile(n.Path("/etc/ssh/ssh_host_ed25519_key.pub"))
	return n.IP + " " + string(b), err
}

// introduce adds the node to the bed's known_hosts.
func (n *Node) introduce() error {
	line, err := n.KnownHost()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(n.bed.KnownHosts(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// Boot powers the node on and waits until systemd is done with starting everything, well or not. What was on the disk
// is still there.
func (n *Node) Boot(ctx context.Context) error {
	if err := n.PowerOn(); err != nil {
		return err
	}
	return n.Wait(ctx)
}

// PowerOn boots the node and does not wait for it.
func (n *Node) PowerOn() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.on() {
		return fmt.Errorf("%s is on", n.Name)
	}
	if err := n.clear(); err != nil { // it may have powered itself off
		return err
	}
	if err := n.connect(); err != nil {
		return err
	}
	if err := n.makeCgroups(); err != nil {
		return err
	}
	if err := write(n.file("boot_id"), uuid()+"\n", 0o444); err != nil {
		return err
	}
	return n.start()
}

func (n *Node) on() bool {
	if n.off == nil {
		return false
	}
	select {
	case <-n.off:
		return false
	default:
		return true
	}
}

// connect makes the node's network anew: to those that it had connections with, it is as if they never were. Both ends
// know each other's hardware address for good, so that a cut network is silence and not "no route to host".
func (n *Node) connect() error {
	hub, mac := n.bed.hub(), fmt.Sprintf("02:00:0a:62:01:%02x", n.i)
	err := ip(
		"netns add "+n.id(), "-n "+n.id()+" link set lo up",
		"link add eth0 address "+mac+" netns "+n.id()+" type veth peer name "+n.veth()+" netns "+hub,
		"-n "+n.id()+" addr add "+n.IP+"/24 dev eth0", "-n "+n.id()+" link set eth0 up",
		"-n "+n.id()+" neigh replace "+hubIP+" lladdr "+hubMAC+" dev eth0 nud permanent",
		"-n "+hub+" neigh replace "+n.IP+" lladdr "+mac+" dev br0 nud permanent",
		"-n "+hub+" link set "+n.veth()+" up",
	)
	if err == nil && !n.cut {
		err = n.attach()
	}
	return err
}

func (n *Node) attach() error {
	return ip("-n " + n.bed.hub() + " link set " + n.veth() + " master br0")
}

func (n *Node) detach() error {
	return ip("-n " + n.bed.hub() + " link set " + n.veth() + " nomaster")
}

// CutNetwork loses every packet between the node and all others, silently, or connects it again. It outlasts a reboot.
func (n *Node) CutNetwork(cut bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	switch {
	case !n.on():
		return nil
	case cut:
		return n.detach()
	}
	return n.attach()
}

// makeCgroups makes a cgroup for the node in every hierarchy.
func (n *Node) makeCgroups() error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		dir := filepath.Join(h.at, n.id())
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if h.kind != "cgroup" || !slices.Contains(strings.Split(h.options, ","), "cpuset") {
			continue
		}
		if err := useAllCPUs(h.at, dir); err != nil {
			return err
		}
	}
	return nil
}

// useAllCPUs lets a new cgroup of v1 have processes.
func useAllCPUs(from, to string) error {
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		b, err := os.ReadFile(filepath.Join(from, f))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(to, "cgroup.clone_children"), []byte("1"), 0o644)
}

// start starts the node's first process. It ends with this process, however that ends.
func (n *Node) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(bootstrap{Name: n.Name, Root: n.file("disk"), BootID: n.file("boot_id"), Cgroup: n.id()})
	if err != nil {
		return err
	}
	log, err := os.OpenFile(n.file("init.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	c := exec.Command("nsenter", "--net=/run/netns/"+n.id(), "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--propagation", "private", "--kill-child", self)
	c.Env = append(os.Environ(), childEnv+"="+string(text))
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	started, off := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // Pdeathsig is about the thread that started it
		defer runtime.UnlockOSThread()
		defer close(off)
		defer log.Close()
		err := c.Start()
		started <- err
		if err == nil {
			c.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	n.unit, n.off = c, off
	return nil
}

// first is the process id of the node's first process, once it has the node's disk as its root. Before that, it would
// be this machine that is entered.
func (n *Node) first() (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.on() {
		return 0, fmt.Errorf("%s is off", n.Name)
	}
	pid, err := n.child()
	if err != nil {
		return 0, err
	}
	root, err := os.Stat(fmt.Sprintf("/proc/%d/root/", pid))
	if err != nil {
		return 0, err
	}
	disk, err := os.Stat(n.file("disk"))
	if err == nil && !os.SameFile(root, disk) {
		err = fmt.Errorf("%s is not on its disk yet", n.Name)
	}
	return pid, err
}

// child is the only child of unshare.
func (n *Node) child() (pid int, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", n.unit.Process.Pid))
	if err == nil {
		_, err = fmt.Sscan(string(b), &pid)
	}
	if err != nil {
		err = fmt.Errorf("%s has no first process: %w", n.Name, err)
	}
	return pid, err
}

// PullPlug ends everything on the node at once, and waits until it has ended. Nobody is told: its connections fall
// silent. What was written is on the disk, synced or not.
func (n *Node) PullPlug() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.on() {
		if err := n.detach(); err != nil {
			return err
		}
		n.kill()
	}
	return n.clear()
}

// kill ends the node's first process, and so all others: unshare ends only after them.
func (n *Node) kill() {
	if pid, err := n.child(); err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		n.unit.Process.Kill() // there is none yet, or not any more
	}
	<-n.off
}

// clear takes away what a node that is off has of this machine, but for its disk. A namespace goes when the kernel finds
// the time, and the link with it; a reboot does not wait for that.
func (n *Node) clear() error {
	if _, err := os.Stat("/run/netns/" + n.id()); err == nil {
		run("ip", "-n", n.bed.hub(), "link", "del", n.veth()) // which there may not have been time to make
	}
	return sweep(n.id())
}

// Close pulls the plug for good and throws the disk away.
func (n *Node) Close() error {
	err := errors.Join(n.PullPlug(), os.RemoveAll(n.dir()))
	n.bed.mu.Lock()
	defer n.bed.mu.Unlock()
	n.bed.node = slices.DeleteFunc(n.bed.node, func(other *Node) bool { return other == n })
	return err
}

// Wait waits until systemd is done with starting everything, well or not; State says which.
func (n *Node) Wait(ctx context.Context) error {
	for {
		state, err := n.State(ctx)
		if err == nil && (state == "running" || state == "degraded") {
			return nil
		}
		n.mu.Lock()
		on := n.on()
		n.mu.Unlock()
		if !on || ctx.Err() != nil {
			log, _ := os.ReadFile(n.file("init.log"))
			return fmt.Errorf("%s does not come up: on %t, state %q, %w; %s", n.Name, on, state, errors.Join(err, ctx.Err()), tail(log))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// State is what systemctl is-system-running says.
func (n *Node) State(ctx context.Context) (string, error) {
	out, err := n.Run(ctx, "systemctl", "is-system-running")
	if len(out) > 0 {
		return strings.TrimSpace(string(out)), nil // the exit status says the same
	}
	return "", err
}

// BootID is that of the newest boot.
func (n *Node) BootID() (string, error) {
	b, err := os.ReadFile(n.file("boot_id"))
	return strings.TrimSpace(string(b)), err
}

// Run runs a command on the node as root, as from its own console: no network is needed. It is in no cgroup of the
// node's; what it leaves behind ends with the node.
func (n *Node) Run(ctx context.Context, argv ...string) ([]byte, error) {
	pid, err := n.first()
	if err != nil {
		return nil, err
	}
	args := []string{"--target", fmt.Sprint(pid), "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "/usr/bin/env", "-i", "-C", "/", "HOME=/root", "LC_ALL=C.UTF-8", "PATH=" + searchPath}
	c := exec.CommandContext(ctx, "nsenter", append(args, argv...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) } // nsenter's child, too
	c.WaitDelay = time.Second
	return output(c)
}

// SSH is a shell command on the node as root, over the network from the hub. Nothing is asked, and a network that does
// not answer is waited for until ctx ends.
func (n *Node) SSH(ctx context.Context, command string) *exec.Cmd {
	return n.bed.Command(ctx, "ssh", "-F", "none", "-i", n.bed.Identity(), "-o", "UserKnownHostsFile="+n.bed.KnownHosts(), "-o", "GlobalKnownHostsFile=none",
		"-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "root@"+n.IP, command)
}
