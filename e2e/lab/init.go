package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// childEnv tells a copy of the test binary that it is a node's first process.
const childEnv = "HCRUN_E2E_NODE"

// leash is the file descriptor of what a node lives by.
const leash = 3

// bootstrap is what a node's first process is told.
type bootstrap struct {
	Options
	Lab, Bin, Dir, Cgroup, Veth, Tenant string
	Peers                               []peer // of this control plane
	Me                                  int    // which of them
	MachineID                           string // its own: the root below is that of all nodes
	Bastion                             bool   // nothing but an SSH server
}

type peer struct{ Name, IP string }

// Child runs a node when this process is the first of one, and never returns then. It has to be the first call
// in TestMain.
func Child() {
	text, ok := os.LookupEnv(childEnv)
	if !ok {
		return
	}
	var n bootstrap
	err := json.Unmarshal([]byte(text), &n)
	os.Unsetenv(childEnv)
	syscall.CloseOnExec(leash)
	go func() { // the leash: its other end closes with the lab's process, however that ends
		os.NewFile(leash, "leash").Read(make([]byte, 1))
		os.Exit(1)
	}()
	if err == nil {
		err = n.enter()
	}
	if err == nil {
		err = n.serve()
	}
	fmt.Fprintln(os.Stderr, "node:", err)
	os.Exit(1)
}

