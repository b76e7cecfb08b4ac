package sim

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Kind is one way in which a master can be broken.
type Kind struct{ Name, What string }

// The kinds. All but stray and peer-down act on what runs after the next change of the manifest: the
// old manifest, put back, becomes ready.
const (
	breakPolicy      = "policy"
	breakNeverReady  = "never-ready"
	breakFlap        = "flap"
	breakNoContainer = "no-container"
	breakLogMount    = "log-mount"
	breakLogFull     = "log-full"
	breakStray       = "stray"
	breakStrayLate   = "stray-late"
	breakPeerDown    = "peer-down"
	breakLokiDown    = "loki-down"
	breakLokiLate    = "loki-late"
	breakLokiOther   = "loki-other-node"
)

// Kinds lists the kinds that Node and Loki act on, in the order to show them. A kind is in force while
// a file of its name is in Node.Breaks (for the loki ones: while Loki.Breaks lists it).
func Kinds() []Kind {
	return []Kind{
		{breakPolicy, "the next API server finds its audit policy unreadable and exits 1, again and again"},
		{breakNeverReady, "the next API server runs, and /readyz stays 500"},
		{breakFlap, "the next API server is ready for 20 s, not ready for 20 s, and so on"},
		{breakNoContainer, "the next API server's container cannot be created; only the kubelet's log says why"},
		{breakLogMount, "the next API server is healthy, but its audit log never reaches the node's disk"},
		{breakLogFull, "the next API server is healthy, writes its first events, then finds the disk full"},
		{breakStray, "now: a copy of the manifest, kube-apiserver.yaml.bak, lies beside it and is run instead"},
		{breakStrayLate, "with the next change of the manifest a copy of the old one appears beside it; the new API server becomes ready, then the copy is run instead"},
		{breakPeerDown, "now: this node's API server crashes and does not come back"},
		{breakLokiDown, "now: Loki does not answer"},
		{breakLokiLate, "Loki gets nothing of this node any more"},
		{breakLokiOther, "Loki gets this node's events under another node's label"},
	}
}

// breaks knows which kinds are in force, and for what. A flag file remembers in its content the pod
// that ran when it was set: that one, and the same one put back later, is not touched.
type breaks struct {
	dir string

	mu       sync.Mutex
	baseline map[string]string // kind to the pod's UID
	history  []podSeen         // the API server's pods as they were wanted, oldest first
}

type podSeen struct {
	at  time.Time // of the machine, as file times are
	uid string
}

func newBreaks(dir string) *breaks { return &breaks{dir: dir, baseline: map[string]string{}} }

// wanted records that the kubelet wants another API server pod from now on.
func (b *breaks) wanted(uid string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.history); uid == "" || n > 0 && b.history[n-1].uid == uid {
		return
	}
	if len(b.history) > 100 {
		b.history = append(b.history[:1], b.history[50:]...)
	}
	b.history = append(b.history, podSeen{time.Now(), uid})
}

// set tells whether a flag file is there.
func (b *breaks) set(kind string) bool {
	if b.dir == "" {
		return false
	}
	_, err := os.Lstat(filepath.Join(b.dir, kind))
	return err == nil
}

// on tells whether a kind is in force for the pod of that UID.
func (b *breaks) on(kind, uid string) bool {
	if !b.set(kind) {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.baseline, kind)
		return false
	}
	return uid != "" && b.before(kind) != uid
}

// before is the UID of the pod that was wanted when the flag was set.
func (b *breaks) before(kind string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if uid, ok := b.baseline[kind]; ok {
		return uid
	}
	at := filepath.Join(b.dir, kind)
	text, _ := os.ReadFile(at)
	uid := strings.TrimSpace(string(text))
	if uid == "" && len(b.history) > 0 {
		uid = b.history[0].uid
		if info, err := os.Stat(at); err == nil {
			for _, h := range b.history {
				if !h.at.After(info.ModTime()) {
					uid = h.uid
				}
			}
		}
		remember(at, uid)
	}
	if uid != "" {
		b.baseline[kind] = uid
	}
	return uid
}

// remember writes into a flag file that is there, so that a reboot knows it too; where that is not
// possible only this boot does.
func remember(at, uid string) {
	f, err := os.OpenFile(at, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.WriteString(uid + "\n")
}

// refresh looks at all flag files, after one came or went.
func (b *breaks) refresh() {
	for _, k := range Kinds() {
		b.on(k.Name, "-")
	}
}

// signal wakes all who wait for it, as often as wanted.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait is closed by the next broadcast.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
