package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks/splice"
	"sigs.k8s.io/yaml"
)

// podMark is what "new" means to a wait: everything that was there before.
type podMark struct {
	Node      int64            `json:"node_time"`          // the node's clock, nanoseconds since 1970
	IDs       []string         `json:"ids"`                // every container of the pod, also exited ones
	Running   []string         `json:"running,omitempty"`  // UIDs of the pods of those that ran
	Attempts  map[string]int64 `json:"attempts,omitempty"` // the highest attempt of each pod UID
	Namespace string           `json:"namespace"`
	Pod       string           `json:"pod"`
	Gone      bool             `json:"gone,omitempty"`    // the change removes the manifest
	Undoing   bool             `json:"undoing,omitempty"` // the mark is of the way down
}

// relist is how often the kubelet lists its manifests when its configuration does not say.
const relist = 20 * time.Second

const kubeletConfig = "/var/lib/kubelet/config.yaml"

// before is the mark. It asks for everything that the wait will ask for.
func (t *WaitForPod) before(ctx context.Context, w engine.Watch, planned []engine.Change) (podMark, error) {
	c, text, err := t.change(ctx, planned)
	if err != nil {
		return podMark{}, err
	}
	m := podMark{Gone: c.After.Kind != engine.File, Undoing: w.Undoing, Attempts: map[string]int64{}}
	if m.Namespace, m.Pod, err = t.pod(text, w.Undoing || m.Gone); err != nil {
		return podMark{}, err
	}
	if err := t.folder(ctx, w, m); err != nil {
		return podMark{}, err
	}
	list, err := containers(ctx, w, t.Name)
	if _, exited := errors.AsType[*engine.ExitError](err); exited {
		return podMark{}, crictlProblem(w.Name(), err)
	} else if err != nil {
		return podMark{}, err
	}
	for _, c := range m.ours(list) {
		m.IDs = append(m.IDs, c.ID)
		m.Attempts[c.UID] = max(m.Attempts[c.UID], c.Attempt)
		if c.State == criRunning {
			m.Running = append(m.Running, c.UID)
		}
	}
	if !w.Undoing {
		if err := t.askAll(ctx, w, m.ours(list)); err != nil {
			return podMark{}, err
		}
	}
	m.Node, err = nodeTime(ctx, w)
	return m, err
}

// change is what the run does to the manifest from its first to its last change of it, and the text
// that tells which pod it is. ErrNotNeeded when the kubelet will see no difference.
func (t *WaitForPod) change(ctx context.Context, planned []engine.Change) (engine.Change, []byte, error) {
	var c engine.Change
	for _, p := range planned {
		if p.At != t.Manifest {
			continue
		}
		if c.At == "" {
			c = p
		}
		c.After = p.After
	}
	if c.At == "" {
		return c, nil, engine.ErrNotNeeded
	}
	before, err := contentOf(ctx, c.Before)
	if err != nil {
		return c, nil, err
	}
	after, err := contentOf(ctx, c.After)
	switch {
	case err != nil:
		return c, nil, err
	case c.Before.Kind == c.After.Kind && bytes.Equal(before, after):
		return c, nil, engine.ErrNotNeeded
	case c.After.Kind != engine.File:
		return c, before, nil
	case c.Before.Kind != engine.File:
		return c, after, nil
	}
	// A manifest that cannot be read was no pod before: putting it right is a change.
	if changed, err := splice.PodChanged(before, after); err == nil && !changed {
		return c, nil, engine.ErrNotNeeded
	}
	return c, after, nil
}

// contentOf is what an image of a manifest has in it, nothing when it is no file.
func contentOf(ctx context.Context, img engine.Image) ([]byte, error) {
	if img.Kind != engine.File {
		return nil, nil
	}
	return img.Content.Read(ctx, maxManifest)
}

// pod is which pod to wait for. lenient lets a manifest without the container pass: on the way down
// what was there before is not ours to judge.
func (t *WaitForPod) pod(manifest []byte, lenient bool) (namespace, name string, err error) {
	id, err := podName(manifest)
	if err == nil && !lenient {
		_, err = readPod(manifest, t.Name)
	}
	if err != nil && (!lenient || t.Pod == "" || t.Namespace == "") {
		return "", "", engine.Problemf(engine.Preflight, "%s as it shall be: %w", t.Manifest, err)
	}
	namespace, name = t.Namespace, t.Pod
	if namespace == "" {
		namespace = id.Namespace
	}
	if name == "" {
		name = id.Name
	}
	return namespace, name, nil
}

// ours are the containers that belong to the pod: the kubelet names a static pod after its node.
func (m podMark) ours(list []container) []container {
	return slices.DeleteFunc(slices.Clone(list), func(c container) bool {
		return c.Namespace != m.Namespace || c.Pod != m.Pod && !strings.HasPrefix(c.Pod, m.Pod+"-")
	})
}

