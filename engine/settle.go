package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// settle makes what is at c.At be c.After, whatever a crash has left: apply, resume and rollback all
// come through here, up with a change and down with its inverse. It alone calls Put, and it calls
// ahead, which makes the intent durable, before; when ahead fails nothing is written.
//
// It returns Already when After stands there (perhaps by a run that died before it could say so), and
// Left when others have filled what would have to be removed, and for a command that cannot be undone. A *ConflictError means that somebody
// else changed the path; nothing was overwritten then. A *blindError means that the path could not be
// looked at. Any other error is Put's or ahead's own.
func settle(ctx context.Context, n WritableNode, c Change, ahead func() error) (How, error) {
	got, err := lookAt(ctx, n, c.At)
	switch {
	case err != nil:
		return "", err
	case c.After.Matches(got) && got.Kind != Unknowable:
		return Already, nil
	case c.Cmd != nil && len(c.Cmd.Run) == 0 && c.Cmd.back:
		return Left, nil // it cannot be undone
	case c.Cmd != nil && len(c.Cmd.Run) == 0:
		return Later, nil
	case c.Cmd != nil: // whatever is told now, it is what the command is for
	case c.Before.AnyContent && c.After.Kind == Absent && got.Kind == File && !c.Before.Matches(got):
		return Left, nil // a log whose mode or owner the rotation of its writer has changed
	case !c.Before.Matches(got):
		return "", &ConflictError{At: c.At, Change: c, Got: got}
	}
	if err := ahead(); err != nil {
		return "", err
	}
	if err := n.Put(ctx, c); errors.Is(err, ErrNotEmpty) {
		return Left, nil
	} else if err != nil {
		return "", err
	}
	if c.Cmd != nil && c.Cmd.back {
		return Wrote, nil // what it says then may wait for a file that is still to be put back: it is asked at the end
	}
	if got, err = lookAt(ctx, n, c.At); err != nil {
		return "", &unseenError{err}
	}
	switch {
	case c.After.Matches(got):
		return Wrote, nil
	case c.Cmd != nil:
		return "", &ExitError{Argv: c.Cmd.Run, Stderr: fmt.Sprintf("%s says %s then, not %s", strings.TrimPrefix(c.At, probed), got, c.After)}
	}
	return "", &ConflictError{At: c.At, Change: c, Got: got}
}
