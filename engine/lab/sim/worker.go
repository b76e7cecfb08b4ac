package sim

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// The times of a change, as measured on registered nodes: the port closes at once, the old container
// is killed when its grace period ends because clients hold on to it, and the kubelet waits before it
// starts the next static pod of the same name.
const (
	graceWithClients = 30300 * time.Millisecond
	graceAlone       = 1500 * time.Millisecond
	collectAfter     = 700 * time.Millisecond // from the end of a container until nothing of it is left
	holeAfterStop    = 9 * time.Second        // and no container at all until then
	sandboxTakes     = 500 * time.Millisecond
	createTakes      = 300 * time.Millisecond
	collectPrevious  = 500 * time.Millisecond // a crashed attempt goes after the next one ended
	retryAfter       = 10 * time.Second       // of what could not be mounted, pulled or created
	standaloneStop   = 2 * time.Second
)

// worker runs the pods of one full name, one after the other.
type worker struct {
	k *kubelet

	changed signal
	mu      sync.Mutex
	want    *pod
	uid     string // of the pod that runs or ends
	cancel  context.CancelFunc
}

// set tells the worker which pod to run, nil for none.
func (w *worker) set(p *pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.want
	w.want = p
	if old != nil && (p == nil || p.UID != old.UID) {
		w.k.log.infof("kubelet.go:2479", "SyncLoop REMOVE", "source", "file", "pods", []string{old.ref()})
		w.k.node.note("remove " + old.UID)
	}
	if p != nil && (old == nil || p.UID != old.UID) {
		w.k.log.infof("kubelet.go:2463", "SyncLoop ADD", "source", "file", "pods", []string{p.ref()})
		w.k.node.note("add " + p.UID)
	}
	if w.cancel != nil && (p == nil || p.UID != w.uid) {
		w.cancel()
	}
	w.changed.broadcast()
}

func (w *worker) loop(ctx context.Context) {
	for {
		wait := w.changed.wait()
		w.mu.Lock()
		p := w.want
		podCtx, cancel := context.WithCancel(ctx)
		if p != nil {
			w.uid, w.cancel = p.UID, cancel
		}
		w.mu.Unlock()
		if p == nil {
			cancel()
			select {
			case <-ctx.Done():
				return
			case <-wait:
				continue
			}
		}
		w.runPod(ctx, podCtx, p)
		cancel()
		if w.k.clock.Sleep(ctx, holeAfterStop) != nil {
			return
		}
	}
}

// runPod runs a pod until podCtx ends and then stops it; ctx is the node's.
func (w *worker) runPod(ctx, podCtx context.Context, p *pod) {
	k := w.k
	if !w.mount(podCtx, p) || k.clock.Sleep(podCtx, sandboxTakes) != nil {
		return
	}
	sandbox := criPod{ID: newID(), Name: p.Name, Namespace: p.Namespace, UID: p.UID, CreatedAt: k.clock.Now(),
		Annotations: map[string]string{"kubernetes.io/config.hash": p.UID, "kubernetes.io/config.source": "file"}}
	_ = k.cri.update("sandbox "+p.UID, func(s *criState) { s.Pods = append(s.Pods, sandbox) })
	var wg sync.WaitGroup
	for i := range p.Containers {
		r := &runner{k: k, pod: p, spec: &p.Containers[i], sandbox: sandbox}
		wg.Go(func() { r.loop(ctx, podCtx) })
	}
	wg.Wait()
	if k.clock.Sleep(ctx, collectAfter) != nil {
		return
	}
	_ = k.cri.removePod("collected "+p.UID, sandbox.ID)
}

// mount checks the pod's volumes until they are all right or podCtx ends.
func (w *worker) mount(podCtx context.Context, p *pod) bool {
	for {
		err := setUpVolumes(w.k.node.Root, p)
		if err == nil {
			return true
		}
		w.k.log.errorf("nestedpendingoperations.go:348", fmt.Sprintf("Operation for %q failed. No retries permitted until %s (durationBeforeRetry 2s). Error: %v pod %q (UID: %q)",
			"kubernetes.io/host-path/"+p.UID, w.k.clock.Now().Add(2*time.Second).Format(time.RFC3339), err, p.Name, p.UID))
		w.k.node.note("mount " + err.Error())
		if w.k.clock.Sleep(podCtx, 2*time.Second) != nil {
			return false
		}
	}
}
