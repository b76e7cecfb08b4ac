package sim

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// runner runs one container of a pod, attempt after attempt.
type runner struct {
	k       *kubelet
	pod     *pod
	spec    *containerSpec
	sandbox criPod

	attempt  int
	previous string // the id of the attempt that ended last
	pulled   bool   // a pull of the image has been tried
}

func (r *runner) key() string { return r.pod.UID + "/" + r.spec.Name }

func (r *runner) loop(ctx, podCtx context.Context) {
	for podCtx.Err() == nil {
		broken := r.k.broken.wait()
		wait := retryAfter
		id, err := r.create()
		if err != nil {
			r.failed(err)
		} else {
			lived := r.k.clock.Stopwatch()
			if !r.once(ctx, podCtx, id) {
				return
			}
			if lived() > backoffReset {
				r.forgive()
			}
			var called time.Duration
			wait, called = r.k.crashed(r.key())
			if called > 0 {
				r.failed(fmt.Errorf("failed to %q for %q with CrashLoopBackOff: %q", "StartContainer", r.spec.Name, fmt.Sprintf(
					"back-off %s restarting failed container=%s pod=%s(%s)", engine.Duration(called), r.spec.Name, r.pod.fullName(), r.pod.UID)))
			}
		}
		waitCtx, cancel := r.k.clock.WithTimeout(podCtx, wait)
		select {
		case <-waitCtx.Done():
		case <-broken:
			_ = r.k.clock.Sleep(podCtx, restartAtOnce)
		}
		cancel()
	}
	_ = r.k.clock.Sleep(ctx, graceAlone)
}

func (r *runner) forgive() {
	r.k.mu.Lock()
	defer r.k.mu.Unlock()
	delete(r.k.backoffs, r.key())
}

func (r *runner) failed(err error) {
	r.k.log.errorf("pod_workers.go:1324", "Error syncing pod, skipping", "err", err, "pod", r.pod.ref(), "podUID", r.pod.UID)
	r.k.node.note("failed " + err.Error())
}

// create makes the container, or says why the kubelet cannot.
func (r *runner) create() (id string, err error) {
	start := func(reason string, err error) error {
		return fmt.Errorf("failed to %q for %q with %s: %q", "StartContainer", r.spec.Name, reason, err.Error())
	}
	if !imagePresent(r.spec.Image) {
		if r.spec.ImagePullPolicy == "Never" {
			//lint:ignore ST1005 these are the kubelet's own words
			return "", start("ErrImageNeverPull", fmt.Errorf("Container image %q is not present with pull policy of Never", r.spec.Image)) //nolint:staticcheck // the kubelet's own words
		}
		if !r.pulled {
			r.pulled = true
			return "", start("ErrImagePull", fmt.Errorf("failed to pull and unpack image %q: failed to resolve reference %q: dial tcp: network is unreachable", r.spec.Image, r.spec.Image))
		}
		//lint:ignore ST1005 these are the kubelet's own words
		return "", start("ImagePullBackOff", fmt.Errorf("Back-off pulling image %q: ErrImagePull", r.spec.Image)) //nolint:staticcheck // the kubelet's own words
	}
	id = newID()
	mounts, err := containerMounts(r.k.node.Root, r.pod, r.spec)
	if err == nil && r.spec.Name == apiserverName && r.k.breaks.on(breakNoContainer, r.pod.UID) {
		err = fmt.Errorf("failed to generate spec: failed to stat %q: stat %s: input/output error", "/etc/kubernetes/pki", "/etc/kubernetes/pki")
	}
	if err != nil {
		return "", start("CreateContainerError", fmt.Errorf("failed to generate container %q spec: %w", id, err))
	}
	c := criContainer{ID: id, PodID: r.sandbox.ID, Name: r.spec.Name, Image: r.spec.Image, Attempt: r.attempt, State: created,
		CreatedAt: r.k.clock.Now(), Args: r.spec.argv(), Mounts: mounts, Hash: digest(fmt.Sprint(*r.spec))[7:15], Grace: 30,
		LogPath: filepath.Join(r.sandbox.logDir(), r.spec.Name, fmt.Sprintf("%d.log", r.attempt))}
	if r.pod.Grace != nil {
		c.Grace = *r.pod.Grace
	}
	for _, e := range r.spec.Env {
		c.Env = append(c.Env, e.Name+"="+e.Value)
	}
	return id, r.k.cri.update(fmt.Sprintf("created %s %d", r.spec.Name, r.attempt), func(s *criState) { s.Containers = append(s.Containers, c) })
}

// once runs the container from its start to its end. It is false when the pod is to end.
func (r *runner) once(ctx, podCtx context.Context, id string) bool {
	k := r.k
	_ = k.clock.Sleep(podCtx, createTakes)
	var c criContainer
	_ = k.cri.container(fmt.Sprintf("running %s %d", r.spec.Name, r.attempt), id, func(x *criContainer) {
		x.State, x.StartedAt, x.PID = running, k.clock.Now(), 1000+int(k.clock.Now().UnixMilli()%60000)
		c = *x
	})
	k.log.infof("kubelet.go:2495", "SyncLoop (PLEG): event for pod", "pod", r.pod.ref(), "event", "ContainerStarted "+id)
	process := r.process(c)
	code := process.run(podCtx)
	if podCtx.Err() != nil {
		code = r.stop(ctx, c, process.held())
	}
	if ctx.Err() != nil {
		return false
	}
	_ = k.cri.container(fmt.Sprintf("exited %s %d %d", r.spec.Name, r.attempt, code), id, func(x *criContainer) {
		x.State, x.FinishedAt, x.ExitCode = exited, k.clock.Now(), code
	})
	k.log.infof("kubelet.go:2495", "SyncLoop (PLEG): event for pod", "pod", r.pod.ref(), "event", "ContainerDied "+id)
	if podCtx.Err() != nil {
		return false
	}
	if r.previous != "" && k.clock.Sleep(podCtx, collectPrevious) == nil {
		_ = k.cri.removeContainer("", r.previous)
	}
	r.previous = id
	r.attempt++
	return true
}

// stop is what SIGTERM, and then the end of the grace period, make of a container; held says that
// clients hold on to it.
func (r *runner) stop(ctx context.Context, c criContainer, held bool) (code int) {
	k := r.k
	k.log.infof("kuberuntime_container.go:838", "Killing container with a grace period", "pod", r.pod.ref(), "containerName", r.spec.Name, "containerID", "containerd://"+c.ID, "gracePeriod", c.Grace)
	if !held {
		_ = k.clock.Sleep(ctx, graceAlone)
		return 0
	}
	if k.breaks.set(breakStrayLate) {
		_ = k.clock.Sleep(ctx, standaloneStop)
		return 0
	}
	_ = k.clock.Sleep(ctx, min(graceWithClients, time.Duration(c.Grace)*time.Second+300*time.Millisecond))
	return 137
}