// enter makes the node's own root: the machine's, with what is written kept apart.
func (n bootstrap) enter() error {
	me := n.Peers[n.Me]
	for _, h := range hierarchies {
		if err := os.WriteFile(filepath.Join("/sys/fs/cgroup", h, n.Cgroup, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return err
		}
	}
	root, overlay := filepath.Join(n.Dir, "root"), filepath.Join(n.Dir, "overlay")
	m := &mounting{}
	m.mount("tmpfs", overlay, "tmpfs", 0, "mode=755,size=2g")
	m.mkdir(overlay+"/u", overlay+"/w")
	m.mount("overlay", root, "overlay", 0, fmt.Sprintf("lowerdir=/,upperdir=%s/u,workdir=%s/w", overlay, overlay))
	m.mount("/dev", root+"/dev", "", syscall.MS_BIND|syscall.MS_REC, "")
	m.mount("/sys", root+"/sys", "", syscall.MS_BIND|syscall.MS_REC, "")
	m.mount("proc", root+"/proc", "proc", 0, "")
	m.mount("run", root+"/run", "tmpfs", 0, "mode=755")
	m.mount("tmp", root+"/tmp", "tmpfs", 0, "mode=1777")
	for at, from := range map[string]string{"/etc/kubernetes": "etc-kubernetes", "/var/log": "var-log", "/var/lib/kubelet": "kubelet", "/var/lib/containerd": "containerd", "/var/lib/etcd": "etcd", "/root": "home"} {
		m.mkdir(root + at)
		m.mount(filepath.Join(n.Dir, from), root+at, "", syscall.MS_BIND, "")
	}
	m.mkdir(root+"/lab/bin", root+"/lab/images", root+"/opt/cni/bin", root+"/etc/cni/net.d")
	m.mount(n.Bin, root+"/lab/bin", "", syscall.MS_BIND, "")
	m.mount(filepath.Join(n.Lab, "images"), root+"/lab/images", "", syscall.MS_BIND, "")
	m.mkdir(root+"/run/sshd", root+"/var/log/svc", root+"/etc/ssh/keys")
	user := "root"
	if n.User != "" {
		user = n.User
		m.append(root+"/etc/passwd", user+":x:4321:4321::/home/"+user+":/usr/bin/fish\n")
		m.append(root+"/etc/group", user+":x:4321:\n")
		m.append(root+"/etc/shadow", user+":*:20000:0:99999:7:::\n")
		m.write(root+"/etc/sudoers.d/"+user, user+" ALL=(ALL) NOPASSWD: ALL\n")
		m.mkdir(root + "/home/" + user)
		m.do("chown", func() error { return os.Chown(root+"/home/"+user, 4321, 4321) })
	}
	m.copy(filepath.Join(n.Lab, "ssh", "id.pub"), root+"/etc/ssh/keys/"+user, 0o644)
	m.copy(filepath.Join(n.Dir, "host-key"), root+"/etc/ssh/ssh_host_ed25519_key", 0o600)
	hosts := "127.0.0.1 localhost\n"
	for _, p := range n.Peers {
		hosts += p.IP + " " + p.Name + "\n"
	}
	m.write(root+"/etc/hosts", hosts)
	m.write(root+"/etc/hostname", me.Name+"\n")
	m.write(root+"/etc/machine-id", n.MachineID+"\n")
	m.write(root+"/etc/resolv.conf", "")
	m.write(root+"/etc/shipper", "/var/log/kubernetes/audit.log\n")
	m.write(root+"/etc/crictl.yaml", "runtime-endpoint: unix:///run/containerd/containerd.sock\n")
	m.write(root+"/etc/containerd/e2e.toml", containerdConfig)
	m.write(root+"/var/lib/kubelet/config.yaml", strings.NewReplacer("@CGROUP@", "/"+n.Cgroup, "@REGISTER@", fmt.Sprint(n.Register)).Replace(kubeletConfig))
	m.write(root+"/etc/cni/net.d/10-lab.conflist", fmt.Sprintf(`{"cniVersion":"0.4.0","name":"lab","plugins":[{"type":"bridge","bridge":"cni0","ipam":{"type":"host-local","subnet":"10.244.%d.0/24"}}]}`, n.Me))
	m.write(root+"/usr/local/bin/journalctl", journalctl)
	m.do("chmod", func() error { return os.Chmod(root+"/usr/local/bin/journalctl", 0o755) })
	m.link("/lab/bin/crictl", root+"/usr/local/bin/crictl")
	m.link("/lab/bin/kubelet", root+"/usr/local/bin/kubelet")
	for _, p := range []string{"bridge", "host-local", "loopback"} {
		m.link("/usr/lib/cni/"+p, root+"/opt/cni/bin/"+p)
	}
	m.mkdir(root + "/old")
	if m.err != nil {
		return m.err
	}
	if err := syscall.Sethostname([]byte(me.Name)); err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "old"); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := syscall.Unmount("/old", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the old root: %w", err)
	}
	return syscall.Mount("", "/", "", syscall.MS_SHARED|syscall.MS_REC, "") // mounts have to reach containers
}

// mounting remembers the first error.
type mounting struct{ err error }

func (m *mounting) do(what string, f func() error) {
	if m.err == nil {
		if err := f(); err != nil {
			m.err = fmt.Errorf("%s: %w", what, err)
		}
	}
}

func (m *mounting) mount(from, at, kind string, flags uintptr, options string) {
	m.do("mount "+at, func() error { return syscall.Mount(from, at, kind, flags, options) })
}

func (m *mounting) mkdir(dirs ...string) {
	for _, d := range dirs {
		m.do("mkdir", func() error { return os.MkdirAll(d, 0o755) })
	}
}

func (m *mounting) write(name, text string) {
	m.mkdir(filepath.Dir(name))
	m.do("write", func() error { os.Remove(name); return os.WriteFile(name, []byte(text), 0o644) })
}

func (m *mounting) append(name, text string) {
	m.do("append", func() error {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, append(b, text...), info.Mode())
	})
}

func (m *mounting) copy(from, to string, mode os.FileMode) {
	m.do("copy", func() error {
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		os.Remove(to)
		return os.WriteFile(to, b, mode)
	})
}

func (m *mounting) link(to, at string) {
	m.do("link", func() error { os.Remove(at); return os.Symlink(to, at) })
}

