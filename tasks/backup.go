package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/hcrun/hcrun/engine"
)

// Backup copies a file on the node to another place on the node, with its mode and owner, so that an
// operator finds what was there before.
//
// The copy is made when a later step of the same run changes the file, and only then: on a node where
// everything is true already there is nothing to back up, and an earlier copy is left alone. Rollback
// does not need it (it has its own record of what was there) and removes the copy that this run has
// made, or brings back the one that it has overwritten.
//
// A copy inside a static pod directory is refused: the kubelet runs every file there whose name does
// not begin with a dot, also a "kube-apiserver.yaml.bak", and then runs it instead of the real one.
//
//	task "backup" "manifest" {
//	  path = "/etc/kubernetes/manifests/kube-apiserver.yaml"
//	  to   = "/root/kube-apiserver.yaml.pre-audit"
//	}
type Backup struct {
	// Path is the absolute path of the file to copy: "/etc/kubernetes/manifests/kube-apiserver.yaml".
	// It must be there.
	Path string `hcl:"path" json:"path"`
	// To is the absolute path of the copy: "/root/kube-apiserver.yaml.pre-audit". Its folder must
	// exist, and is not a static pod directory.
	To string `hcl:"to" json:"to"`
	// OnDifference says what to do when an earlier copy is there and differs from the file:
	// "refuse" (the default), "keep" the earlier copy, or "overwrite" it. An earlier copy may be the
	// only one of the state before some other change, so this is not decided for you.
	OnDifference string `hcl:"on_difference,optional" json:"on_difference,omitempty"`
}

var (
	_ engine.Precaution = (*Backup)(nil)
	_ engine.Preparer   = (*Backup)(nil)
)

const (
	// kubeadmManifests is where kubeadm tells the kubelet to look for static pods.
	kubeadmManifests = "/etc/kubernetes/manifests"
	// maxPeek is how many bytes of a manifest or configuration are read to see what it is.
	maxPeek = 1 << 20
)

// Kind is "backup".
func (t *Backup) Kind() string { return "backup" }

// Guards is the path that is backed up.
func (t *Backup) Guards() []string { return []string{t.Path} }

// Prepare checks the fields.
func (t *Backup) Prepare(fs.FS) error {
	err := errors.Join(checkPath("path", t.Path), checkPath("to", t.To))
	choices := []string{"refuse", "keep", "overwrite"}
	switch {
	case err != nil:
		return err
	case t.Path == t.To:
		return &engine.FieldError{Field: "to", Err: errors.New("is the file itself; a backup is another file")}
	case below(t.To, kubeadmManifests):
		return &engine.FieldError{Field: "to", Err: errors.New(inStaticPods(t.To, kubeadmManifests))}
	case t.OnDifference != "" && !slices.Contains(choices, t.OnDifference):
		return &engine.FieldError{Field: "on_difference", Err: fmt.Errorf("%q is none of %s%s", t.OnDifference, quoted(choices), didYouMean(t.OnDifference, choices))}
	}
	return nil
}

// Plan makes the copy, unless the same is there.
func (t *Backup) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	if err := t.Prepare(nil); err != nil {
		return nil, err
	}
	images, err := look(ctx, t.Path, t.To, path.Dir(t.To), kubeletConfig)
	if err != nil {
		return nil, err
	}
	file, earlier, folder, kubelet := images[0], images[1], images[2], images[3]
	if file.Kind == engine.Absent {
		return nil, engine.Problemf(engine.Preflight, "%s is not there, so it cannot be backed up", t.Path)
	}
	if err := errors.Join(plainFile(t.Path, file), plainFile(t.To, earlier), inFolder(t.To, folder)); err != nil {
		return nil, err
	}
	if err := t.outsideStaticPods(ctx, file, kubelet); err != nil {
		return nil, err
	}
	if file.AnyContent {
		return nil, engine.Problemf(engine.Preflight, "%s is a file that others go on writing; a copy of it would be of no moment in particular", t.Path)
	}
	after := engine.Image{Kind: engine.File, Mode: file.Mode, UID: file.UID, GID: file.GID, Content: file.Content}
	if earlier.Kind == engine.File && !earlier.Content.Same(file.Content) {
		switch t.OnDifference {
		case "keep":
			return nil, nil
		case "overwrite":
		default:
			return nil, engine.Problemf(engine.Preflight, "%s is there from an earlier time and differs from %s; it may be the only copy of what was there before another change.\nName another file in \"to\", or write on_difference = \"keep\" or \"overwrite\"", t.To, t.Path)
		}
	}
	return unlessSame(t.To, earlier, after), nil
}

// outsideStaticPods refuses a copy where this node's kubelet would run it.
func (t *Backup) outsideStaticPods(ctx context.Context, file, kubelet engine.Image) error {
	if dir := staticPodPath(ctx, kubelet); dir != "" && below(t.To, dir) {
		return engine.Problemf(engine.Preflight, "%s", inStaticPods(t.To, dir))
	}
	// Where the kubelet's configuration is elsewhere, the manifest still tells where manifests are.
	if path.Dir(t.To) == path.Dir(t.Path) && isPod(ctx, file) {
		return engine.Problemf(engine.Preflight, "%s", inStaticPods(t.To, path.Dir(t.Path)))
	}
	return nil
}

func inStaticPods(at, dir string) string {
	return fmt.Sprintf("%s is in %s, where the kubelet runs every file whose name does not begin with a dot: it would run the backup as a second pod, and later instead of the real one. Put it elsewhere, such as %s", at, dir, path.Join("/root", path.Base(at)))
}

// staticPodPath is what the kubelet's configuration says, "" when it does not.
func staticPodPath(ctx context.Context, config engine.Image) string {
	var c struct {
		StaticPodPath string `json:"staticPodPath"`
	}
	if b, ok := smallFile(ctx, config); !ok || sigsyaml.Unmarshal(b, &c) != nil || !path.IsAbs(c.StaticPodPath) {
		return ""
	}
	return path.Clean(c.StaticPodPath)
}

// isPod reports whether a file is the manifest of a pod.
func isPod(ctx context.Context, file engine.Image) bool {
	var pod struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	b, ok := smallFile(ctx, file)
	return ok && sigsyaml.Unmarshal(b, &pod) == nil && pod.APIVersion == "v1" && pod.Kind == "Pod"
}

// smallFile is the bytes of a file that is there and not too large to be a manifest.
func smallFile(ctx context.Context, img engine.Image) ([]byte, bool) {
	if img.Kind != engine.File || img.Content.IsZero() {
		return nil, false
	}
	b, err := img.Content.Read(ctx, maxPeek)
	return b, err == nil
}

// below reports whether at is in dir or in a folder of it.
func below(at, dir string) bool { return strings.HasPrefix(at, strings.TrimSuffix(dir, "/")+"/") }
