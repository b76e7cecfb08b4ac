package sysctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/hcrun/hcrun/engine"
)

// File keeps kernel settings in a file that every boot reads.
//
// The running kernel is left alone: put sysctl-live behind it, which proves that the kernel has these
// values by now, so that the next reboot surprises nobody.
//
//	task "sysctl" "limits" {
//	  path   = "/etc/sysctl.d/60-limits.conf"
//	  values = { "vm.max_map_count" = 262144 }
//	}
type File struct {
	// Path is the file's absolute path on the node, directly in /etc/sysctl.d and ending in ".conf":
	// others are not read. "/etc/sysctl.d/60-limits.conf".
	Path string `hcl:"path" json:"path"`
	// Values are the settings by name: { "vm.max_map_count" = 262144 }. The file has these and no others.
	Values map[string]string `hcl:"values" json:"values"`
}

var (
	_ engine.Changer  = (*File)(nil)
	_ engine.Preparer = (*File)(nil)
)

// Kind is "sysctl".
func (t *File) Kind() string { return "sysctl" }

// Prepare checks the fields.
func (t *File) Prepare(fs.FS) error {
	err := checkValues(t.Values)
	if t.Path != path.Clean(t.Path) || path.Dir(t.Path) != "/etc/sysctl.d" || path.Ext(t.Path) != ".conf" {
		bad := fmt.Errorf(`%q is not read at boot: write a file of /etc/sysctl.d ending in ".conf", such as "/etc/sysctl.d/60-limits.conf"`, t.Path)
		err = errors.Join(err, &engine.FieldError{Field: "path", Err: bad})
	}
	return err
}

// Plan makes the file or replaces it. The file's own rights stay; a new one is root's and readable by all,
// since there is no secret in it.
func (t *File) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	images, err := look(ctx, t.Path, path.Dir(t.Path))
	if err != nil {
		return nil, err
	}
	was, folder := images[0], images[1]
	if folder.Kind != engine.Dir {
		return nil, engine.Problemf(engine.Preflight, "%s is %s and not a directory, so nothing can be made in it", path.Dir(t.Path), folder)
	}
	after := engine.Image{Kind: engine.File, Mode: 0o644, Content: engine.Bytes(render(t.Values))}
	switch was.Kind {
	case engine.Absent:
	case engine.File:
		after.Mode, after.UID, after.GID, after.Label = was.Mode, was.UID, was.GID, was.Label
	default:
		return nil, engine.Problemf(engine.Preflight, "%s is %s and not a file", t.Path, was)
	}
	if after.Matches(was) {
		return nil, nil
	}
	return []engine.Change{{At: t.Path, Before: was, After: after}}, nil
}
