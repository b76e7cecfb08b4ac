package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
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
	// That is a condition which the playbook works out for each node: node.vars.disk != "hdd".
	That *bool `hcl:"that,optional" json:"that,omitempty"`
	// Message says what it means when the assertion fails, for whoever reads it at night:
	// "audit logs take up to 800 MB". By default only what was expected and seen is shown.
	Message string `hcl:"message,optional" json:"message,omitempty"`
	// Path is an absolute path on the node that the assertion is about: "/etc/kubernetes/pki/ca.crt".
	// Alone it says that something is there. Links are not followed.
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
	// Command is a command of those that can only read, run on the node without a shell; it must end
	// with status 0: ["systemctl", "is-active", "kubelet"]. Others are refused: date, df, stat, head,
	// tail, id, uname, getent, crictl, journalctl, systemctl, kubelet and kubeadm can be used, with
	// the subcommands and flags that only read.
	Command []string `hcl:"command,optional" json:"command,omitempty"`
	// Output is a regular expression that must match somewhere in what the command prints:
	// "^v1\\.34\\.". By default anything.
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

// dfLine is the second line of "df -P -k": device, blocks, used, available, capacity, mount point.
var dfLine = regexp.MustCompile(`(?m)^\S.*?\s+\d+\s+\d+\s+(-?\d+)\s+(?:\d+%|-)\s+(/.*)$`)

// askFree compares the room on the file system of the path, or of the nearest directory above it.
func (t *Assert) askFree(ctx context.Context, w engine.Watch) (string, error) {
	var above []string
	for at := t.Path; ; at = path.Dir(at) {
		above = append(above, at)
		if at == "/" {
			break
		}
	}
	images, err := w.Look(ctx, above...)
	if err != nil {
		return "", err
	}
	at := above[slices.IndexFunc(append(images, engine.Image{Kind: engine.Dir}), func(i engine.Image) bool { return i.Kind != engine.Absent })%len(above)]
	out, err := w.Observe(ctx, "df", "-P", "-k", at)
	if err != nil {
		return "", err
	}
	m := dfLine.FindSubmatch(out)
	if m == nil {
		return "", engine.Problemf(engine.Preflight, "df answered %q about %s, which cannot be read", shortText(out), at)
	}
	want, err := parseSize(t.Free)
	if err != nil {
		return "", err
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return "", err
	}
	if kib < want>>10 {
		return fmt.Sprintf("%s has %s of free space on %s; expected is at least %s", t.Path, sizeText(kib), m[2], t.Free), nil
	}
	return "", nil
}

// sizeText prints a number of KiB.
func sizeText(kib int64) string {
	for _, u := range []struct {
		name string
		kib  int64
	}{{"TiB", 1 << 30}, {"GiB", 1 << 20}, {"MiB", 1 << 10}} {
		if kib >= u.kib {
			return fmt.Sprintf("%.1f%s", float64(kib)/float64(u.kib), u.name)
		}
	}
	return fmt.Sprintf("%dKiB", max(kib, 0))
}

var sizeRE = regexp.MustCompile(`^([0-9]{1,9})(?:\.([0-9]))?(KiB|MiB|GiB|TiB)$`)

// parseSize reads "1GiB" or "1.5GiB" as bytes.
func parseSize(s string) (int64, error) {
	m := sizeRE.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf(`%q is not a size: write a number and KiB, MiB, GiB or TiB, such as "1GiB"`, s)
	}
	n, err := strconv.ParseInt(m[1]+cmpText(m[2], "0"), 10, 64)
	if err != nil {
		return 0, err
	}
	unit := int64(1) << (10 * (1 + slices.Index([]string{"KiB", "MiB", "GiB", "TiB"}, m[3])))
	if n > (1<<62)/unit {
		return 0, fmt.Errorf("%q is larger than any disk", s)
	}
	return n * unit / 10, nil
}

func cmpText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
