package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// process is what runs in a container.
type process interface {
	// run returns the exit code when the process ends by itself; when ctx ends it stops serving and
	// returns at once.
	run(ctx context.Context) int
	// held tells whether clients were attached, so that a graceful stop takes its time.
	held() bool
}

func (r *runner) process(c criContainer) process {
	log := &containerLog{path: filepath.Join(r.k.node.Root, c.LogPath), now: r.k.clock.Now}
	if r.spec.Name == apiserverName {
		return &apiserver{k: r.k, uid: r.pod.UID, argv: c.Args, files: mounts{r.k.node.Root, c.Mounts}, log: log}
	}
	return &idle{name: r.spec.Name, log: log}
}

// idle stands for the components that nothing here needs more of than that they run.
type idle struct {
	name string
	log  *containerLog
}

func (p *idle) run(ctx context.Context) int {
	p.log.klog('I', "server.go:170", "Starting", "component", p.name)
	<-ctx.Done()
	return 0
}

func (p *idle) held() bool { return false }

// containerLog is a log as the container runtime writes it. Below four megabytes: then it starts anew.
type containerLog struct {
	mu   sync.Mutex
	path string
	now  func() time.Time
	size int
}

const containerLogMax = 4 << 20

// klog writes a line of Kubernetes' structured log to stderr.
func (l *containerLog) klog(level byte, at, msg string, kv ...any) {
	l.write("stderr", klogLine(l.now(), level, 1, at, msg, kv))
}

// write adds lines of one stream. What cannot be written is lost, as with the runtime.
func (l *containerLog) write(stream, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if os.MkdirAll(filepath.Dir(l.path), 0o755) != nil {
		return
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if l.size > containerLogMax {
		flags, l.size = flags|os.O_TRUNC, 0
	}
	f, err := os.OpenFile(l.path, flags, 0o640)
	if err != nil {
		return
	}
	defer f.Close()
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		n, _ := fmt.Fprintf(f, "%s %s F %s\n", l.now().Format(time.RFC3339Nano), stream, line)
		l.size += n
	}
}
