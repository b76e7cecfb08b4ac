package sim

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// nodeLog is the journal of the node's services: one file of "RFC3339 unit[pid]: text" lines, kept
// below a megabyte.
type nodeLog struct {
	mu   sync.Mutex
	path string
	now  func() time.Time
}

const (
	nodeLogFile = "journal.log"
	nodeLogMax  = 1 << 20
	kubeletPID  = 812
)

func (l *nodeLog) infof(at, msg string, kv ...any)  { l.klog('I', at, msg, kv) }
func (l *nodeLog) errorf(at, msg string, kv ...any) { l.klog('E', at, msg, kv) }

func (l *nodeLog) klog(level byte, at, msg string, kv []any) {
	now := l.now()
	l.write(now, klogLine(now, level, kubeletPID, at, msg, kv))
}

// write is best effort, as the real one is: a node whose /run is full still runs its pods.
func (l *nodeLog) write(now time.Time, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trim()
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s kubelet[%d]: %s\n", now.Format(time.RFC3339Nano), kubeletPID, strings.ReplaceAll(text, "\n", " "))
}

// trim drops the older half of a log that has grown too long.
func (l *nodeLog) trim() {
	info, err := os.Stat(l.path)
	if err != nil || info.Size() < nodeLogMax {
		return
	}
	b, err := os.ReadFile(l.path)
	if err != nil {
		return
	}
	b = b[len(b)/2:]
	if _, rest, ok := bytes.Cut(b, []byte("\n")); ok {
		_ = replaceFile(l.path, rest, 0o640)
	}
}

// klogLine is a line of the structured log of Kubernetes' components.
func klogLine(now time.Time, level byte, pid int, at, msg string, kv []any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%c%s %7d %s] %q", level, now.Format("0102 15:04:05.000000"), pid, at, msg)
	for i := 0; i+1 < len(kv); i += 2 {
		switch v := kv[i+1].(type) {
		case []string:
			fmt.Fprintf(&b, ` %v=["%s"]`, kv[i], strings.Join(v, `","`))
		case int, int64, bool:
			fmt.Fprintf(&b, " %v=%v", kv[i], v)
		default:
			fmt.Fprintf(&b, " %v=%q", kv[i], fmt.Sprint(v))
		}
	}
	return b.String()
}

// replaceFile writes a file so that readers see the old or the new content, never half of it.
func replaceFile(path string, b []byte, mode os.FileMode) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(tmp, b, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
