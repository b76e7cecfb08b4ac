package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// Assert states what must be true on the node, and stops the run when it is not.
//
// It is asked before the first write, when nothing has been touched yet, however late it stands in
// the playbook; with after = true it is asked in its place instead, and then a failure undoes the run.
// It looks once and does not wait. Give one of that, path and command.
//
//	task "assert" "room_for_logs" {
//	  path    = "/var/log"
//	  free    = "1GiB"
//	  message = "audit logs take up to 800 MB"
//	}
//
//	task "assert" "kubelet_runs" {
//	  command = ["systemctl", "is-active", "kubelet"]
//	  output  = "^active$"
//	}
type Assert struct {
	// That is a condition which the playbook works out for each node: node.vars.disk != "hdd". Exactly
	// one of that, path and command is given.
	That *bool `hcl:"that,optional" json:"that,omitempty"`
	// Message says what it means when the assertion fails, for whoever reads it at night:
	// "audit logs take up to 800 MB". By default only what was expected and seen is shown.
	Message string `hcl:"message,optional" json:"message,omitempty"`
	// Path is an absolute path on the node that the assertion is about: "/etc/kubernetes/pki/ca.crt".
	// Alone it says that something is there. Links are not followed. It is given instead of that and
	// command.
	Path string `hcl:"path,optional" json:"path,omitempty"`
	// Is says what is at the path: "file", "dir" or "absent". By default anything but nothing.
	Is string `hcl:"is,optional" json:"is,omitempty"`
	// Mode is what the mode at the path must be, in octal digits and quotes: "0600". By default any.
	Mode engine.Mode `hcl:"mode,optional" json:"mode,omitempty"`
	// Owner is who must own the path: "root" or a user id in quotes. By default anybody.
	Owner string `hcl:"owner,optional" json:"owner,omitempty"`
	// Contains is text that the file at the path must have in its first 8 MiB: "staticPodPath:". By
	// default anything.
	Contains string `hcl:"contains,optional" json:"contains,omitempty"`
	// Free is how much room the file system of the path must have for files: a number with KiB, MiB,
	// GiB or TiB, "1GiB". A path that is not there yet counts as the nearest directory above it. By
	// default the room does not matter.
	Free string `hcl:"free,optional" json:"free,omitempty"`
	// Command is, instead of that and path, a command of those that can only read, run on the node
	// without a shell; it must end with status 0: ["systemctl", "is-active", "kubelet"]. Others are refused: date, df, stat, head,
	// tail, id, uname, getent, crictl, journalctl, systemctl, kubelet and kubeadm can be used, with
	// the subcommands and flags that only read.
	Command []string `hcl:"command,optional" json:"command,omitempty"`
	// Output is a regular expression that must match somewhere in what the command prints, ^ and $
	// being the ends of a line: "^v1\\.34\\.". By default anything.
	Output string `hcl:"output,optional" json:"output,omitempty"`
	// After asks in the assertion's place among the steps instead of before the first write. By
	// default false.
	After bool `hcl:"after,optional" json:"after,omitempty"`
}

var (
	_ engine.Checker  = (*Assert)(nil)
	_ engine.Preparer = (*Assert)(nil)
)

// maxContains is how many bytes of a file are searched.
const maxContains = 8 << 20

// Kind is "assert".
func (t *Assert) Kind() string { return "assert" }

// Prepare checks the fields.
func (t *Assert) Prepare(fs.FS) error {
	given := 0
	for _, is := range []bool{t.That != nil, t.Path != "", len(t.Command) > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		return errors.New("write exactly one of that, path and command")
	}
	if t.Path == "" && (t.Is != "" || t.Mode != 0 || t.Owner != "" || t.Contains != "" || t.Free != "") {
		return errors.New("is, mode, owner, contains and free are about a path, which is missing")
	}
	if t.Path != "" && t.Path != "/" {
		if err := checkPath("path", t.Path); err != nil {
			return err
		}
	}
	return t.checkFields()
}

func (t *Assert) checkFields() error {
	field := func(name string, err error) error {
		if err == nil {
			return nil
		}
		return &engine.FieldError{Field: name, Err: err}
	}
	kinds := []string{"file", "dir", "absent"}
	switch {
	case t.Is != "" && !slices.Contains(kinds, t.Is):
		return field("is", fmt.Errorf("%q is none of %s%s", t.Is, quoted(kinds), didYouMean(t.Is, kinds)))
	case t.Is == "absent" && (t.Mode != 0 || t.Owner != "" || t.Contains != ""):
		return field("is", errors.New(`what is "absent" has no mode, owner or content`))
	case t.Is == "dir" && t.Contains != "":
		return field("contains", errors.New("a directory has no text in it"))
	case t.Output != "" && len(t.Command) == 0:
		return field("output", errors.New("is about a command, which is missing"))
	}
	if t.Owner != "" {
		if _, err := accountID("owner", t.Owner); err != nil {
			return err
		}
	}
	if t.Free != "" {
		if _, err := parseSize(t.Free); err != nil {
			return field("free", err)
		}
	}
	if len(t.Command) > 0 {
		if err := engine.ReadOnly(t.Command); err != nil {
			return field("command", err)
		}
	}
	_, err := regexp.Compile(t.Output)
	return field("output", err)
}

