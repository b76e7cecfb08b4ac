package tasks

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks/splice"
)

// aloneInFolder refuses a static pod manifest next to which the kubelet would run something else: it
// takes every file of the folder whose name does not begin with a dot, whatever it is called, and of
// two files with one pod it runs the one that it happened to read last. Other files than pod
// manifests are not looked at.
func aloneInFolder(ctx context.Context, look engine.Look, at string, text []byte, folder engine.Image) error {
	pod, ok, err := splice.PodOf(text)
	if err != nil || !ok {
		return nil // what cannot be read was refused before, or is left as it is
	}
	dir := path.Dir(at)
	if len(folder.Names) >= engine.MaxNames {
		return engine.Problemf(engine.Preflight, "%s has %d or more entries, so it cannot be told what else the kubelet would run from it", dir, engine.MaxNames)
	}
	var others []string
	for _, name := range folder.Names {
		if !strings.HasPrefix(name, ".") && name != path.Base(at) {
			others = append(others, path.Join(dir, name))
		}
	}
	if len(others) == 0 {
		return nil
	}
	images, err := look(ctx, others...)
	if err != nil {
		return err
	}
	for i, other := range others {
		if err := besides(ctx, pod, other, images[i]); err != nil {
			return err
		}
	}
	return nil
}

// besides refuses what must not be next to the manifest of a pod.
func besides(ctx context.Context, pod splice.Pod, at string, img engine.Image) error {
	const runs = "the kubelet runs every file in %s whose name does not begin with a dot, whatever its extension"
	dir := path.Dir(at)
	stray := func(why string, args ...any) error {
		return engine.Problemf(engine.Preflight, "%s "+why+": "+runs+"; move it to another directory", slices.Concat([]any{at}, args, []any{dir})...)
	}
	switch {
	case img.Kind == engine.Dir, img.Kind == engine.Absent:
		return nil // the kubelet does not go into folders
	case img.Kind != engine.File:
		return stray("is a %s and not a file", img.Kind)
	case !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(at)):
		return stray("is not a manifest by its name")
	}
	text, err := img.Content.Read(ctx, splice.MaxSize)
	if err != nil {
		return stray("cannot be read as a manifest (%v)", err)
	}
	other, ok, err := splice.PodOf(text)
	switch {
	case err != nil:
		return stray("cannot be read as a manifest (%v)", err)
	case ok && other == pod:
		return stray("defines the pod %s/%s too", pod.Namespace, pod.Name)
	}
	return nil
}
