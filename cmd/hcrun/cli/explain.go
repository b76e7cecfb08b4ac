package cli

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// located is an error together with the playbook's line that it came from.
type located struct {
	err   error
	where string
}

func (l *located) Error() string { return l.err.Error() }
func (l *located) Unwrap() error { return l.err }

// locate finds the line of the playbook that an error came from, if it is one that has lines.
func locate(from book, err error) error {
	file, ok := from.(*playbooks.File)
	if err == nil || !ok || file == nil {
		return err
	}
	where := file.Explain(err)
	if where == "" {
		return err
	}
	return &located{err, where}
}

// explain makes any error one that a person can act on, and says where in a playbook it came from.
func (a *app) explain(err error) (string, error) {
	where, err := a.problem(err)
	if p, ok := err.(*engine.Problem); ok && p.Next == "" && retriable(p.Code) {
		named := *p
		named.Next = "put that right, then the same command again"
		if p.Code == engine.Locked || p.Code == engine.Busy {
			named.Next = "wait for it to end, then the same command again"
		}
		return where, &named
	}
	return where, err
}

// retriable reports whether nothing was begun, so that the same command is what comes next.
func retriable(c engine.Code) bool {
	switch c {
	case engine.Held, engine.Locked, engine.Identity, engine.Unreachable, engine.Preflight, engine.Busy, engine.Security, engine.CannotVerify:
		return true
	}
	return false
}

// problem makes any error a Problem, as far as it is known what it means.
func (a *app) problem(err error) (string, error) {
	where := ""
	if l, ok := errors.AsType[*located](err); ok {
		where = l.where
	}
	if _, ok := errors.AsType[*engine.Problem](err); ok {
		return where, problemOf(err)
	}
	if bad, ok := errors.AsType[*lang.Error](err); ok {
		code := engine.Invalid
		for _, cause := range bad.Causes() {
			if engine.CodeOf(cause) == engine.Security {
				code = engine.Security
			}
		}
		return where, &engine.Problem{Code: code, What: err.Error(), Err: err}
	}
	if errors.Is(err, errSignal) || errors.Is(err, context.Canceled) {
		return where, &engine.Problem{Code: engine.Interrupted, What: "interrupted; nothing was being changed", Err: err}
	}
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES} {
		if errors.Is(err, full) {
			return where, &engine.Problem{Code: engine.NotDurable, What: err.Error(), Now: "nothing was changed", Next: "make room or name another state folder with --state, then the same command again", Err: err}
		}
	}
	if strings.HasPrefix(err.Error(), "unknown command") {
		return where, &engine.Problem{Code: engine.Invalid, What: err.Error() + "; see `hcrun --help`", Err: err}
	}
	if lost, ok := errors.AsType[*engine.LostError](err); ok {
		return where, &engine.Problem{Code: engine.Unreachable, What: lost.Error(), Now: "nothing was changed", Err: err}
	}
	if step, ok := errors.AsType[*engine.StepError](err); ok {
		return where, stepProblem(step)
	}
	return where, err
}

// problemOf is the Problem in err, with what was wrapped around it.
func problemOf(err error) error {
	p, _ := errors.AsType[*engine.Problem](err)
	step, ok := errors.AsType[*engine.StepError](err)
	if !ok || strings.Contains(p.What, step.Name) {
		return p
	}
	named := *p
	named.What = step.Kind + "." + step.Name + ": " + p.What
	return &named
}

// stepProblem is what planning or asking a step said before anything was written.
func stepProblem(step *engine.StepError) error {
	code := engine.Preflight
	if _, ok := errors.AsType[*engine.Unavailable](step.Err); ok {
		code = engine.CannotVerify
	}
	return &engine.Problem{Code: code, What: step.Kind + "." + step.Name + ": " + step.Err.Error(), Now: "nothing was changed", Err: step}
}
