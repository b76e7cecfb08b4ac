package splice

import (
	"fmt"
	"reflect"
	"strings"
)

// PodChanged reports whether two manifests are different objects as the kubelet decodes them: only
// then does it restart the pod. Comments, order of keys, quoting and white space make no difference.
func PodChanged(before, after []byte) (bool, error) {
	b, err := decode(before)
	if err != nil {
		return false, fmt.Errorf("the manifest as it was: %w", err)
	}
	a, err := decode(after)
	if err != nil {
		return false, fmt.Errorf("the manifest as it shall be: %w", err)
	}
	return !reflect.DeepEqual(a, b), nil
}

// Container returns what a pod manifest tells the named container to run: its command followed by
// its args. Both may be missing, then the image decides and the result is empty.
func Container(manifest []byte, name string) ([]string, error) {
	pod, err := decode(manifest)
	if err != nil {
		return nil, err
	}
	spec, _ := pod["spec"].(map[string]any)
	list, _ := spec["containers"].([]any)
	var names []string
	for _, c := range list {
		container, _ := c.(map[string]any)
		if container["name"] == name {
			return words(name, container)
		}
		names = append(names, fmt.Sprint(container["name"]))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the manifest has no containers")
	}
	return nil, fmt.Errorf("no container %q in the manifest; it has %s", name, strings.Join(names, ", "))
}

// words joins command and args of a decoded container.
func words(name string, container map[string]any) ([]string, error) {
	var all []string
	for _, key := range []string{"command", "args"} {
		list, ok := container[key].([]any)
		if !ok && container[key] != nil {
			return nil, fmt.Errorf("%s of container %q is not a list", key, name)
		}
		for _, w := range list {
			s, ok := w.(string)
			if !ok {
				return nil, fmt.Errorf("%s of container %q has %v, which is not a string", key, name, w)
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// Pod is what makes two static pods the same pod for the kubelet.
type Pod struct {
	Namespace, Name string
}

// PodOf returns which pod a manifest defines; ok is false when it is no v1 Pod. Only what cannot be
// read as one YAML object is an error.
func PodOf(manifest []byte) (pod Pod, ok bool, err error) {
	obj, err := decode(manifest)
	if err != nil {
		return Pod{}, false, err
	}
	if obj["apiVersion"] != "v1" || obj["kind"] != "Pod" {
		return Pod{}, false, nil
	}
	meta, _ := obj["metadata"].(map[string]any)
	pod.Name, _ = meta["name"].(string)
	pod.Namespace, _ = meta["namespace"].(string)
	if pod.Namespace == "" {
		pod.Namespace = "default"
	}
	return pod, true, nil
}
