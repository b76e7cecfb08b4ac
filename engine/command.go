package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Command is how a change is made that is not the content of a path: a unit is enabled, a daemon reads its files
// again. The place of such a change is what tells its state: Probe of a command that only reads, or Untold where
// nothing does.
type Command struct {
	// Run brings After about, and Undo brings Before about again: argv, no shell. Without Undo it cannot be undone,
	// and without Run nothing is done on the way up. Undo has to do no harm where Run has not run, or Undo itself has: a node
	// that undoes a run by itself cannot know, nor can whoever takes up a rollback that was cut off.
	Run  []string `json:"run,omitempty"`
	Undo []string `json:"undo,omitempty"`
	// Limit is how long either may take before it is killed; 0 is a minute.
	Limit Duration `json:"limit,omitempty"`
	// Again says that Run does no harm when it runs a second time, after a crash in the middle of it.
	Again bool `json:"again,omitempty"`

	back bool // it is an inverse
}

// commandTime is how long a command may take that does not say.
const commandTime = Minute

// Longest is how long Run or Undo may take.
func (c Command) Longest() Duration { return cmp.Or(c.Limit, commandTime) }

// Back reports whether c undoes a command.
func (c Command) Back() bool { return c.back }

// inverse is the command that undoes c; nil for nil.
func (c *Command) inverse() *Command {
	if c == nil {
		return nil
	}
	return &Command{Run: c.Undo, Undo: c.Run, Limit: c.Limit, Again: c.Again, back: !c.back}
}

const (
	probed = "$ " // the place of a change that a probe tells of
	untold = "! " // of one that nothing tells of
	// maxSays is how many bytes of a probe's answer count.
	maxSays = 1000
)

// Probe is the place of a change whose state argv tells, a command of the read-only table: what it prints is what is
// there.
func Probe(argv ...string) string { return probed + ShellWords(argv) }

// Untold is the place of a change whose state no command tells: only the record says whether argv ran.
func Untold(argv ...string) string { return untold + ShellWords(argv) }

// ProbeOf is the command that tells what is at a place, false where it is the path of a file.
func ProbeOf(at string) (argv []string, ok bool) {
	text, ok := strings.CutPrefix(at, probed)
	if !ok {
		return nil, false
	}
	argv, err := splitWords(text)
	return argv, err == nil
}

// Says is the image of a probe that prints text.
func Says(text string) Image { return Image{Kind: Answer, Says: text} }

// Name is what the change is about: a path, or the command that makes it.
func (c Change) Name() string {
	switch {
	case c.Cmd == nil:
		return c.At
	case len(c.Cmd.Run) == 0:
		return ShellWords(c.Cmd.Undo)
	}
	return ShellWords(c.Cmd.Run)
}

// The states of a command that nothing tells of.
const (
	notRun = "not run"
	hasRun = "run"
)

// CommandChange is the change that a command makes: from what a probe says to what it shall say then. With an empty
// probe nothing tells the state, and it is made whenever it is planned.
func CommandChange(probe []string, before Image, want string, c Command) Change {
	if len(probe) > 0 {
		return Change{At: Probe(probe...), Before: before, After: Says(want), Cmd: &c}
	}
	return Change{At: Untold(slices.Concat(c.Run, c.Undo)...), Before: Says(notRun), After: Says(hasRun), Cmd: &c}
}

// ShellWords is argv as a person types it; what a shell would take apart is in single quotes.
func ShellWords(argv []string) string {
	words := slices.Clone(argv)
	for i, w := range words {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-", r)
		}) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// splitWords is the argv of ShellWords.
func splitWords(s string) ([]string, error) {
	var argv []string
	var w strings.Builder
	for quoted := false; s != ""; {
		switch {
		case s[0] == '\'':
			quoted, s = !quoted, s[1:]
		case !quoted && strings.HasPrefix(s, `\'`):
			w.WriteByte('\'')
			s = s[2:]
		case !quoted && s[0] == ' ':
			argv, s = append(argv, w.String()), s[1:]
			w.Reset()
		default:
			w.WriteByte(s[0])
			s = s[1:]
		}
		if s == "" && quoted {
			return nil, errors.New("a quote that is not closed")
		}
	}
	return append(argv, w.String()), nil
}

// answer asks a probe.
func answer(ctx context.Context, n Node, argv []string) (Image, error) {
	out, err := n.Observe(ctx, argv...)
	exit, ended := errors.AsType[*ExitError](err)
	if err != nil && !ended {
		return Image{}, err
	}
	said := strings.TrimRight(string(out), "\n")
	if said == "" && ended {
		said = fmt.Sprintf("status %d", exit.Code)
	}
	if len(said) > maxSays {
		return Image{}, Problemf(Preflight, "%s prints %d bytes; a state has at most %d", ShellWords(argv), len(said), maxSays)
	}
	return Says(said), nil
}

// UndecidedError is a command of which nobody knows whether it ran: it was about to, and nothing tells.
type UndecidedError struct{ Command string }

func (e *UndecidedError) Error() string {
	return "nothing tells whether " + e.Command + " has run"
}

// undecided reports whether the operation at the cursor is such a command.
func (r *Run) undecided() bool {
	if !r.InDoubt || r.again || r.disproven || r.falling() || r.atEnd() || r.isCheck(r.Next) {
		return false
	}
	c := r.change(r.Next)
	return c.Cmd != nil && strings.HasPrefix(c.At, untold) && !c.Cmd.Again
}

// Decide records what an operator says of a command of which nothing tells whether it ran: it did, and the run goes on
// behind it, or it is run again.
func (e *Engine) Decide(r *Run, user string, ran bool) error {
	if !r.undecided() {
		return &Problem{Code: Invalid, What: "run " + r.ID + " has no command of which nobody knows whether it ran", Now: situation(r), Next: goOn(r)}
	}
	how := Retried
	if ran {
		how = Marked
	}
	return (&passage{Engine: e, r: r}).decide(user, how)
}

func (p *passage) decide(user string, how How) error {
	c, e := p.r.change(p.r.Next), p.op(p.r.Next)
	e.Path, e.How, e.Text = c.At, how, c.Name()
	return p.record(p.r, Event{Kind: EvDecided, Op: e, End: &End{User: user}})
}

// notOver is what a node has left whose switch fired and did not come to its end.
const notOver = "the node was not done with it when it was asked"

// undoneElsewhere reports whether the node had been rolled back before this run was turned.
func (r *Run) undoneElsewhere() bool { return r.Turned != nil && r.Turned.Elsewhere }

// undidItself reports whether the node has run c, which undoes a command, when its switch fired.
func (r *Run) undidItself(c Change) bool {
	return r.Fired() && !slices.ContainsFunc(r.Turned.Left, func(l string) bool {
		return l == notOver || strings.HasPrefix(l, ShellWords(c.Cmd.Run)+": ")
	})
}
