// Package turn keeps the beds that share one tree of cgroups, and one pair of cores, from running at the same time.
package turn

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// path is locked by whoever has the turn. Every bed needs root, so only root writes here.
const path = "/run/hcrun-e2e.lock"

// Kubelets waits until no bed of systemd nodes runs on this machine. Beds of kubelets may be many at a time. Closing
// the file gives the turn back, and so does the end of the process.
func Kubelets(ctx context.Context) (*os.File, error) { return take(ctx, syscall.LOCK_SH) }

// Systemd waits until no other bed runs on this machine, of either kind.
func Systemd(ctx context.Context) (*os.File, error) { return take(ctx, syscall.LOCK_EX) }

func take(ctx context.Context, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("another bed runs on this machine, %s is locked: %w", path, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
