package systemd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// childEnv tells a copy of the test binary that it is a node's first process.
const childEnv = "HCRUN_E2E_SYSTEMD"

// bootstrap is what a node's first process is told.
type bootstrap struct {
	Name, Root, BootID, Cgroup string
}

// Child becomes a node's systemd when this process is the first of one, and never returns then. It has to be called
// first in TestMain.
func Child() {
	text, ok := os.LookupEnv(childEnv)
	if !ok {
		return
	}
	runtime.LockOSThread() // a namespace is a thread's
	var n bootstrap
	err := json.Unmarshal([]byte(text), &n)
	if err == nil {
		err = n.enter()
	}
	if err == nil {
		err = syscall.Exec("/lib/systemd/systemd", []string{"/lib/systemd/systemd", "--system"}, []string{"container=hcrun", "PATH=" + searchPath})
	}
	fmt.Fprintln(os.Stderr, "node:", err)
	os.Exit(1)
}

// searchPath is where programs are on a node.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// enter makes the node's disk the root, with nothing of the machine in it that could be harmed.
func (n bootstrap) enter() error {
	groups, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range groups {
		if err := os.WriteFile(filepath.Join(h.at, n.Cgroup, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return err
		}
	}
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("a namespace of cgroups: %w", err)
	}
	m := &mounting{}
	m.mount(n.Root, n.Root, "", syscall.MS_BIND, "")
	n.mountProc(m)
	n.mountDev(m)
	m.mount("sysfs", n.Root+"/sys", "sysfs", syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "")
	n.mountCgroups(m, groups)
	m.mount("run", n.Root+"/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755")
	m.do("hostname", func() error { return syscall.Sethostname([]byte(n.Name)) })
	for _, c := range []uintptr{unix.CAP_SYS_TIME, unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO} { // these would be the machine's
		m.do("drop a capability", func() error { return unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) })
	}
	m.do("enter "+n.Root, func() error { return pivot(n.Root) })
	return m.err
}

// mountProc mounts /proc with a boot_id of this boot. What it could set is the whole machine's, so it is read-only.
func (n bootstrap) mountProc(m *mounting) {
	proc := n.Root + "/proc"
	m.mount("proc", proc, "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "")
	for _, set := range []string{"/sys", "/sysrq-trigger"} {
		if _, err := os.Stat(proc + set); m.err == nil && err != nil {
			continue // a kernel without it
		}
		m.mount(proc+set, proc+set, "", syscall.MS_BIND, "")
		m.mount("", proc+set, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "")
	}
	m.mount(n.BootID, proc+"/sys/kernel/random/boot_id", "", syscall.MS_BIND, "")
}

// mountDev mounts /dev with the few devices that are nobody's.
func (n bootstrap) mountDev(m *mounting) {
	dev := n.Root + "/dev"
	m.mount("dev", dev, "tmpfs", syscall.MS_NOSUID, "mode=755")
	for _, d := range []string{"/null", "/zero", "/full", "/random", "/urandom", "/tty"} {
		m.do("make "+d, func() error { return os.WriteFile(dev+d, nil, 0o666) })
		m.mount("/dev"+d, dev+d, "", syscall.MS_BIND, "")
	}
	m.mkdir(dev + "/pts")
	m.mount("devpts", dev+"/pts", "devpts", syscall.MS_NOSUID|syscall.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
	m.do("make /dev/ptmx", func() error { return os.Symlink("pts/ptmx", dev+"/ptmx") })
}

// mountCgroups mounts the machine's hierarchies as the node may see them: from its own cgroup on.
func (n bootstrap) mountCgroups(m *mounting, groups []hierarchy) {
	const flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	if len(groups) > 0 && groups[0].at != cgroups {
		m.mount("tmpfs", n.Root+cgroups, "tmpfs", flags, "mode=755")
	}
	for _, h := range groups {
		m.mkdir(n.Root + h.at)
		m.mount(h.kind, n.Root+h.at, h.kind, flags, h.options)
	}
}

// pivot makes a folder the root; what was the root is gone.
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil { // the old root lies over the new one
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return syscall.Mount("", "/", "", syscall.MS_SHARED|syscall.MS_REC, "")
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

func (m *mounting) mkdir(dir string) {
	m.do("mkdir", func() error { return os.MkdirAll(dir, 0o755) })
}
