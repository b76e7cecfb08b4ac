package sim

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watchDir sends the names that change in a directory, some together, until ctx ends; nil when names
// may have been lost. Changes that come within settle of each other are one.
func watchDir(ctx context.Context, dir string, settle time.Duration) (<-chan []string, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	f := os.NewFile(uintptr(fd), "inotify") // non-blocking: the runtime's poller takes it
	const what = unix.IN_CREATE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE
	if _, err := unix.InotifyAddWatch(fd, dir, what); err != nil {
		f.Close()
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	out := make(chan []string)
	context.AfterFunc(ctx, func() { f.Close() })
	go func() {
		defer close(out)
		defer f.Close()
		buf := make([]byte, 64*1024)
		for {
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			names := eventNames(nil, buf[:n])
			for f.SetReadDeadline(time.Now().Add(settle)) == nil {
				n, err := f.Read(buf)
				if err != nil {
					break
				}
				names = eventNames(names, buf[:n])
			}
			if f.SetReadDeadline(time.Time{}) != nil {
				return
			}
			select {
			case out <- names:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// eventNames adds the names of the events in buf, each once, at the place of its last event.
func eventNames(names []string, buf []byte) []string {
	for len(buf) >= unix.SizeofInotifyEvent {
		e := (*unix.InotifyEvent)(unsafe.Pointer(&buf[0]))
		end := unix.SizeofInotifyEvent + int(e.Len)
		if end > len(buf) {
			return names
		}
		if name := string(bytes.TrimRight(buf[unix.SizeofInotifyEvent:end], "\x00")); name != "" {
			for i, n := range names {
				if n == name {
					names = append(names[:i], names[i+1:]...)
					break
				}
			}
			names = append(names, name)
		}
		buf = buf[end:]
	}
	return names
}
