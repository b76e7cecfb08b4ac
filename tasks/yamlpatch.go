package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks/splice"
)

// YamlPatch edits a YAML file on the node, such as a static pod manifest, and leaves every byte outside
// the edit as it was: comments, order, quoting, indentation and line ends.
//
// Each edit is addressed by what it means and not by a line: a flag by its name, an item of a list by
// its key. What is true already is left alone, so a second run changes nothing. New flags and items go
// behind the last one of their list, in the file's own style; keys that are missing on the way are made.
// Comments stay where they are; only those inside what is removed go with it. The blocks are applied in
// the order flags, list, env, set, remove.
//
// The result is judged as the kubelet would read it. A file that cannot be edited faithfully is refused
// with the line, and is never repaired quietly: tabs as indentation, duplicate keys, several documents,
// a byte order mark; anchors, tags or [flow, style] in what is edited; text that YAML readers disagree
// on, such as a bare yes. So is what would be ambiguous: one flag twice with different values.
//
// A static pod manifest is also refused while its folder has any other file that is not a manifest, or
// that defines the same pod: the kubelet runs every file there whose name does not begin with a dot.
//
// A path consists of keys with dots between them, and in brackets an item's number or its fields, or a
// key in double quotes: spec.containers[name=kube-apiserver].command, spec.volumes[0],
// metadata.annotations["example.com/policy"].
//
//	task "yaml-patch" "manifest" {
//	  path = "/etc/kubernetes/manifests/kube-apiserver.yaml"
//	  flags "spec.containers[name=kube-apiserver].command" {
//	    set = { "audit-log-path" = "/var/log/kubernetes/audit.log" }
//	  }
//	  list "spec.volumes" {
//	    key = "name"
//	    set = [{ name = "audit-log", hostPath = { path = "/var/log/kubernetes", type = "DirectoryOrCreate" } }]
//	  }
//	}
type YamlPatch struct {
	// Path is the file's absolute path on the node. It must be there, be a file with one name (no link),
	// and have at most 10 MiB. It keeps its mode and owner.
	Path string `hcl:"path" json:"path"`
	// Flags are command line flags to set or remove. The label says where: a container, or its command
	// or args, such as "spec.containers[name=kube-apiserver].command".
	Flags []YamlFlags `hcl:"flags,block" json:"flags,omitempty"`
	// Lists are items to set or remove in a list whose items have a key, such as "spec.volumes".
	Lists []YamlList `hcl:"list,block" json:"list,omitempty"`
	// Env are environment variables to set or remove. The label is the container or its env list, such
	// as "spec.containers[name=kube-apiserver]".
	Env []YamlEnv `hcl:"env,block" json:"env,omitempty"`
	// Set gives the place that the label names a value: "spec.priorityClassName", or
	// "metadata.annotations[\"example.com/policy\"]".
	Set []YamlSet `hcl:"set,block" json:"set,omitempty"`
	// Remove are paths of keys and items to take away, if they are there:
	// ["spec.containers[name=kube-apiserver].startupProbe"]. By default nothing.
	Remove []string `hcl:"remove,optional" json:"remove,omitempty"`
}

// YamlFlags sets and removes command line flags of a container.
type YamlFlags struct {
	// At is the container, or its command or args. With the container, a flag is changed in whichever
	// of the two has it, and added to command.
	At string `hcl:"at,label" json:"at"`
	// Set are flags by name, without dashes: { "audit-log-maxage" = 14 } makes --audit-log-maxage=14.
	// The value is always written; "" makes --name=. A bare --name counts as true and is left so.
	Set map[string]string `hcl:"set,optional" json:"set,omitempty" sensitive:"ok"`
	// Remove are names of flags to take away, without dashes: ["insecure-port"].
	Remove []string `hcl:"remove,optional" json:"remove,omitempty"`
}

