package fake

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// Fuse ends a process at a chosen point: every operation of the fakes that matters after a crash calls
// it before and after its effect. A nil Fuse never blows.
type Fuse struct {
	// At is the point at which it blows, counted from 1; 0 only counts.
	At int
	// Trace makes it remember which calls of package engine were points.
	Trace bool
	// Do, when set, is what happens at that point instead of the end of the process.
	Do func()

	mu    sync.Mutex
	n     int
	sites map[string]bool
	blown bool
}

// Blown is what a fuse panics with.
type Blown struct{ Point string }

func (b Blown) String() string { return "crash " + b.Point }

// Points is how many points were passed.
func (f *Fuse) Points() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Sites are the places in package engine, as file:line, whose calls were points.
func (f *Fuse) Sites() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sites
}

// burn passes one point. Once blown, every later point panics too: a dead process does nothing.
func (f *Fuse) burn(point string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.Trace {
		if f.sites == nil {
			f.sites = map[string]bool{}
		}
		f.sites[site()] = true
	}
	if f.Do != nil {
		if f.n == f.At {
			f.Do()
		}
		return
	}
	if f.blown || f.n == f.At {
		f.blown = true
		panic(Blown{fmt.Sprintf("%s at point %d", point, f.n)})
	}
}

// site is the innermost caller in package engine.
func site() string {
	pcs := make([]uintptr, 20)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "/engine.") && !strings.HasSuffix(frame.File, "_test.go") {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// Survive runs f, and reports whether a fuse blew in it.
func Survive(f func()) (crashed bool) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case Blown:
			crashed = true
		default:
			panic(v)
		}
	}()
	f()
	return false
}
