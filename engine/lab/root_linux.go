package lab

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Places inside a node.
const (
	toolsInside  = "/opt/lab"        // crictl and date
	sharedInside = "/opt/lab/shared" // the node's shared folder
	stateInside  = "/run/lab"        // what the simulated kubelet knows; gone with a reboot
)

// tools are the names under which a node has the lab's own executable: date, and those of the simulation.
var tools = [...]string{"crictl", "date", "journalctl", "systemctl"}

// mounter collects the first error of many mounts, with what was being done.
type mounter struct {
	root string
	err  error
}

func (m *mounter) do(stage string, f func() error) {
	if m.err != nil {
		return
	}
	if err := f(); err != nil {
		m.err = &stageError{stage, err}
	}
}

func (m *mounter) mount(source, target, fstype string, flags uintptr, data string) {
	m.do("mount "+target, func() error {
		at := m.root + target
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		return unix.Mount(source, at, fstype, flags, data)
	})
}

// bindFile puts a file of the machine at a place in the node.
func (m *mounter) bindFile(source, target string) {
	m.do("bind "+target, func() error {
		f, err := os.OpenFile(m.root+target, os.O_CREATE|os.O_RDONLY, 0o755)
		if err != nil {
			return err
		}
		f.Close()
		return unix.Mount(source, m.root+target, "", unix.MS_BIND, "")
	})
}

// bindReadOnly puts a folder of the machine, with all that is mounted in it, at the same place in the
// node. A symlink is made again, and what the machine does not have is left out.
func (m *mounter) bindReadOnly(dir string) {
	m.do("bind "+dir, func() error {
		at := m.root + dir
		st, err := os.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if st.Mode()&fs.ModeSymlink != 0 {
			return sameLink(dir, at)
		}
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(dir, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
		return readOnly(at)
	})
}

func sameLink(from, to string) error {
	want, err := os.Readlink(from)
	if err != nil {
		return err
	}
	if have, err := os.Readlink(to); err == nil && have == want {
		return nil
	}
	os.Remove(to)
	return os.Symlink(want, to)
}

// readOnly makes a mount and all below it read-only. A kernel before 5.12 has to be asked for each
// of them, with the flags that it already has.
func readOnly(at string) error {
	err := unix.MountSetattr(unix.AT_FDCWD, at, unix.AT_RECURSIVE, &unix.MountAttr{
		Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID, Propagation: unix.MS_PRIVATE})
	if err != unix.ENOSYS {
		return err
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[4] != at && !strings.HasPrefix(f[4], at+"/") {
			continue
		}
		flags := uintptr(unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOSUID)
		for o := range strings.SplitSeq(f[5], ",") {
			flags |= map[string]uintptr{"nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "noatime": unix.MS_NOATIME,
				"nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME}[o]
		}
		if err := unix.Mount("", f[4], "", flags, ""); err != nil {
			return fmt.Errorf("%s: %w", f[4], err)
		}
	}
	return nil
}

// enterRoot makes the node's file system and moves into it. Everything is mounted in the node's own
// mount namespace and ends with it; files in /etc, /var and /root stay.
func enterRoot(c nodeConfig) error {
	m := &mounter{root: c.Home.tree()}
	m.do("make mounts private", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") })
	m.do("bind the root", func() error { return unix.Mount(m.root, m.root, "", unix.MS_BIND|unix.MS_REC, "") })
	for _, d := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu", "/etc/alternatives"} {
		m.bindReadOnly(d)
	}
	const quiet = unix.MS_NOSUID | unix.MS_NODEV
	m.mount("tmpfs", "/run", "tmpfs", quiet, "mode=0755,size=64m")
	m.mount("tmpfs", "/tmp", "tmpfs", quiet, "mode=1777,size=256m")
	m.mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID, "mode=0755,size=64k")
	m.mount("tmpfs", "/dev/shm", "tmpfs", quiet, "mode=1777,size=64m")
	m.mount("tmpfs", toolsInside, "tmpfs", quiet, "mode=0755,size=64k")
	m.mount(c.Home.shared(), sharedInside, "", unix.MS_BIND, "")
	for _, t := range tools {
		m.bindFile(c.Bin, toolsInside+"/"+t)
	}
	m.devices()
	m.mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	m.do("make the state folder", func() error { return os.Mkdir(m.root+stateInside, 0o755) })
	m.do("write the boot id", func() error {
		return os.WriteFile(m.root+stateInside+"/boot_id", []byte(newUUID()+"\n"), 0o444)
	})
	m.do("bind the boot id", func() error {
		return unix.Mount(m.root+stateInside+"/boot_id", m.root+"/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, "")
	})
	m.do("write /etc", func() error { return writeEtc(m.root, c.Name) })
	m.do("change the root", func() error {
		if err := os.Chdir(m.root); err != nil {
			return err
		}
		if err := unix.PivotRoot(".", "."); err != nil {
			return err
		}
		if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
			return err
		}
		return os.Chdir("/")
	})
	return m.err
}

// devices binds the harmless ones.
func (m *mounter) devices() {
	for _, d := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		m.bindFile("/dev/"+d, "/dev/"+d)
	}
	links := map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
	for name, to := range links {
		m.do("link /dev/"+name, func() error { return os.Symlink(to, m.root+"/dev/"+name) })
	}
}

// writeEtc gives the node what its programs and its operator expect in /etc. What is there stays,
// save the copies that belong to the machine's programs.
func writeEtc(root, name string) error {
	for _, f := range []string{"ld.so.cache", "ld.so.conf", "os-release", "localtime"} {
		b, err := os.ReadFile("/etc/" + f)
		if err != nil {
			continue // not every machine has each of them
		}
		if have, err := os.ReadFile(root + "/etc/" + f); err == nil && bytes.Equal(have, b) {
			continue
		}
		if err := os.WriteFile(root+"/etc/"+f, b, 0o644); err != nil {
			return err
		}
	}
	own := map[string]string{
		"passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"group":         "root:x:0:\nnogroup:x:65534:\n",
		"hosts":         "127.0.0.1 localhost\n127.0.1.1 " + name + "\n::1 localhost\n",
		"hostname":      name + "\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"machine-id":    strings.ReplaceAll(newUUID(), "-", "") + "\n",
	}
	for f, text := range own {
		if _, err := os.Lstat(filepath.Join(root, "etc", f)); err == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(root, "etc", f), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// newUUID is a random one, as the kernel's boot id is.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
