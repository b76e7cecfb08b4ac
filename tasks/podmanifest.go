package tasks

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/tasks/splice"
	"sigs.k8s.io/yaml"
)

// maxManifest is the largest manifest that is read, which is what the kubelet reads as well.
const maxManifest = 10 << 20

// podSpec is what a manifest says that can be seen again on the running container.
type podSpec struct {
	Args   []string          // command and args
	Image  bool              // without a command, the image's own entrypoint comes first
	Mounts map[string]string // of hostPath volumes: path in the container -> path on the node
}

// readPod reads what the manifest says of one container.
func readPod(manifest []byte, name string) (podSpec, error) {
	args, err := splice.Container(manifest, name)
	if err != nil {
		return podSpec{}, err
	}
	var pod struct {
		Spec struct {
			Containers []struct {
				Name         string   `json:"name"`
				Command      []string `json:"command"`
				VolumeMounts []struct {
					Name      string `json:"name"`
					MountPath string `json:"mountPath"`
					SubPath   string `json:"subPath"`
				} `json:"volumeMounts"`
			} `json:"containers"`
			Volumes []struct {
				Name     string `json:"name"`
				HostPath *struct {
					Path string `json:"path"`
				} `json:"hostPath"`
			} `json:"volumes"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(manifest, &pod); err != nil {
		return podSpec{}, err
	}
	s := podSpec{Args: args, Mounts: map[string]string{}}
	host := map[string]string{}
	for _, v := range pod.Spec.Volumes {
		if v.HostPath != nil {
			host[v.Name] = v.HostPath.Path
		}
	}
	for _, c := range pod.Spec.Containers {
		if c.Name != name {
			continue
		}
		s.Image = len(c.Command) == 0
		for _, m := range c.VolumeMounts {
			if at, ok := host[m.Name]; ok {
				s.Mounts[path.Clean(m.MountPath)] = path.Join(at, m.SubPath)
			}
		}
	}
	return s, nil
}

// differs says how a running container's arguments are not what the manifest asks for; "" when they
// are. An argument with a $(VARIABLE) in it, which the kubelet fills in, is compared up to there.
func (s podSpec) differs(r runs) string {
	got, want := r.Args, s.Args
	if len(got) == 0 {
		return "the runtime does not tell its arguments"
	}
	if s.Image && len(got) > len(want) {
		got = got[len(got)-len(want):]
	}
	if slices.EqualFunc(got, want, sameArg) {
		return ""
	}
	for _, a := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return sameArg(g, a) }) {
			return fmt.Sprintf("it runs without %s", cut(a, 120))
		}
	}
	for _, g := range got {
		if !slices.ContainsFunc(want, func(a string) bool { return sameArg(g, a) }) {
			return fmt.Sprintf("it runs with %s", cut(g, 120))
		}
	}
	return "it runs with the same arguments in another order"
}

func sameArg(got, want string) bool {
	head, _, filled := strings.Cut(want, "$(")
	return got == want || filled && strings.HasPrefix(got, head)
}

// mounted reports whether the folders and files of the node that the container sees are those of the
// manifest, as far as the runtime tells. What the kubelet itself mounts is not counted.
func (s podSpec) mounted(r runs) bool {
	if r.Mounts == nil {
		return true
	}
	got := maps.Clone(r.Mounts)
	maps.DeleteFunc(got, func(_, host string) bool { return strings.HasPrefix(host, "/var/lib/kubelet/") })
	return maps.Equal(got, s.Mounts)
}

// podName is the pod that a manifest defines.
func podName(manifest []byte) (splice.Pod, error) {
	pod, ok, err := splice.PodOf(manifest)
	if err == nil && !ok {
		err = fmt.Errorf("it is no v1 Pod")
	}
	return pod, err
}
