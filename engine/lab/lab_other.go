//go:build !linux

package lab

import (
	"context"
	"runtime"
	"time"

	"github.com/hcrun/hcrun/engine"
)

func needsLinux() error {
	return &engine.Problem{
		Code: engine.Preflight,
		What: "the lab needs Linux: its masters are processes in Linux namespaces, and this is " + runtime.GOOS,
		Next: "run hcrun in a Linux machine, or use an inventory with masters of your own",
	}
}

// Child does nothing here.
func Child([]string) (code int, ok bool) { return 0, false }

// Up tells that the lab needs Linux, with code Preflight.
func Up(context.Context, Options) (*Status, error) { return nil, needsLinux() }

// Down tells that the lab needs Linux, with code Preflight.
func Down(context.Context, string) error { return needsLinux() }

// Reset tells that the lab needs Linux, with code Preflight.
func Reset(context.Context, string) error { return needsLinux() }

// Read tells that the lab needs Linux, with code Preflight.
func Read(context.Context, string) (*Status, error) { return nil, needsLinux() }

// MoveClock tells that the lab needs Linux, with code Preflight.
func MoveClock(context.Context, string, time.Duration) (time.Time, error) {
	return time.Time{}, needsLinux()
}

// Break tells that the lab needs Linux, with code Preflight.
func Break(_ context.Context, _, _, _ string) error { return needsLinux() }

// Mend tells that the lab needs Linux, with code Preflight.
func Mend(_ context.Context, _, _ string) error { return needsLinux() }

// Reboot tells that the lab needs Linux, with code Preflight.
func Reboot(_ context.Context, _, _ string) error { return needsLinux() }