// YamlList sets and removes items of a list by their key.
type YamlList struct {
	// At is the path of the list, which is made if it is not there: "spec.volumes".
	At string `hcl:"at,label" json:"at"`
	// Key is the field that tells items apart, or several: "name", or "name,mountPath".
	Key string `hcl:"key" json:"key"`
	// Set are items to add, or to change where one of that key is there: the fields given are set,
	// others stay. A volume or variable that has another source already is refused, unless replace is
	// set: [{ name = "audit-log", mountPath = "/var/log/kubernetes" }].
	Set []map[string]any `hcl:"set,optional" json:"set,omitempty" sensitive:"ok"`
	// Replace takes from an item that is there what set does not give, so that it becomes exactly what
	// is given. By default false.
	Replace bool `hcl:"replace,optional" json:"replace,omitempty"`
	// Remove are keys of items to take away: ["audit-log"], or with several fields as key
	// ["audit-log,/var/log/kubernetes"].
	Remove []string `hcl:"remove,optional" json:"remove,omitempty"`
}

// YamlEnv sets and removes environment variables of a container.
type YamlEnv struct {
	// At is the path of the container or of its env list: "spec.containers[name=kube-apiserver]".
	At string `hcl:"at,label" json:"at"`
	// Set are variables by name; values are always text: { GOMAXPROCS = 4 }. One that takes its value
	// from elsewhere (valueFrom) is refused.
	Set map[string]string `hcl:"set,optional" json:"set,omitempty" sensitive:"ok"`
	// Remove are names of variables to take away: ["HTTP_PROXY"].
	Remove []string `hcl:"remove,optional" json:"remove,omitempty"`
}

// YamlSet gives a place in the file a value.
type YamlSet struct {
	// At is the path of the place, whose missing keys are made: "spec.priorityClassName".
	At string `hcl:"at,label" json:"at"`
	// Value is text, a number, true or false, null, a list or a map. A map is merged: keys that it does
	// not have stay. A list replaces the one that is there. Text is put in quotes where it needs them.
	Value any `hcl:"value" json:"value" sensitive:"ok"`
}

var (
	_ engine.Changer  = (*YamlPatch)(nil)
	_ engine.Preparer = (*YamlPatch)(nil)
)

// Kind is "yaml-patch".
func (t *YamlPatch) Kind() string { return "yaml-patch" }

// Prepare checks the fields and the paths in them.
func (t *YamlPatch) Prepare(fs.FS) error {
	_, err := t.ops()
	return errors.Join(checkPath("path", t.Path), err)
}

// Plan edits the file.
func (t *YamlPatch) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	if err := t.Prepare(nil); err != nil {
		return nil, err
	}
	ops, err := t.ops()
	if err != nil {
		return nil, err
	}
	images, err := look(ctx, t.Path, path.Dir(t.Path))
	if err != nil {
		return nil, err
	}
	before := images[0]
	if err := plainFile(t.Path, before); err != nil {
		return nil, err
	}
	if before.Kind != engine.File {
		return nil, engine.Problemf(engine.Preflight, "%s is not there, so there is nothing to patch", t.Path)
	}
	text, err := before.Content.Read(ctx, splice.MaxSize)
	if err != nil {
		return nil, engine.Problemf(engine.Preflight, "read %s: %w", t.Path, err)
	}
	edited, err := splice.Apply(text, ops...)
	if err != nil {
		return nil, refused(t.Path, err)
	}
	if err := aloneInFolder(ctx, look, t.Path, text, images[1]); err != nil {
		return nil, err
	}
	after := before
	after.Content, after.Links = engine.Bytes(edited), 0
	return []engine.Change{{At: t.Path, Before: before, After: after}}, nil
}

// refused shows the line that is in the way, unless the file is taken for a secret.
func refused(at string, err error) error {
	line, ok := errors.AsType[*splice.Error](err)
	switch {
	case !ok:
		return engine.Problemf(engine.Preflight, "%s: %w", at, err)
	case engine.SecretPath(at):
		return engine.Problemf(engine.Preflight, "%s:%d: this line cannot be edited faithfully; it is not shown, because the file is taken for a secret", at, line.Line)
	}
	shown := fmt.Sprintf("%s:%d: %s\n  %4d | %s", at, line.Line, line.Why, line.Line, line.Source)
	return &engine.Problem{Code: engine.Preflight, What: shown, Err: err}
}
