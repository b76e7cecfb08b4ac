package tasks

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks/splice"
)

// Strays says of each file in a static pod folder that is none of the manifests that belong there what is
// wrong with it: the kubelet would run it as well, or instead.
func Strays(ctx context.Context, look engine.Look, dir string) ([]string, error) {
	images, err := look(ctx, dir)
	if err != nil {
		return nil, err
	}
	if len(images[0].Names) >= engine.MaxNames {
		return []string{fmt.Sprintf("%s has %d or more entries; not all of them can be looked at", dir, engine.MaxNames)}, nil
	}
	var files []string
	for _, name := range images[0].Names {
		if !strings.HasPrefix(name, ".") {
			files = append(files, path.Join(dir, name))
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	if images, err = look(ctx, files...); err != nil {
		return nil, err
	}
	var wrong []string
	first := map[splice.Pod]string{}
	for i, at := range files {
		if err := besides(ctx, splice.Pod{}, at, images[i]); err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		if images[i].Kind != engine.File {
			continue
		}
		text, err := images[i].Content.Read(ctx, splice.MaxSize)
		if err != nil {
			return nil, err
		}
		pod, ok, err := splice.PodOf(text)
		switch {
		case err != nil || !ok:
		case first[pod] != "":
			wrong = append(wrong, fmt.Sprintf("%s and %s both define the pod %s/%s; the kubelet runs whichever it reads last", first[pod], at, pod.Namespace, pod.Name))
		default:
			first[pod] = at
		}
	}
	return wrong, nil
}
