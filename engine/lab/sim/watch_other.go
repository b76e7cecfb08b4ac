//go:build !linux

package sim

import (
	"context"
	"fmt"
	"os"
	"time"
)

// watchDir sends the names that change in a directory, some together, until ctx ends. Without
// inotify it compares listings ten times a second.
func watchDir(ctx context.Context, dir string, _ time.Duration) (<-chan []string, error) {
	before, err := listing(dir)
	if err != nil {
		return nil, err
	}
	out := make(chan []string)
	go func() {
		defer close(out)
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			now, err := listing(dir)
			names := differing(before, now)
			if err != nil || len(names) == 0 {
				continue
			}
			before = now
			select {
			case out <- names:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func listing(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if i, err := e.Info(); err == nil {
			out[e.Name()] = fmt.Sprint(i.ModTime(), i.Size(), i.Mode())
		}
	}
	return out, nil
}

func differing(a, b map[string]string) []string {
	var names []string
	for n, s := range b {
		if a[n] != s {
			names = append(names, n)
		}
	}
	for n := range a {
		if _, ok := b[n]; !ok {
			names = append(names, n)
		}
	}
	return names
}