// folder refuses a manifest folder that the kubelet does not read, or in which something else could
// run instead of the manifest. On the way down it only says so.
func (t *WaitForPod) folder(ctx context.Context, w engine.Watch, m podMark) error {
	images, err := w.Look(ctx, kubeletConfig)
	if err != nil {
		return err
	}
	refuse := func(format string, args ...any) error {
		p := engine.Problemf(engine.Preflight, format, args...)
		if w.Undoing {
			w.Say("warning: " + p.What)
			return nil
		}
		return p
	}
	dir := path.Dir(t.Manifest)
	if config := readKubelet(ctx, images[0]); config != nil {
		if every := max(config.every, relist); !w.Undoing && t.Stable.Or(podStable) <= every {
			return engine.Problemf(engine.Preflight, "the kubelet on %s lists its manifests every %s (fileCheckFrequency in %s); a stable time of %s would end before it does", w.Name(), engine.Duration(every), kubeletConfig, engine.Duration(t.Stable.Or(podStable)))
		}
		if config.path != "" && path.Clean(config.path) != dir {
			if err := refuse("the kubelet on %s runs what is in %s (staticPodPath in %s), not what is in %s", w.Name(), config.path, kubeletConfig, dir); err != nil {
				return err
			}
		}
	}
	stray, why, err := strays(ctx, w, t.Manifest, m)
	if err != nil || stray == "" {
		return err
	}
	return refuse("%s on %s %s: the kubelet runs every file in that folder, and may run it instead of %s; move it out of %s", stray, w.Name(), why, path.Base(t.Manifest), dir)
}

// kubelet is what of the kubelet's configuration bears on static pods.
type kubelet struct {
	path  string
	every time.Duration
}

func readKubelet(ctx context.Context, img engine.Image) *kubelet {
	text, err := contentOf(ctx, img)
	if err != nil || text == nil {
		return nil // a kubelet that is configured by flags alone
	}
	var c struct {
		StaticPodPath      string `json:"staticPodPath"`
		FileCheckFrequency string `json:"fileCheckFrequency"`
	}
	if yaml.Unmarshal(text, &c) != nil {
		return nil
	}
	every, _ := time.ParseDuration(c.FileCheckFrequency) // "0s" is the default of 20s
	return &kubelet{path: c.StaticPodPath, every: every}
}

// strays finds a file beside the manifest that the kubelet would run as, or like, this pod.
func strays(ctx context.Context, w engine.Watch, manifest string, m podMark) (at, why string, err error) {
	dir := path.Dir(manifest)
	images, err := w.Look(ctx, dir)
	if err != nil {
		return "", "", err
	}
	var paths []string
	for _, name := range images[0].Names {
		if !strings.HasPrefix(name, ".") && name != path.Base(manifest) {
			paths = append(paths, path.Join(dir, name))
		}
	}
	if len(paths) == 0 {
		return "", "", nil
	}
	if images, err = w.Look(ctx, paths...); err != nil {
		return "", "", err
	}
	for i, img := range images {
		if why := stray(ctx, path.Ext(paths[i]), img, m); why != "" {
			return paths[i], why, nil
		}
	}
	return "", "", nil
}

// stray says why a file is no manifest of another pod; "" when it is one, or a folder, which the
// kubelet passes over.
func stray(ctx context.Context, ext string, img engine.Image, m podMark) string {
	if img.Kind == engine.Dir || img.Kind == engine.Absent {
		return ""
	}
	if img.Kind != engine.File {
		return "is a " + img.String()
	}
	if !slices.Contains([]string{".yaml", ".yml", ".json"}, ext) {
		return "is not a manifest by its name"
	}
	text, err := contentOf(ctx, img)
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	id, err := podName(text)
	switch {
	case err != nil:
		return "is not a manifest: " + line(err.Error())
	case id.Name == m.Pod && id.Namespace == m.Namespace:
		return fmt.Sprintf("defines the pod %s/%s as well", id.Namespace, id.Name)
	}
	return ""
}

// askAll asks once what the wait will ask for again and again.
func (t *WaitForPod) askAll(ctx context.Context, w engine.Watch, ours []container) error {
	if d := t.Timeout.Or(podTimeout); d < podQuick {
		w.Say(fmt.Sprintf("warning: a timeout of %s is short; an API server needs up to 46s when nothing is wrong", engine.Duration(d)))
	}
	_, err := observe(ctx, w, "systemctl", "is-active", "kubelet")
	if exit, ok := errors.AsType[*engine.ExitError](err); ok && exit.Code == 3 { // others: no systemd here, or another unit name
		return &engine.Problem{Code: engine.Preflight, What: fmt.Sprintf("the kubelet on %s does not run; it would not see the change", w.Name()), Next: "systemctl status kubelet"}
	} else if err != nil && !ok {
		return err
	}
	for _, c := range ours {
		if c.State != criRunning {
			continue
		}
		r, err := inspect(ctx, w, c.ID)
		if _, exited := errors.AsType[*engine.ExitError](err); exited {
			return crictlProblem(w.Name(), err)
		} else if err != nil {
			return err
		}
		if len(r.Args) == 0 {
			return engine.Problemf(engine.Preflight, "crictl inspect on %s does not tell the arguments of a container (info.runtimeSpec.process.args); nobody could see whether new ones are live", w.Name())
		}
	}
	if t.Ready == "" {
		return nil
	}
	return t.endpoint().reachable(ctx, w, "it must be ready before the change, or nobody could tell what the change did")
}