// service is a program that is started again whenever it ends.
type service struct {
	name string
	argv []string
}

// serve starts what runs on a node, and then is its first process: it reaps, and starts again what has ended.
func (n bootstrap) serve() error {
	os.Setenv("HOME", "/root")
	os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	me, name := n.Peers[n.Me], func(i int) string { return fmt.Sprintf("m%d", i+1) }
	running := map[int]service{}
	start := func(s service) error {
		pid, err := s.start()
		running[pid] = s
		return err
	}
	sshd := []string{"/usr/sbin/sshd", "-D", "-e", "-o", "UsePAM=no", "-o", "PermitRootLogin=prohibit-password", "-o", "PidFile=/run/sshd.pid",
		"-o", "HostKey=/etc/ssh/ssh_host_ed25519_key", "-o", "AuthorizedKeysFile=/etc/ssh/keys/%u"}
	if n.From != "" {
		sshd = append(sshd, "-o", "AllowUsers=*@"+n.From)
	}
	services := []service{{"sshd", sshd}}
	if !n.Bastion {
		var members []string
		for i, p := range n.Peers {
			members = append(members, name(i)+"=http://"+p.IP+":2380")
		}
		services = append(services,
			service{"containerd", []string{"/usr/bin/containerd", "--config", "/etc/containerd/e2e.toml"}},
			service{"etcd", []string{"/lab/bin/etcd", "--name", name(n.Me), "--data-dir", "/var/lib/etcd/data", "--listen-client-urls", "http://127.0.0.1:2379",
				"--advertise-client-urls", "http://127.0.0.1:2379", "--listen-peer-urls", "http://" + me.IP + ":2380", "--initial-advertise-peer-urls", "http://" + me.IP + ":2380",
				"--initial-cluster", strings.Join(members, ","), "--initial-cluster-state", "new", "--unsafe-no-fsync", "--logger", "zap"}})
	}
	if n.Loki != "" && !n.Bastion {
		services = append(services, service{"shipper", []string{"/lab/bin/shipper", "-to", n.Loki, "-tenant", n.Tenant, "-node", me.Name, "-settings", "/etc/shipper", "-positions", "/var/lib/kubelet/shipper.position"}})
	}
	for _, s := range services {
		if err := start(s); err != nil {
			return err
		}
	}
	if !n.Bastion {
		if err := loadImages(); err != nil {
			return err
		}
		kubelet := []string{"/lab/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", "--hostname-override=" + me.Name, "--node-ip=" + me.IP, "--v=2"}
		if n.Register {
			kubelet = append(kubelet, "--kubeconfig=/etc/kubernetes/kubelet.conf")
		}
		if err := start(service{"kubelet", kubelet}); err != nil {
			return err
		}
	}
	for {
		pid, err := syscall.Wait4(-1, nil, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if s, ok := running[pid]; ok {
			delete(running, pid)
			time.Sleep(time.Second)
			if err := start(s); err != nil {
				return err
			}
		}
	}
}

func (s service) start() (int, error) {
	log, err := os.OpenFile("/var/log/svc/"+s.name+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	p, err := os.StartProcess(s.argv[0], s.argv, &os.ProcAttr{Dir: "/", Env: os.Environ(), Files: []*os.File{null, log, log}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", s.name, err)
	}
	return p.Pid, nil
}

// loadImages waits for containerd and gives it the images that it does not have.
func loadImages() error {
	var err error
	for range 150 {
		var out []byte
		if out, err = exec.Command("ctr", "-n", "k8s.io", "images", "ls", "-q").Output(); err == nil {
			if strings.Contains(string(out), apiserverImage) {
				return nil
			}
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("containerd does not answer: %w", err)
	}
	for _, image := range []string{"pause", "kube-apiserver"} {
		if err := run("ctr", "-n", "k8s.io", "images", "import", "/lab/images/"+image+".tar"); err != nil {
			return err
		}
	}
	return nil
}
