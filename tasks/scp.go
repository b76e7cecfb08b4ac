package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/hcrun/hcrun/engine"
)

// Scp puts one file on the node: a local file, text from the playbook, or a filled-in template.
//
// The file is replaced in one step, so that nobody ever reads half of it, and only while what the plan
// showed is still there. A file that is already as it should be is not touched. Rollback brings back
// the bytes, the mode and the owner that were there, or removes the file. The folder must exist; the
// task "mkdir" makes it. Symbolic links, devices and files with several names are refused.
//
//	task "scp" "policy" {
//	  source      = "files/audit-policy.yaml"
//	  destination = "/etc/kubernetes/audit-policy.yaml"
//	  mode        = "0600"
//	  validate    = "audit-policy"
//	}
type Scp struct {
	// Source is a local file, below the playbook's folder: "files/audit-policy.yaml". Exactly one of
	// source, content and template is given. One file is copied; for a folder, write
	// for_each = fileset("files/**").
	Source string `hcl:"source,optional" json:"source,omitempty"`
	// Content is the text itself, instead of a source, for short files: "net.ipv4.ip_forward = 1\n". It
	// ends as you write it; a final newline is yours to add.
	Content string `hcl:"content,optional" json:"content,omitempty" sensitive:"ok"`
	// Template is a local file instead of a source, below the playbook's folder, in the form of Go's
	// text/template: "files/kubelet.conf.tmpl" with lines such as "address: {{ .address }}". A name
	// that is not in vars is an error.
	Template string `hcl:"template,optional" json:"template,omitempty"`
	// Vars are the values that the template can use: { address = node.address, retries = 3 }. By
	// default there are none.
	Vars map[string]any `hcl:"vars,optional" json:"vars,omitempty" sensitive:"ok"`
	// Destination is the file's absolute path on the node: "/etc/kubernetes/audit-policy.yaml". The
	// name of the file belongs to it; a directory is an error.
	Destination string `hcl:"destination" json:"destination"`
	// Owner is "root" or a user id in quotes, "65532". By default a file that is there keeps its
	// owner, and a new one is root's.
	Owner string `hcl:"owner,optional" json:"owner,omitempty"`
	// Group is "root" or a group id in quotes. By default a file that is there keeps its group, and a
	// new one is root's.
	Group string `hcl:"group,optional" json:"group,omitempty"`
	// Mode is the file's permissions in octal digits and quotes: "0644". By default a file that is
	// there keeps its mode, and a new one gets "0600": readable by its owner only.
	Mode engine.Mode `hcl:"mode,optional" json:"mode,omitempty"`
	// Validate checks the bytes before any node is touched: "audit-policy" (a Kubernetes audit policy,
	// strictly: unknown fields, levels, stages, rules that the API server would refuse), "yaml" or
	// "json". By default nothing is checked.
	Validate string `hcl:"validate,optional" json:"validate,omitempty"`

	body engine.Content // what Prepare has read
}

var (
	_ engine.Changer  = (*Scp)(nil)
	_ engine.Preparer = (*Scp)(nil)
)

// Kind is "scp".
func (t *Scp) Kind() string { return "scp" }

func (t *Scp) rights() rights { return rights{t.Owner, t.Group, t.Mode} }

// Prepare reads, renders and validates what will be written.
func (t *Scp) Prepare(files fs.FS) error {
	if err := errors.Join(checkPath("destination", t.Destination), t.rights().check(0o777)); err != nil {
		return err
	}
	given := 0
	for _, s := range []string{t.Source, t.Content, t.Template} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		return errors.New(`write exactly one of source, content and template (for an empty file use the task "touch")`)
	}
	if t.Vars != nil && t.Template == "" {
		return &engine.FieldError{Field: "vars", Err: errors.New("only a template uses vars")}
	}
	if err := checkValidator(t.Validate); err != nil {
		return &engine.FieldError{Field: "validate", Err: err}
	}
	body, name, err := t.read(files)
	if err != nil {
		return err
	}
	if t.Validate != "" {
		b, err := body.Read(context.Background(), maxValidated)
		if err == nil {
			err = validate(t.Validate, name, b)
		}
		if err != nil {
			return &engine.FieldError{Field: "validate", Err: err}
		}
	}
	t.body = body
	return nil
}

// read returns the bytes to write, and what errors call them.
func (t *Scp) read(files fs.FS) (body engine.Content, name string, err error) {
	field := "content"
	switch {
	case t.Content != "":
		return engine.Bytes([]byte(t.Content)), field, nil
	case t.Source != "":
		field, name = "source", t.Source
		body, err = localFile(files, t.Source)
	default:
		field, name = "template", t.Template+" (filled in)"
		body, err = render(files, t.Template, t.Vars)
	}
	if err != nil {
		return body, name, &engine.FieldError{Field: field, Err: err}
	}
	return body, name, nil
}

// Plan replaces the destination when its bytes, mode or owner are not what they should be.
func (t *Scp) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	if t.body.IsZero() {
		return nil, errors.New("what to write was not read: the playbook is not prepared")
	}
	images, err := look(ctx, t.Destination, path.Dir(t.Destination))
	if err != nil {
		return nil, err
	}
	was, folder := images[0], images[1]
	if err := errors.Join(plainFile(t.Destination, was), inFolder(t.Destination, folder)); err != nil {
		return nil, err
	}
	after, err := t.rights().over(was, 0o600)
	if err != nil {
		return nil, err
	}
	after = engine.Image{Kind: engine.File, Mode: after.Mode, UID: after.UID, GID: after.GID, Label: after.Label, Content: t.body}
	return unlessSame(t.Destination, was, after), nil
}

// unlessSame is the change from was to after, or none when after is what was there.
func unlessSame(at string, was, after engine.Image) []engine.Change {
	if after.Matches(was) {
		return nil
	}
	return []engine.Change{{At: at, Before: was, After: after}}
}

// nearest is a suggestion for a local file that is not there.
func nearest(files fs.FS, name string) string {
	entries, err := fs.ReadDir(files, path.Dir(name))
	if err != nil {
		return fmt.Sprintf("; there is no folder %q", path.Dir(name))
	}
	var names []string
	for _, e := range entries {
		names = append(names, path.Join(path.Dir(name), e.Name()))
	}
	return didYouMean(name, names)
}