// Mark asks before the first write, unless the assertion is about what the run will leave.
func (t *Assert) Mark(ctx context.Context, w engine.Watch, _ []engine.Change) (engine.Mark, error) {
	if t.After {
		return json.RawMessage(`{"asked":false}`), nil
	}
	why, err := t.ask(ctx, w)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return nil, &engine.Problem{Code: engine.Preflight, What: t.explain(why)}
	}
	return json.RawMessage(`{"asked":true}`), nil
}

// Check asks in the assertion's place; what held before the first write is not asked again.
func (t *Assert) Check(ctx context.Context, w engine.Watch, _ engine.Mark) error {
	if !t.After {
		return nil
	}
	why, err := t.ask(ctx, w)
	if err != nil {
		return err
	}
	if why != "" {
		return &engine.Failed{Why: t.explain(why)}
	}
	return nil
}

func (t *Assert) explain(why string) string {
	if t.Message == "" {
		return why
	}
	return t.Message + " (" + why + ")"
}

// ask returns why the assertion does not hold, "" when it does.
func (t *Assert) ask(ctx context.Context, w engine.Watch) (string, error) {
	switch {
	case t.That != nil && !*t.That:
		return "the condition is false", nil
	case len(t.Command) > 0:
		return t.askCommand(ctx, w)
	case t.Path != "":
		return t.askPath(ctx, w)
	}
	return "", nil
}

func (t *Assert) askCommand(ctx context.Context, w engine.Watch) (string, error) {
	command := strings.Join(t.Command, " ")
	out, err := w.Observe(ctx, t.Command...)
	if exit, ok := errors.AsType[*engine.ExitError](err); ok {
		return fmt.Sprintf("%q ended with status %d: %q", command, exit.Code, shortText(out, exit.Stderr)), nil
	}
	if err != nil {
		return "", err
	}
	match, err := regexp.Match("(?m)"+t.Output, out)
	if err != nil {
		return "", err
	}
	if !match {
		return fmt.Sprintf("%q printed %q, which does not match %q", command, shortText(out), t.Output), nil
	}
	return "", nil
}

// shortText is the beginning of what a command said.
func shortText(out []byte, more ...string) string {
	s := strings.TrimSpace(string(out[:min(len(out), 4096)]) + strings.Join(more, ""))
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return s
}

func (t *Assert) askPath(ctx context.Context, w engine.Watch) (string, error) {
	if t.Free != "" {
		if why, err := t.askFree(ctx, w); why != "" || err != nil {
			return why, err
		}
		if t.Is == "" && t.Mode == 0 && t.Owner == "" && t.Contains == "" {
			return "", nil
		}
	}
	images, err := w.Look(ctx, t.Path)
	if err != nil {
		return "", err
	}
	got := images[0]
	switch owner, _ := accountID("owner", t.Owner); {
	case t.Is == "absent" && got.Kind == engine.Absent:
		return "", nil
	case got.Kind == engine.Absent:
		return t.Path + " is not there", nil
	case t.Is != "" && string(got.Kind) != t.Is:
		return fmt.Sprintf("%s is there: %s; expected is %s", t.Path, got, t.Is), nil
	case t.Mode != 0 && got.Mode != t.Mode:
		return fmt.Sprintf("%s has mode %s; expected is %s", t.Path, got.Mode, t.Mode), nil
	case t.Owner != "" && got.UID != owner:
		return fmt.Sprintf("%s belongs to user id %d; expected is %s", t.Path, got.UID, t.Owner), nil
	case t.Contains != "":
		return t.askContents(ctx, got)
	}
	return "", nil
}

func (t *Assert) askContents(ctx context.Context, got engine.Image) (string, error) {
	if got.Kind != engine.File {
		return fmt.Sprintf("%s is a %s and not a file that could contain %q", t.Path, got.Kind, t.Contains), nil
	}
	b, err := got.Content.Read(ctx, maxContains)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", t.Path, err)
	}
	if !strings.Contains(string(b), t.Contains) {
		return fmt.Sprintf("%s does not contain %q", t.Path, t.Contains), nil
	}
	return "", nil
}
