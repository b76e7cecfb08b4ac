// Package systemd is a bed of real systemd nodes: each is booted in namespaces and cgroups of its own, over its own
// copy of a Debian, with a real sshd, on a network that leads nowhere else. Its plug can be pulled, its network cut,
// and it boots again with what it had on its disk. A stand-in for kubelet notes what lay in the manifest folder when
// it was started.
//
// It needs root. A test that uses it calls [Child] first in TestMain.
package systemd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/e2e/turn"
)

// Bed is a hub network with nodes on it. The tests reach the nodes from the hub, with Command, SSH or Dial.
type Bed struct {
	Root string // what the nodes are copies of
	Dir  string // everything of this bed, the nodes' disks among it
	id   string // begins the names of namespaces and cgroups
	turn *os.File

	mu   sync.Mutex
	node []*Node
	made int
}

// prefix begins the name of every namespace and cgroup of any bed.
const prefix = "hcs"

// The hub's address and the hardware address that belongs to it.
const (
	hubIP  = "10.98.0.1"
	hubMAC = "02:00:0a:62:00:01"
)

// Available says why this machine cannot run a bed, nil when it can.
func Available() error {
	if os.Getuid() != 0 {
		return errors.New("not root")
	}
	for _, tool := range []string{"apt-get", "debootstrap", "ip", "nsenter", "unshare", "ssh", "ssh-keygen", "cp"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(h hierarchy) bool { return h.kind == "cgroup2" || h.options == "none,name=systemd" }) {
		return errors.New("no cgroup hierarchy that systemd could use")
	}
	return nil
}

// New waits for its turn, takes away what a killed bed has left, and makes the network and the client's key. Close
// ends it.
func New(ctx context.Context, root, dir string) (*Bed, error) {
	b := &Bed{Root: root, Dir: dir, id: prefix + strings.ToLower(rand.Text()[:6])}
	var err error
	if b.turn, err = turn.Systemd(ctx); err != nil {
		return nil, err
	}
	if err := b.prepare(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Bed) prepare() error {
	if err := sweep(prefix); err != nil {
		return err
	}
	if err := os.MkdirAll(b.path("ssh"), 0o700); err != nil {
		return err
	}
	if err := run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "e2e", "-f", b.Identity()); err != nil {
		return err
	}
	return ip(
		"netns add "+b.hub(), "-n "+b.hub()+" link set lo up", "-n "+b.hub()+" link add br0 address "+hubMAC+" type bridge",
		"-n "+b.hub()+" addr add "+hubIP+"/24 dev br0", "-n "+b.hub()+" link set br0 up",
	)
}

func (b *Bed) path(name string) string { return filepath.Join(b.Dir, name) }
func (b *Bed) hub() string             { return b.id + "-hub" }

// Identity is the private key that every node lets in as root.
func (b *Bed) Identity() string { return b.path("ssh/id") }

// KnownHosts is a file with the host key of every node.
func (b *Bed) KnownHosts() string { return b.path("ssh/known_hosts") }

// Command is a program that runs in the hub: it reaches the nodes and nothing else.
func (b *Bed) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/" + b.hub(), name}, args...)...)
}

// Dial connects from the hub.
func (b *Bed) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var f *os.File
		if f, err = os.Open("/run/netns/" + b.hub()); err != nil {
			return
		}
		defer f.Close()
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
			var d net.Dialer
			conn, err = d.DialContext(ctx, network, address)
		}
	})
	wg.Wait()
	return conn, err
}

// Close pulls every plug and takes everything away: disks, network and cgroups.
func (b *Bed) Close() error {
	b.mu.Lock()
	all := slices.Clone(b.node)
	b.mu.Unlock()
	var errs []error
	for _, n := range all {
		errs = append(errs, n.Close())
	}
	errs = append(errs, sweep(b.id), os.RemoveAll(b.path("ssh")), b.turn.Close())
	return errors.Join(errs...)
}

// sweep takes away the networks and cgroups whose names begin so.
func sweep(name string) error {
	nets, err := filepath.Glob("/run/netns/" + name + "*")
	errs := []error{err}
	for _, n := range nets {
		errs = append(errs, ip("netns del "+filepath.Base(n)))
	}
	all, err := hierarchies()
	errs = append(errs, err)
	for _, h := range all {
		dirs, err := filepath.Glob(filepath.Join(h.at, name+"*"))
		errs = append(errs, err)
		for _, dir := range dirs {
			errs = append(errs, removeCgroup(dir))
		}
	}
	return errors.Join(errs...)
}

// removeCgroup removes a cgroup and those in it, as soon as nothing is left in them.
func removeCgroup(top string) error {
	var err error
	for range 100 {
		if err = tryRemoveCgroup(top); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func tryRemoveCgroup(top string) error {
	var dirs []string
	filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	var errs []error
	for _, dir := range slices.Backward(dirs) {
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("%s: %w", dir, err))
		}
	}
	return errors.Join(errs...)
}

// hierarchy is a mounted tree of cgroups.
type hierarchy struct{ at, kind, options string }

// hierarchies are those of this machine, v1 and v2.
func hierarchies() ([]hierarchy, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var all []hierarchy
	for line := range strings.Lines(string(b)) {
		mount, super, _ := strings.Cut(line, " - ")
		f, s := strings.Fields(mount), strings.Fields(super)
		if len(f) < 5 || len(s) < 3 || !strings.HasPrefix(f[4], cgroups) || s[0] != "cgroup" && s[0] != "cgroup2" {
			continue
		}
		h := hierarchy{at: f[4], kind: s[0]}
		if h.kind == "cgroup" {
			h.options = controllers(s[2])
		}
		all = append(all, h)
	}
	return all, nil
}

// cgroups is where they are mounted.
const cgroups = "/sys/fs/cgroup"

// controllers are the options that name a v1 hierarchy.
func controllers(options string) string {
	var names []string
	for o := range strings.SplitSeq(options, ",") {
		switch key, _, _ := strings.Cut(o, "="); key {
		case "rw", "ro", "xattr", "noprefix", "clone_children", "release_agent", "cpuset_v2_mode", "favordynmods":
		case "name":
			names = append(names, "none", o)
		default:
			names = append(names, o)
		}
	}
	return strings.Join(names, ",")
}

// ip runs the commands of ip(8), whose arguments hold no spaces.
func ip(commands ...string) error {
	for _, c := range commands {
		if err := run("ip", strings.Fields(c)...); err != nil {
			return err
		}
	}
	return nil
}

// run runs a command to its end.
func run(name string, args ...string) error {
	_, err := output(exec.Command(name, args...))
	return err
}
