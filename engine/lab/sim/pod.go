package sim

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// pod is what the kubelet needs of a manifest.
type pod struct {
	Name, Namespace string // Name has the node's name behind it, as static pods have
	UID             string
	File            string // the manifest
	Containers      []containerSpec
	Volumes         []volume
	Annotations     map[string]string
	Grace           *int64
}

type containerSpec struct {
	Name            string        `json:"name"`
	Image           string        `json:"image"`
	ImagePullPolicy string        `json:"imagePullPolicy"`
	Command         []string      `json:"command"`
	Args            []string      `json:"args"`
	VolumeMounts    []volumeMount `json:"volumeMounts"`
	Env             []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"env"`
}

type volumeMount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
	ReadOnly  bool   `json:"readOnly"`
}

type volume struct {
	Name     string `json:"name"`
	HostPath *struct {
		Path string `json:"path"`
		Type string `json:"type"`
	} `json:"hostPath"`
}

type podFile struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Containers []containerSpec `json:"containers"`
		Volumes    []volume        `json:"volumes"`
		Grace      *int64          `json:"terminationGracePeriodSeconds"`
	} `json:"spec"`
}

// argv is what runs in the container.
func (c *containerSpec) argv() []string {
	return append(append([]string{}, c.Command...), c.Args...)
}

func (p *pod) fullName() string { return p.Name + "_" + p.Namespace }
func (p *pod) ref() string      { return p.Namespace + "/" + p.Name }

// decodePod reads a manifest as the kubelet does: the first YAML document, unknown fields ignored.
// The UID is a hash of the decoded object, the node and the path: comments, order and quoting do not
// change it, the same content at the same path has the same one again.
func decodePod(node, file string, raw []byte) (*pod, error) {
	doc, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: couldn't parse as pod(%w), please check config file", file, err)
	}
	var f podFile
	if err := json.Unmarshal(doc, &f); err != nil {
		return nil, fmt.Errorf("%s: couldn't parse as pod(%w), please check config file", file, err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%s: couldn't parse as pod(%w), please check config file", file, err)
	}
	if f.Metadata.Namespace == "" {
		f.Metadata.Namespace = "default"
	}
	uid, err := podUID(doc, node, file)
	if err != nil {
		return nil, err
	}
	return &pod{Name: f.Metadata.Name + "-" + strings.ToLower(node), Namespace: f.Metadata.Namespace, UID: uid, File: file,
		Containers: f.Spec.Containers, Volumes: f.Spec.Volumes, Annotations: f.Metadata.Annotations, Grace: f.Spec.Grace}, nil
}

func (f *podFile) check() error {
	switch {
	case f.Kind == "":
		//lint:ignore ST1005 these are the kubelet's own words
		return errors.New("Object 'Kind' is missing") //nolint:staticcheck // the kubelet's own words
	case f.APIVersion == "":
		//lint:ignore ST1005 these are the kubelet's own words
		return errors.New("Object 'apiVersion' is missing") //nolint:staticcheck // the kubelet's own words
	case f.Kind != "Pod" || f.APIVersion != "v1":
		return fmt.Errorf("no kind %q is registered for version %q", f.Kind, f.APIVersion)
	case f.Metadata.Name == "":
		return errors.New("invalid pod: metadata.name: Required value: name or generateName is required")
	case len(f.Spec.Containers) == 0:
		return errors.New("invalid pod: spec.containers: Required value")
	}
	volumes := map[string]bool{}
	for _, v := range f.Spec.Volumes {
		if volumes[v.Name] {
			return fmt.Errorf("invalid pod: spec.volumes: Duplicate value: %q", v.Name)
		}
		volumes[v.Name] = true
	}
	for i, c := range f.Spec.Containers {
		paths := map[string]bool{}
		for j, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				return fmt.Errorf("invalid pod: spec.containers[%d].volumeMounts[%d].name: Not found: %q", i, j, m.Name)
			}
			if paths[m.MountPath] {
				return fmt.Errorf("invalid pod: spec.containers[%d].volumeMounts[%d].mountPath: Invalid value: %q: must be unique", i, j, m.MountPath)
			}
			paths[m.MountPath] = true
		}
	}
	return nil
}

func podUID(doc []byte, node, file string) (string, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var object any
	if err := d.Decode(&object); err != nil {
		return "", err
	}
	canonical, err := json.Marshal(withoutEmpty(object)) // object keys are sorted
	if err != nil {
		return "", err
	}
	h := md5.New()
	fmt.Fprintf(h, "%s\nhost:%s\nfile:%s", canonical, node, file)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// withoutEmpty drops what a decoded pod does not have: nulls, empty maps and empty lists of fields.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if e = withoutEmpty(e); e != nil {
				out[k] = e
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		if len(v) == 0 {
			return nil
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutEmpty(e)
		}
		return out
	}
	return v
}
