package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// Task is one typed step of a playbook: a pointer to a struct whose fields carry hcl and json tags.
// Besides Kind it is exactly one of Changer and Checker. A task never writes.
type Task interface {
	// Kind is the word that playbooks use, such as "yaml-patch".
	Kind() string
}

// Changer says what should stand at which paths.
type Changer interface {
	Task
	// Plan returns the changes that bring the task's state about, in order; what is true already is
	// left out. It may be called several times and gives ErrLater back as it got it. The look it gets
	// already contains what the earlier steps will leave. A change's Before is what look returned.
	// Errors of its own are a *Problem (code Preflight or Security) or plain, which counts as Preflight.
	Plan(ctx context.Context, look Look) ([]Change, error)
}

// Precaution is a Changer that is only needed when a later step of the same run changes something: a
// backup. When no later step has a change at one of the paths that it guards, its changes, and an error
// of its Plan, do not count.
type Precaution interface {
	Changer
	// Guards lists the paths whose change it is a precaution against.
	Guards() []string
}

// Follower is a Changer that is only needed when another step of the same run changes something: a daemon that reads its
// files again.
type Follower interface {
	Changer
	// Follows lists the paths whose change it follows; nil: it is needed whatever else changes.
	Follows() []string
}

// Checker verifies. Check runs after the changes before it in the playbook, on apply and on resume.
type Checker interface {
	Task
	// Mark remembers, before the first write of the run, what "new" will have to mean: log offsets,
	// old container ids, the node's time. It asks whatever Check will have to ask once, so that what
	// cannot answer is known before anything is touched (*Unavailable, or a *Problem with code
	// Preflight or Security). planned is every change of the run, in order; on the way down it is the
	// one inverse that will be made between Mark and Check. ErrNotNeeded skips the check. The mark is
	// journaled as JSON: no secrets in it.
	Mark(ctx context.Context, w Watch, planned []Change) (Mark, error)
	// Check polls until the fact is proven (nil), disproven (*Failed) or its own deadline has passed
	// (*Failed or *Unavailable). When the node cannot be reached, or ctx ended, it returns that error
	// as it got it.
	Check(ctx context.Context, w Watch, m Mark) error
}

// Witness is a Checker that can say what to keep when something went wrong, whichever check failed:
// container logs, the kubelet's log. It must be quick, and returns what it got.
type Witness interface {
	Checker
	// Evidence returns what it could get, within a few seconds.
	Evidence(ctx context.Context, w Watch) []Evidence
}

// Preparer is a task that reads local files or refuses its own fields. Prepare is called once, before
// any connection, with the playbook's folder (nothing outside it can be opened). An error that
// belongs to one field is a *FieldError, so that the playbook's line can be shown.
type Preparer interface {
	Task
	// Prepare reads what it needs and refuses what cannot work on any node.
	Prepare(files fs.FS) error
}

// FieldError is an error of one field of a task, named as the playbook names it.
type FieldError struct {
	Field string // hcl name: "mode", or "flags" for a block
	Err   error
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// Watch is all that a check gets: a node that can only be watched, the clock, and a voice.
type Watch struct {
	Node
	Clock
	// Say tells the operator what is seen while waiting, one line, sanitised by whoever shows it.
	// Saying the same line twice in a row shows it once.
	Say func(string)
	// Undoing is set on the way down: the check runs after its change was undone, so what was there
	// before is what is expected, and a node that is already broken is no reason to refuse.
	Undoing bool
}

// Mark is what a Checker remembers from before the first write, as JSON.
type Mark = json.RawMessage

// Evidence is something kept for the operator when a check failed.
type Evidence struct {
	Name string // "container-log", "kubelet-log", "crictl-inspect"
	Data []byte // at most 256 KiB
}

var (
	// ErrLater is what a look inside Plan returns for a path that is not fetched yet.
	ErrLater = errors.New("not looked at yet")
	// ErrNotNeeded is what Mark returns when there is nothing to check.
	ErrNotNeeded = errors.New("not needed")
	// ErrNotEmpty is what Put returns when what would have to be removed has been filled by others.
	ErrNotEmpty = errors.New("not empty")
)

// Failed is a check that was disproven, or not proven by its deadline.
type Failed struct {
	Why      string     // one sentence: what was expected and what was seen
	Hint     string     // what to look at, "" if there is nothing better than the evidence
	Evidence []Evidence // what was seen when it was seen; crash evidence disappears within seconds
}

func (e *Failed) Error() string { return e.Why }

// Unavailable is a check that could not get an answer: a server down, credentials refused.
type Unavailable struct {
	Why  string
	Hint string
}

func (e *Unavailable) Error() string { return e.Why }

// LostError is a connection that ended before the answer came: what was asked may have happened.
type LostError struct {
	Node string
	Op   string // "put /etc/kubernetes/manifests/kube-apiserver.yaml"
	Err  error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s on %s: connection lost: %v", e.Op, e.Node, e.Err)
}

// Unwrap returns the cause.
func (e *LostError) Unwrap() error { return e.Err }

// ConflictError is a path that is neither what was expected before nor after.
type ConflictError struct {
	At     string
	Change Change
	Got    Image
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is %s; expected %s, or %s", e.At, e.Got, e.Change.Before, e.Change.After)
}

// Kind is an entry of the list of task kinds.
type Kind struct {
	Name string      // what its tasks return as their Kind: "yaml-patch"
	New  func() Task // an empty task, another one each time
	// Source is the Go source of the file that declares the task's struct; its field comments are the
	// task's documentation.
	Source string
}
