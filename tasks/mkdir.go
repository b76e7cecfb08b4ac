package tasks

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/hcrun/hcrun/engine"
)

// Mkdir makes a directory on the node, with the ones above it that are missing.
//
// A directory that is there already keeps its mode and owner unless the task says otherwise. Rollback
// takes away only directories that this run has made, and only while they are empty: what others have
// put there since is kept and reported.
//
//	task "mkdir" "log_dir" {
//	  path = "/var/log/kubernetes"
//	  mode = "0700"
//	}
type Mkdir struct {
	// Path is the directory's absolute path on the node: "/var/log/kubernetes".
	Path string `hcl:"path" json:"path"`
	// Owner is "root" or a user id in quotes, "65532". By default a directory that is there keeps its
	// owner, and a new one is root's.
	Owner string `hcl:"owner,optional" json:"owner,omitempty"`
	// Group is "root" or a group id in quotes. By default a directory that is there keeps its group,
	// and a new one is root's.
	Group string `hcl:"group,optional" json:"group,omitempty"`
	// Mode is the directory's permissions in octal digits and quotes: "0700". By default a directory
	// that is there keeps its mode, and a new one gets "0755".
	Mode engine.Mode `hcl:"mode,optional" json:"mode,omitempty"`
	// Parents says whether missing directories above it are made too, as root's with mode "0755". By
	// default true; with false a missing one is an error.
	Parents *bool `hcl:"parents,optional" json:"parents,omitempty"`
}

var (
	_ engine.Changer  = (*Mkdir)(nil)
	_ engine.Preparer = (*Mkdir)(nil)
)

// newDir is the mode of a directory that nobody has asked another for.
const newDir engine.Mode = 0o755

// Kind is "mkdir".
func (t *Mkdir) Kind() string { return "mkdir" }

func (t *Mkdir) rights() rights { return rights{t.Owner, t.Group, t.Mode} }

// Prepare checks the fields.
func (t *Mkdir) Prepare(fs.FS) error {
	return errors.Join(checkPath("path", t.Path), t.rights().check(0o7777))
}

// Plan makes what is missing, from the top down, and adjusts the directory itself.
func (t *Mkdir) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	if err := t.Prepare(nil); err != nil {
		return nil, err
	}
	var dirs []string
	for dir := t.Path; dir != "/"; dir = path.Dir(dir) {
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	images, err := look(ctx, dirs...)
	if err != nil {
		return nil, err
	}
	var changes []engine.Change
	last := len(dirs) - 1
	for i, was := range images {
		r := rights{}
		if i == last {
			r = t.rights()
		}
		switch {
		case was.Kind == engine.Absent && i != last && t.Parents != nil && !*t.Parents:
			return nil, engine.Problemf(engine.Preflight, "%s is not there and parents = false", dirs[i])
		case was.Kind == engine.Link:
			return nil, engine.Problemf(engine.Security, "%s is a symbolic link to %q; hcrun does not write through links, so name the directory itself", dirs[i], was.Target)
		case was.Kind != engine.Absent && was.Kind != engine.Dir:
			return nil, engine.Problemf(engine.Preflight, "%s is there and is not a directory, but a %s", dirs[i], was.Kind)
		}
		after, err := r.over(was, newDir)
		if err != nil {
			return nil, err
		}
		after = engine.Image{Kind: engine.Dir, Mode: after.Mode, UID: after.UID, GID: after.GID, Label: after.Label}
		changes = append(changes, unlessSame(dirs[i], was, after)...)
	}
	return changes, nil
}
