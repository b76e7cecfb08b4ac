package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
)

// Playbook is a list of steps for one node, with the rules for when it may run. HCL and Go literals
// both end here; nothing that only one of them obeys exists.
type Playbook struct {
	Name        string
	Description string
	Hosts       string // group or pattern of the inventory
	Schedule    Schedule
	Gates       []Gate
	Confirm     Confirm
	Steps       []Step
	// Inputs are the hashes of all that made this playbook: its file, the files it reads, its variables.
	// Two nodes of one rollout must have the same.
	Inputs map[string]string
	// Secrets are what went into the playbook and no output, log or journal may show.
	Secrets []Secret
}

// Step is a task with a name and what is common to every task.
type Step struct {
	Name       string
	Task       Task
	Skip       bool      // the playbook's "when" is false on this node
	OnRollback bool      // a check: run it again after the change before it was undone
	OnFailure  OnFailure // a check: what an unproven check means
	Tags       []string  // labels, shown wherever the step is; nothing is chosen by them
	Sensitive  bool      // a change: displays show hashes of what it reads and writes, never the content
	Timeout    Duration  // a check: how long one asking may take; 0 is as long as the check itself goes on
	Retry      int       // a check: how many more times it is asked when it fails
	RetryPause Duration  // the time between two askings, 5s by default
	DelegateTo string    // a check: the node of the inventory that it looks at instead of the run's own
}

// OnFailure says what becomes of a node whose check fails after the change.
type OnFailure string

// What a failed check means. The zero value rolls back.
const (
	RollBack OnFailure = ""         // undo everything on the node
	Eventful OnFailure = "eventful" // keep the change; the next node is held until someone acks
)

// Gate is a check of other nodes (or all) before the first write and after the last check.
type Gate struct {
	Name      string
	On        GateOn
	Task      Checker
	OnFailure OnFailure
}

// GateOn says which nodes a gate looks at.
type GateOn string

// Where a gate looks.
const (
	Peers GateOn = "peers" // every other node of the playbook's group, also those outside --limit
	Self  GateOn = "self"
	All   GateOn = "all"
)

var nameRE = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}(\[[A-Za-z0-9_./:-]{1,64}\])?$`)

// ValidName reports whether s may name a playbook, task, gate, host or group: ASCII letters, digits,
// "_", "." and "-", starting with a letter, with an optional [key] for one of a for_each.
func ValidName(s string) bool { return nameRE.MatchString(s) }

// StepError is an error of one step of a playbook.
type StepError struct {
	Index int    // of Playbook.Steps, or of Gates where Gate is set
	Gate  bool   // the step is a gate
	Kind  string // task kind
	Name  string
	Err   error
}

func (e *StepError) Error() string { return fmt.Sprintf("%s %q: %v", e.Kind, e.Name, e.Err) }

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// Prepare checks the playbook and lets every task read its files below files, before any connection.
// All errors are reported, each a *StepError or about the playbook as a whole.
func (pb *Playbook) Prepare(files fs.FS) error {
	var errs []error
	if !ValidName(pb.Name) {
		errs = append(errs, fmt.Errorf("%q cannot name a playbook", pb.Name))
	}
	errs = append(errs, pb.Schedule.Validate(), pb.Fits(), pb.Confirms())
	seen := map[string]bool{}
	prepare := func(i int, gate bool, name string, t Task) {
		if t == nil {
			errs = append(errs, fmt.Errorf("%q has no task", name))
			return
		}
		fail := func(err error) {
			errs = append(errs, &StepError{Index: i, Gate: gate, Kind: t.Kind(), Name: name, Err: err})
		}
		if !ValidName(name) {
			fail(fmt.Errorf("%q cannot be a name", name))
		}
		id := fmt.Sprint(gate, t.Kind(), "\x00", name)
		if seen[id] {
			fail(fmt.Errorf("there are two of this kind and name"))
		}
		seen[id] = true
		if _, ok := t.(Changer); ok == isChecker(t) {
			fail(errors.New("a task is either a Changer or a Checker"))
		}
		if p, ok := t.(Preparer); ok {
			if err := p.Prepare(files); err != nil {
				fail(err)
			}
		}
	}
	for i, s := range pb.Steps {
		if s.Skip {
			continue
		}
		prepare(i, false, s.Name, s.Task)
		if s.Task != nil {
			errs = append(errs, s.common(i)...)
		}
		if s.Task != nil && s.OnFailure != RollBack && s.OnFailure != Eventful {
			errs = append(errs, &StepError{Index: i, Kind: s.Task.Kind(), Name: s.Name, Err: &FieldError{Field: "on_failure", Err: fmt.Errorf(`%q is neither "rollback" nor "eventful"`, s.OnFailure)}})
		}
		if s.Task != nil && (s.OnRollback || s.OnFailure != RollBack) && !isChecker(s.Task) {
			errs = append(errs, &StepError{Index: i, Kind: s.Task.Kind(), Name: s.Name, Err: errors.New("on_rollback and on_failure belong to checks; this task changes files")})
		}
	}
	for i, g := range pb.Gates {
		if g.Task != nil && g.On != Peers && g.On != Self && g.On != All {
			errs = append(errs, &StepError{Index: i, Gate: true, Kind: g.Task.Kind(), Name: g.Name, Err: &FieldError{Field: "on", Err: fmt.Errorf(`%q is none of "peers", "self" and "all"`, g.On)}})
		}
		prepare(i, true, g.Name, g.Task)
	}
	return errors.Join(errs...)
}

// The most that a step may ask for.
const (
	maxRetry = 100
	maxTags  = 20
)

// common is what is wrong with what every step may have.
func (s Step) common(i int) []error {
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, &StepError{Index: i, Kind: s.Task.Kind(), Name: s.Name, Err: &FieldError{Field: field, Err: fmt.Errorf(format, args...)}})
	}
	check := isChecker(s.Task)
	for _, of := range []struct {
		field string
		set   bool
	}{{"timeout", s.Timeout != 0}, {"retry", s.Retry != 0}, {"retry_pause", s.RetryPause != 0}, {"delegate_to", s.DelegateTo != ""}} {
		if of.set && !check {
			wrong(of.field, "belongs to checks; %s changes the node", s.Task.Kind())
		}
	}
	switch {
	case s.Sensitive && check:
		wrong("sensitive", "belongs to changes; what %s says is always shown", s.Task.Kind())
	case s.Timeout < 0:
		wrong("timeout", "%s is less than nothing", s.Timeout)
	case s.Retry < 0 || s.Retry > maxRetry:
		wrong("retry", "%d is not between 0 and %d", s.Retry, maxRetry)
	case s.RetryPause != 0 && s.Retry == 0:
		wrong("retry_pause", "there is no retry to pause before")
	case s.DelegateTo != "" && !ValidName(s.DelegateTo):
		wrong("delegate_to", "%q cannot name a node", s.DelegateTo)
	case len(s.Tags) > maxTags:
		wrong("tags", "there are %d; at most %d", len(s.Tags), maxTags)
	}
	for j, tag := range s.Tags {
		if !ValidName(tag) || slices.Contains(s.Tags[:j], tag) {
			wrong("tags", "%q cannot be a tag, or is there twice", tag)
		}
	}
	return errs
}

func isChecker(t Task) bool { _, ok := t.(Checker); return ok }
