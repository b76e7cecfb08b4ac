package tasks

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/hcrun/hcrun/engine"
)

// Touch makes an empty file for others to write into, such as a log, with a mode that you decide.
//
// A program that opens a log which is there already keeps the file's mode, so making it first is the
// way to keep its lines from being read by everybody. A file that is there keeps what is in it; only
// its mode and owner are put right. Rollback removes the file only while it is empty: a log that has
// been written to is kept and reported.
//
//	task "touch" "audit_log" {
//	  path = "/var/log/kubernetes/audit.log"
//	  mode = "0600"
//	}
type Touch struct {
	// Path is the file's absolute path on the node: "/var/log/kubernetes/audit.log". Its folder must
	// exist; the task "mkdir" makes it.
	Path string `hcl:"path" json:"path"`
	// Mode is the file's permissions in octal digits and quotes: "0600". There is no default, because
	// a log that is readable by everybody should be somebody's decision.
	Mode engine.Mode `hcl:"mode" json:"mode"`
	// Owner is "root" or a user id in quotes, "65532". By default a file that is there keeps its
	// owner, and a new one is root's.
	Owner string `hcl:"owner,optional" json:"owner,omitempty"`
	// Group is "root" or a group id in quotes. By default a file that is there keeps its group, and a
	// new one is root's.
	Group string `hcl:"group,optional" json:"group,omitempty"`
}

var (
	_ engine.Changer  = (*Touch)(nil)
	_ engine.Preparer = (*Touch)(nil)
)

// Kind is "touch".
func (t *Touch) Kind() string { return "touch" }

func (t *Touch) rights() rights { return rights{t.Owner, t.Group, t.Mode} }

// Prepare checks the fields.
func (t *Touch) Prepare(fs.FS) error {
	if t.Mode == 0 {
		return errors.Join(checkPath("path", t.Path), &engine.FieldError{Field: "mode", Err: errors.New(`is needed: who may read the file, such as "0600"`)})
	}
	return errors.Join(checkPath("path", t.Path), t.rights().check(0o777))
}

// Plan makes the file or adjusts its mode and owner; what is in it is nobody's business.
func (t *Touch) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	if err := t.Prepare(nil); err != nil {
		return nil, err
	}
	images, err := look(ctx, t.Path, path.Dir(t.Path))
	if err != nil {
		return nil, err
	}
	was, folder := images[0], images[1]
	if err := errors.Join(plainFile(t.Path, was), inFolder(t.Path, folder)); err != nil {
		return nil, err
	}
	after, err := t.rights().over(was, t.Mode)
	if err != nil {
		return nil, err
	}
	after = engine.Image{Kind: engine.File, Mode: after.Mode, UID: after.UID, GID: after.GID, Label: after.Label, AnyContent: true}
	if was.Kind == engine.File { // it may grow between the plan and the change
		was.Content, was.AnyContent = engine.Content{}, true
	}
	return unlessSame(t.Path, was, after), nil
}
