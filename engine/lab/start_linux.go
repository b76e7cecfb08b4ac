package lab

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// runSupervisor starts the supervisor and waits for its first word. The lock goes over to it.
func (h home) runSupervisor(ctx context.Context, lock *os.File) (reply, error) {
	var a reply
	if err := h.copyBinary(); err != nil {
		return a, engine.Problemf(engine.Preflight, "copy the executable into the lab's folder: %w", err)
	}
	log, err := os.OpenFile(h.path("lab.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return a, err
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return a, err
	}
	defer r.Close()
	// What the shell has left open would go on into the supervisor and its nodes, and a pipe among it
	// would never end.
	if err := closeOnExec(); err != nil {
		w.Close()
		return a, err
	}
	cmd := exec.Command(h.path(binaryFile))
	cmd.Args = []string{childName, "supervisor", string(h)}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = "/", log, log, []*os.File{lock, w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = startBinary(cmd)
	w.Close()
	if err != nil {
		return a, diagnose(&stageError{"clone", err}, os.Geteuid(), sysctl)
	}
	go cmd.Wait() // so that it leaves no zombie in a long-lived process
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill(); r.Close() })
	defer stop()
	if err := json.NewDecoder(r).Decode(&a); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return a, engine.Problemf(engine.Preflight, "the lab's supervisor did not start; %s may say why: %w", log.Name(), err)
	}
	return a, nil
}

// copyBinary copies this executable. /proc/self/exe is it even when its file is gone.
func (h home) copyBinary() error {
	tmp := h.path(binaryFile + ".new")
	os.Remove(tmp) // of a copy that was interrupted
	if err := copyFile("/proc/self/exe", tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, h.path(binaryFile))
}

// closeOnExec marks every descriptor above stderr.
func closeOnExec() error {
	err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if err != unix.ENOSYS && err != unix.EINVAL {
		return err
	}
	entries, err := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return err
}
