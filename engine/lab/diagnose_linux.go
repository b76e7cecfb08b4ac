package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/hcrun/hcrun/engine"
)

// sysctl reads a setting of the machine, "" where it does not exist.
func sysctl(name string) string {
	b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// diagnose says why this machine does not let a node start. The errors of clone and mount are about
// rights and limits, whatever their words are: "no space left on device" is no disk.
func diagnose(err error, euid int, sysctl func(string) string) *engine.Problem {
	stage := ""
	if s, ok := errors.AsType[*stageError](err); ok {
		stage = s.stage
	}
	var errno syscall.Errno
	errors.As(err, &errno)
	why, next := "", ""
	denied := errno == syscall.EPERM || errno == syscall.EACCES
	set := func(name, value string) string {
		s := "sysctl -w " + name + "=" + value + "   (as root)"
		if euid != 0 {
			s += ", or run hcrun as root"
		}
		return s
	}
	switch {
	case stage == "clone" && errno == syscall.EACCES:
		why = "the lab's folder is on a file system from which nothing may be executed (noexec)"
		next = "choose another one with --state"
	case stage == "clone" && errno == syscall.ENOSPC:
		name := "user.max_user_namespaces"
		for _, kind := range []string{"mnt", "pid", "uts", "ipc", "net"} {
			if n := "user.max_" + kind + "_namespaces"; sysctl(n) == "0" {
				name = n
			}
		}
		why = fmt.Sprintf("the machine allows no more namespaces: %s is %s", name, orUnknown(sysctl(name)))
		next = set(name, "15000")
	case stage == "clone" && denied && sysctl("kernel.unprivileged_userns_clone") == "0":
		why = "user namespaces are for root only here: kernel.unprivileged_userns_clone is 0"
		next = set("kernel.unprivileged_userns_clone", "1")
	case stage == "clone" && denied:
		why = "the kernel refuses new namespaces: most likely this is a container whose seccomp profile forbids them"
		next = "run hcrun on the machine itself, or in a container started with --privileged"
	case stage == "clone" && errno == syscall.EUSERS:
		why = "user namespaces are nested too deep here"
		next = "run hcrun on the machine itself"
	case stage == "clone" && (errno == syscall.EINVAL || errno == syscall.ENOSYS):
		why = "this kernel has been built without the namespaces that a node needs (user, mount, pid, uts, ipc, net)"
	case stage == "mount /proc" && denied:
		why = "the kernel refuses a new /proc because parts of this one are hidden, as container engines do"
		next = "run hcrun on the machine itself, or in a container with an unmasked /proc (--security-opt unmask=ALL, --privileged)"
	case denied && sysctl("kernel.apparmor_restrict_unprivileged_userns") == "1":
		why = "AppArmor takes the rights away in user namespaces: kernel.apparmor_restrict_unprivileged_userns is 1"
		next = set("kernel.apparmor_restrict_unprivileged_userns", "0")
	case denied && stage != "":
		why = "the kernel or a security module (AppArmor, SELinux) refuses it"
	}
	what := fmt.Sprintf("the lab cannot start a node on this machine: %v", err)
	if why != "" {
		what = fmt.Sprintf("the lab cannot start a node on this machine: %s\n(%v)", why, err)
	}
	return &engine.Problem{Code: engine.Preflight, What: what, Next: next, Err: err}
}

func orUnknown(s string) string {
	if s == "" {
		return "not known here"
	}
	return s
}
