package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Command runs a program on the node that brings about what is not the content of a file: a daemon that
// reads its files again, a tool that has to be told something. There is no shell: the words are given to
// the program as they stand. It runs as the login user, as root where the inventory says become.
//
// What is true on the node afterwards is for a probe to say, a command that can only read, and then the
// task is as exact as one that writes a file: a plan asks it, nothing runs where it says already what it
// should, and resume asks it after a crash. Without a probe only the record of the run tells. When
// hcrun is cut off while such a command runs, resume asks you what happened, unless it is repeatable.
//
// A command that does not end with status 0, or whose probe does not say what it should then, fails the
// run: everything is rolled back. It finishes when the connection is cut in the middle of it. What it has
// started and left behind in its process group is killed when it ends.
//
// Rollback runs undo, in the reverse order of the steps, unless the probe says that nothing is to be
// undone. A command without undo cannot be undone; the plan says so, and a rollback reports it as left.
// Undo must do no harm where the command has not run, or was undone before: the node itself may have to run
// it (see confirm), and a rollback that was cut off runs it again.
// What has to run once files are back as they were comes before them in the playbook, as a task with
// undo alone:
//
//	task "command" "reload_when_undone" {
//	  undo      = ["systemctl", "daemon-reload"]
//	  on_change = ["/etc/systemd/system/etcd-defrag.timer"]
//	}
//	task "scp" "timer" {
//	  source      = "etcd-defrag.timer"
//	  destination = "/etc/systemd/system/etcd-defrag.timer"
//	}
//	task "command" "reload" {
//	  run        = ["systemctl", "daemon-reload"]
//	  on_change  = ["/etc/systemd/system/etcd-defrag.timer"]
//	  repeatable = true
//	}
type Command struct {
	// Run is the program and its arguments: ["systemctl", "daemon-reload"]. By default, where there is
	// only an undo, nothing runs before the run is undone.
	Run []string `hcl:"run,optional" json:"run,omitempty"`
	// Undo is the program and its arguments that undo it. By default it cannot be undone.
	Undo []string `hcl:"undo,optional" json:"undo,omitempty"`
	// Probe is a program and its arguments that only read, and print the state that the command brings
	// about: ["systemctl", "is-enabled", "etcd-defrag.timer"]. What it may be is what checks may run:
	// crictl, df, getent, head, id, journalctl, kubeadm version, kubelet --version, stat, systemctl
	// is-active, is-enabled, is-failed, show and status, tail, uname. Where it prints nothing and ends
	// with another status than 0, it says "status 1". By default nothing tells the state but the record.
	Probe []string `hcl:"probe,optional" json:"probe,omitempty"`
	// Want is what the probe prints, without the newline at the end, when all is well: "enabled".
	// By default there is no probe.
	Want string `hcl:"want,optional" json:"want,omitempty"`
	// OnChange lists paths on the node: the command is only needed when another task of this run changes
	// one of them. By default it is needed whatever else changes.
	OnChange []string `hcl:"on_change,optional" json:"on_change,omitempty"`
	// Repeatable says that it does no harm when the command runs twice, and lets resume run it again
	// after a crash in the middle of it. By default a person is asked. With a probe nobody has to be.
	Repeatable bool `hcl:"repeatable,optional" json:"repeatable,omitempty"`
	// Limit is how long the command, or its undo, may take before it is killed and counts as failed:
	// "5m". By default "1m", at most an hour.
	Limit engine.Duration `hcl:"limit,optional" json:"limit,omitempty"`
}

var (
	_ engine.Follower = (*Command)(nil)
	_ engine.Preparer = (*Command)(nil)
	_ engine.Timed    = (*Command)(nil)
)

// Kind is "command".
func (t *Command) Kind() string { return "command" }

// Follows is on_change.
func (t *Command) Follows() []string { return t.OnChange }

// Longest is the limit.
func (t *Command) Longest() time.Duration { return t.command().Longest().D() }

func (t *Command) command() engine.Command {
	return engine.Command{Run: t.Run, Undo: t.Undo, Limit: t.Limit, Again: t.Repeatable}
}

// Prepare checks the fields.
func (t *Command) Prepare(fs.FS) error {
	wrong := func(field, format string, args ...any) error {
		return &engine.FieldError{Field: field, Err: fmt.Errorf(format, args...)}
	}
	for _, f := range []struct {
		name string
		argv []string
	}{{"run", t.Run}, {"undo", t.Undo}, {"probe", t.Probe}} {
		if len(f.argv) > 0 && (strings.TrimSpace(f.argv[0]) == "" || f.argv[0][0] == '-') {
			return wrong(f.name, "its first word is the program, and %q is none", f.argv[0])
		}
		if slices.ContainsFunc(f.argv, func(w string) bool { return strings.ContainsRune(w, 0) }) {
			return wrong(f.name, "no word of it may have a NUL byte")
		}
		if len(f.argv) == 1 && strings.ContainsAny(f.argv[0], " \t") {
			return wrong(f.name, "there is no shell that takes %q apart: write every word for itself, %s", f.argv[0], quoted(strings.Fields(f.argv[0])))
		}
	}
	var errs []error
	for _, at := range t.OnChange {
		errs = append(errs, checkPath("on_change", at))
	}
	switch {
	case len(t.Run) == 0 && len(t.Undo) == 0:
		return wrong("run", `is needed: the program and its arguments, such as ["systemctl", "daemon-reload"]`)
	case len(t.Run) == 0 && len(t.Probe) > 0:
		return wrong("probe", "tells the state that run brings about, and there is no run")
	case len(t.Probe) > 0 && t.Want == "":
		return wrong("want", "is needed beside probe: what it prints when all is well")
	case len(t.Probe) == 0 && t.Want != "":
		return wrong("want", "is what a probe prints, and there is no probe")
	case strings.TrimRight(t.Want, "\n") != t.Want:
		return wrong("want", "ends with a newline; what a probe prints counts without it")
	case t.Limit < 0 || t.Limit > engine.Hour:
		return wrong("limit", "%s is not between 1s and 1h", t.Limit)
	case t.Limit > 0 && t.Limit < engine.Second:
		return wrong("limit", "%s is not between 1s and 1h", t.Limit)
	}
	if len(t.Probe) > 0 {
		if err := engine.ReadOnly(t.Probe); err != nil {
			errs = append(errs, &engine.FieldError{Field: "probe", Err: err})
		}
	}
	return errors.Join(errs...)
}

// Plan asks the probe; without one the command is always to be run.
func (t *Command) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	if err := t.Prepare(nil); err != nil {
		return nil, err
	}
	var was engine.Image
	if len(t.Probe) > 0 {
		images, err := look(ctx, engine.Probe(t.Probe...))
		if err != nil {
			return nil, err
		}
		was = images[0]
	}
	return []engine.Change{engine.CommandChange(t.Probe, was, t.Want, t.command())}, nil
}
