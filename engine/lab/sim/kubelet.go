package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/hcrun/hcrun/engine"
)

// apiserverName is the pod, container and manifest that the breaks are about.
const apiserverName = "kube-apiserver"

// settle is how long the kubelet lets a burst of changes of files finish.
const settle = 50 * time.Millisecond

// kubelet keeps the pods of the manifests running.
type kubelet struct {
	node   *Node
	clock  engine.Clock
	log    *nodeLog
	cri    *criStore
	breaks *breaks
	src    *source
	relist time.Duration

	broken signal       // a flag file came or went
	ready  atomic.Value // string: the UID of the API server's pod that became ready last

	mu       sync.Mutex
	workers  map[string]*worker
	backoffs map[string]*backoff
	wg       sync.WaitGroup
}

func newKubelet(n *Node) (*kubelet, error) {
	if err := os.MkdirAll(n.State, 0o700); err != nil {
		return nil, err
	}
	dir, relist, err := kubeletConfig(n.Root)
	if err != nil {
		return nil, err
	}
	cri, err := newCRIStore(n)
	if err != nil {
		return nil, err
	}
	log := &nodeLog{path: filepath.Join(n.State, nodeLogFile), now: n.clock().Now}
	return &kubelet{node: n, clock: n.clock(), log: log, cri: cri, breaks: newBreaks(n.Breaks), relist: relist,
		src: newSource(n.Root, dir, n.Name, log), workers: map[string]*worker{}, backoffs: map[string]*backoff{}}, nil
}

// kubeletConfig reads what matters of /var/lib/kubelet/config.yaml.
func kubeletConfig(root string) (dir string, relist time.Duration, err error) {
	b, err := os.ReadFile(filepath.Join(root, "var/lib/kubelet/config.yaml"))
	if err != nil {
		return "", 0, err
	}
	var c struct {
		StaticPodPath      string `json:"staticPodPath"`
		FileCheckFrequency string `json:"fileCheckFrequency"`
	}
	if err := yaml.Unmarshal(b, &c); err != nil {
		return "", 0, fmt.Errorf("kubelet's configuration: %w", err)
	}
	relist = 20 * time.Second // the default, also for 0
	if c.FileCheckFrequency != "" {
		d, err := time.ParseDuration(c.FileCheckFrequency)
		if err != nil {
			return "", 0, fmt.Errorf("kubelet's configuration: fileCheckFrequency: %w", err)
		}
		if d > 0 {
			relist = d
		}
	}
	return c.StaticPodPath, relist, nil
}

func (k *kubelet) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer k.wg.Wait()
	defer cancel()
	files, err := watchDir(ctx, filepath.Join(k.node.Root, k.src.dir), k.clock.Real(settle))
	if err != nil {
		return err
	}
	var flags <-chan []string
	if k.node.Breaks != "" {
		if err := os.MkdirAll(k.node.Breaks, 0o700); err != nil {
			return err
		}
		if flags, err = watchDir(ctx, k.node.Breaks, 5*time.Millisecond); err != nil {
			return err
		}
	}
	k.log.infof("kubelet.go:385", "Adding static pod path", "path", k.src.dir)
	relist := time.NewTicker(k.clock.Real(k.relist))
	defer relist.Stop()
	k.src.list()
	k.sync(ctx)
	strays := &strays{k: k}
	strays.flagged()
	for {
		select {
		case <-ctx.Done():
			return nil
		case names, ok := <-files:
			if !ok {
				return nil
			}
			for _, name := range names {
				if strays.changing(name) {
					relist.Reset(k.clock.Real(k.relist))
				}
				k.src.changed(name)
			}
		case <-flags:
			strays.flagged()
			k.mended()
		case <-relist.C:
			if !strays.early() {
				k.src.list()
			}
		}
		k.sync(ctx)
	}
}

// sync gives every worker the pod that the files want.
func (k *kubelet) sync(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	names := []string{}
	for name := range k.src.pods {
		names = append(names, name)
		if k.workers[name] == nil {
			w := &worker{k: k}
			k.workers[name] = w
			k.wg.Go(func() { w.loop(ctx) })
		}
	}
	for name := range k.workers {
		if k.src.pods[name] == nil {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		p := k.src.pods[name]
		if p != nil && p.Containers[0].Name == apiserverName {
			k.breaks.wanted(p.UID)
		}
		k.workers[name].set(p)
	}
}

// mended lets what is in back-off try again at once, after a flag file came or went.
func (k *kubelet) mended() {
	k.mu.Lock()
	clear(k.backoffs)
	k.mu.Unlock()
	k.broken.broadcast()
}

// backoff counts the crashes of one container of one pod UID; a pod that comes back with the same UID
// goes on where it stopped.
type backoff struct {
	crashes int
	last    func() time.Duration
}

const (
	backoffFirst = 10 * time.Second
	backoffMax   = 300 * time.Second
	backoffReset = 10 * time.Minute
	// The kubelet looks again about each 20 s, so the first back-off takes longer than it says.
	backoffLook = 20 * time.Second
	// The first restart needs no back-off.
	restartAtOnce = 1400 * time.Millisecond
)

// crashed counts one more and says how long the next start waits, and what the log calls it (0: no
// back-off yet).
func (k *kubelet) crashed(key string) (wait, called time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.backoffs[key]
	if b == nil || b.last() > backoffReset {
		b = &backoff{}
		k.backoffs[key] = b
	}
	b.last = k.clock.Stopwatch()
	b.crashes++
	if b.crashes == 1 {
		return restartAtOnce, 0
	}
	called = min(backoffFirst<<min(b.crashes-2, 10), backoffMax)
	return max(backoffLook, called+time.Second), called
}
