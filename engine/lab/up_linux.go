package lab

import (
	"context"
	"time"
)

// Child runs what the lab starts from copies of this executable: the supervisor, a node, or one of a
// node's tools. ok is false when argv is something else. It has to be the first call in main.
func Child(argv []string) (code int, ok bool) { panic("soon") }

// Up starts what is not running.
func Up(ctx context.Context, o Options) (*Status, error) { panic("soon") }

// Down ends the lab.
func Down(ctx context.Context, dir string) error { panic("soon") }

// Reset makes it fresh.
func Reset(ctx context.Context, dir string) error { panic("soon") }

// Read tells what there is.
func Read(ctx context.Context, dir string) (*Status, error) { panic("soon") }

// MoveClock moves lab time.
func MoveClock(ctx context.Context, dir string, by time.Duration) (time.Time, error) { panic("soon") }

// Break breaks a node.
func Break(ctx context.Context, dir, node, kind string) error { panic("soon") }

// Mend mends a node.
func Mend(ctx context.Context, dir, node string) error { panic("soon") }

// Reboot restarts a node.
func Reboot(ctx context.Context, dir, node string) error { panic("soon") }
