package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// WaitForPod waits until the kubelet runs a static pod as its changed manifest says, and proves that
// it keeps doing so.
//
// Proven is: a container that is newer than the change, of a new pod, the only one of its name,
// running with exactly the arguments that the manifest has on the node, with an endpoint that
// answers 200 several times in a row, and all of that still true a while later. A container that
// exits ends the wait early, with its log. When the change does not alter the pod (a comment, a
// reordered key), the kubelet restarts nothing and the check is skipped.
//
//	task "wait-for-pod" "apiserver" {
//	  name        = "kube-apiserver"
//	  manifest    = "/etc/kubernetes/manifests/kube-apiserver.yaml"
//	  ready       = "https://127.0.0.1:6443/readyz"
//	  on_rollback = true
//	}
type WaitForPod struct {
	// Name of the container in the manifest, such as "kube-apiserver".
	Name string `hcl:"name" json:"name"`
	// Manifest is the absolute path of the static pod's manifest on the node. The folder it lies in
	// must be the kubelet's staticPodPath, and may hold nothing but manifests of other pods: the
	// kubelet runs every file there, also a "kube-apiserver.yaml.bak".
	Manifest string `hcl:"manifest" json:"manifest"`
	// Ready is an http or https address that answers 200 when the pod does its work, asked from the
	// node itself: "https://127.0.0.1:6443/readyz". Without it only the container is watched.
	Ready string `hcl:"ready,optional" json:"ready,omitempty"`
	// CA verifies the server of an https address: the path of a PEM file on the node, or the PEM text
	// itself. By default kubeadm's, "/etc/kubernetes/pki/ca.crt". There is no way to skip it.
	CA string `hcl:"ca,optional" json:"ca,omitempty"`
	// ServerName is the name that the server's certificate must carry. By default the host of the
	// address, or "kubernetes" when that is 127.0.0.1, ::1 or localhost, which is a name in every
	// API server's certificate that kubeadm makes.
	ServerName string `hcl:"server_name,optional" json:"server_name,omitempty"`
	// Passes is how many times in a row the address must answer 200. By default 3.
	Passes int `hcl:"passes,optional" json:"passes,omitempty"`
	// Stable is how long it must stay good after the first look at which all was good. By default
	// "30s", and at least "25s": the kubelet lists its manifests again every 20 seconds, and only
	// then does a stray file beside the manifest show.
	Stable engine.Duration `hcl:"stable,optional" json:"stable,omitempty"`
	// Timeout is how long the first good look may take; a stable time that has begun by then may end.
	// By default "3m". Below "90s" is asking for a needless rollback: an API server with clients
	// takes 40 to 46 seconds to come back when nothing is wrong.
	Timeout engine.Duration `hcl:"timeout,optional" json:"timeout,omitempty"`
	// Namespace of the pod. By default the manifest's own, or "default" when it names none.
	Namespace string `hcl:"namespace,optional" json:"namespace,omitempty"`
	// Pod is the name of the pod in the manifest. By default the manifest's own; the kubelet appends
	// "-" and the node's name to it.
	Pod string `hcl:"pod,optional" json:"pod,omitempty"`
}

var _ engine.Witness = (*WaitForPod)(nil)

// What is not given in the playbook. They are applied where they are used, because a check that is
// resumed comes back from the journal with only the fields that the playbook gave.
const (
	podPasses    = 3
	podStable    = 30 * engine.Second
	podMinStable = 25 * engine.Second
	podTimeout   = 3 * engine.Minute
	podQuick     = 90 * time.Second // below it a normal restart may be taken for a failure
)

var containerName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Kind is "wait-for-pod".
func (t *WaitForPod) Kind() string { return "wait-for-pod" }

// Prepare refuses what could not work on any node.
func (t *WaitForPod) Prepare(fs.FS) error {
	field := func(name string, format string, args ...any) error {
		return &engine.FieldError{Field: name, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case !containerName.MatchString(t.Name):
		return field("name", "%q cannot be a container's name", t.Name)
	case !path.IsAbs(t.Manifest) || path.Clean(t.Manifest) != t.Manifest:
		return field("manifest", "%q is not a clean absolute path", t.Manifest)
	case t.Passes < 0:
		return field("passes", "%d is less than one", t.Passes)
	case t.Stable.Or(podStable) < podMinStable.D():
		return field("stable", "%s is shorter than %s: the kubelet looks for manifests every 20s, and a stray one shows only then", t.Stable, podMinStable)
	case t.Timeout.Or(podTimeout) < t.Stable.Or(podStable):
		return field("timeout", "%s is shorter than the stable time of %s", engine.Duration(t.Timeout.Or(podTimeout)), engine.Duration(t.Stable.Or(podStable)))
	case t.Ready == "" && (t.CA != "" || t.ServerName != ""):
		return field("ready", "ca and server_name belong to an address, and there is none")
	case t.Ready == "":
		return nil
	}
	if _, err := parseAddress(t.Ready); err != nil {
		return field("ready", "%w", err)
	}
	return checkCA(t.CA, t.Ready)
}

// Mark remembers the containers of before and the node's own time, and refuses a node on which the
// wait could not tell anything.
func (t *WaitForPod) Mark(ctx context.Context, w engine.Watch, planned []engine.Change) (engine.Mark, error) {
	m, err := t.before(ctx, w, planned)
	if err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// Check waits for the new container, then watches it for the stable time.
//
// On the way down the manifest is again what it was, and so is the pod's UID: new is then a container
// that was not there at the mark. Where the kubelet never came to replace the old container, none
// will come; the old one is accepted if its arguments and its mounts are what the restored manifest
// asks for, and the stable time shows that the kubelet leaves it alone. On the way up an old
// container is never accepted.
func (t *WaitForPod) Check(ctx context.Context, w engine.Watch, mark engine.Mark) error {
	p := podWait{t: t, w: w}
	if err := json.Unmarshal(mark, &p.mark); err != nil {
		return fmt.Errorf("the mark of wait-for-pod: %w", err)
	}
	return p.wait(ctx)
}

// Evidence is the container's log, what the runtime knows of it, and the kubelet's log.
func (t *WaitForPod) Evidence(ctx context.Context, w engine.Watch) []engine.Evidence {
	list, err := containers(ctx, w, t.Name)
	if err != nil || len(list) == 0 {
		return podEvidence(ctx, w, "")
	}
	return podEvidence(ctx, w, newest(list).ID)
}

func (t *WaitForPod) endpoint() endpoint {
	return endpoint{URL: t.Ready, CA: t.CA, ServerName: t.ServerName, Via: viaNode, Kubeadm: true}
}
