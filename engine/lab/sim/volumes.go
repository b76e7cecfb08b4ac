package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// imagePresent tells whether the runtime has an image: those that the seeded manifests name.
func imagePresent(image string) bool {
	for _, i := range images() {
		if i == image {
			return true
		}
	}
	return false
}

func images() []string {
	return []string{"registry.k8s.io/etcd:3.6.5-0", "registry.k8s.io/kube-apiserver:v1.34.4",
		"registry.k8s.io/kube-controller-manager:v1.34.4", "registry.k8s.io/kube-scheduler:v1.34.4", pauseImage}
}

const pauseImage = "registry.k8s.io/pause:3.10.1"

// setUpVolumes makes and checks the host paths of a pod.
func setUpVolumes(root string, p *pod) error {
	for _, v := range p.Volumes {
		if v.HostPath == nil {
			continue
		}
		if err := hostPath(root, v.HostPath.Path, v.HostPath.Type); err != nil {
			return fmt.Errorf("MountVolume.SetUp failed for volume %q : %w", v.Name, err)
		}
	}
	return nil
}

func hostPath(root, path, kind string) error {
	at := filepath.Join(root, path)
	info, err := os.Stat(at)
	missing := errors.Is(err, fs.ErrNotExist)
	switch kind {
	case "DirectoryOrCreate":
		if missing {
			return os.MkdirAll(at, 0o755)
		}
		return nil // something else there is found when the container is made
	case "Directory":
		if missing || !info.IsDir() {
			return fmt.Errorf("hostPath type check failed: %s is not a directory", path)
		}
	case "FileOrCreate":
		if missing {
			f, err := os.OpenFile(at, os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				return err
			}
			return f.Close()
		}
		if err == nil && info.IsDir() {
			return fmt.Errorf("hostPath type check failed: %s is not a file", path)
		}
	case "File":
		if err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("hostPath type check failed: %s is not a file", path)
		}
	case "":
		return nil
	}
	return nil
}

// containerMounts are the host paths in a container, as the runtime has them.
func containerMounts(root string, p *pod, c *containerSpec) ([]criMount, error) {
	var out []criMount
	for _, m := range c.VolumeMounts {
		i := slices.IndexFunc(p.Volumes, func(v volume) bool { return v.Name == m.Name })
		if i < 0 || p.Volumes[i].HostPath == nil {
			continue
		}
		v := p.Volumes[i].HostPath
		info, err := os.Stat(filepath.Join(root, v.Path))
		if errors.Is(err, fs.ErrNotExist) && v.Type == "" {
			// The runtime makes a missing source a directory.
			if err := os.MkdirAll(filepath.Join(root, v.Path), 0o755); err != nil {
				return nil, err
			}
		} else if err != nil {
			return nil, fmt.Errorf("failed to generate spec: failed to stat %q: stat %s: %w", v.Path, v.Path, errors.Unwrap(err))
		}
		if info != nil && !info.IsDir() && strings.HasPrefix(v.Type, "Directory") {
			return nil, fmt.Errorf("failed to generate spec: failed to stat %q: stat %s/: %w", v.Path+"/", v.Path, syscall.ENOTDIR)
		}
		out = append(out, criMount{ContainerPath: m.MountPath, HostPath: v.Path, ReadOnly: m.ReadOnly})
	}
	return out, nil
}

// container files: where a path inside the container is on the node.
type mounts struct {
	root string
	list []criMount
}

// find resolves a path inside the container. It is not ok where no mount covers it: that is the
// container's own layer, which nobody sees from outside and which has none of the node's files.
func (m mounts) find(path string) (at string, readOnly, ok bool) {
	path = filepath.Clean(path)
	best := -1
	for i, c := range m.list {
		if p := filepath.Clean(c.ContainerPath); (path == p || strings.HasPrefix(path, p+"/")) &&
			(best < 0 || len(p) > len(filepath.Clean(m.list[best].ContainerPath))) {
			best = i
		}
	}
	if best < 0 {
		return "", false, false
	}
	c := m.list[best]
	return filepath.Join(m.root, c.HostPath, strings.TrimPrefix(path, filepath.Clean(c.ContainerPath))), c.ReadOnly, true
}

// read reads a file with the errors that a process in the container would get.
func (m mounts) read(path string) ([]byte, error) {
	at, _, ok := m.find(path)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	}
	b, err := os.ReadFile(at)
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return nil, &fs.PathError{Op: pe.Op, Path: path, Err: pe.Err}
	}
	return b, err
}
