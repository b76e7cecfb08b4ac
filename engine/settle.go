package engine

import (
	"context"
	"errors"
)

// settle makes what is at c.At be c.After, whatever a crash has left: apply, resume and rollback all
// come through here, up with a change and down with its inverse. It alone calls Put.
//
// It returns Already when After stands there (perhaps by a run that died before it could say so), and
// Left when others have filled what would have to be removed. A *ConflictError means that somebody
// else changed the path; nothing was written then.
func settle(ctx context.Context, n WritableNode, c Change) (How, error) {
	got, err := lookAt(ctx, n, c.At)
	switch {
	case err != nil:
		return "", err
	case c.After.Matches(got):
		return Already, nil
	case !c.Before.Matches(got):
		return "", &ConflictError{At: c.At, Change: c, Got: got}
	}
	if err := n.Put(ctx, c); errors.Is(err, ErrNotEmpty) {
		return Left, nil
	} else if err != nil {
		return "", err
	}
	if got, err = lookAt(ctx, n, c.At); err != nil {
		return "", &LostError{Node: n.Name(), Op: "look at " + c.At + " after writing it", Err: err}
	}
	if !c.After.Matches(got) {
		return "", &ConflictError{At: c.At, Change: c, Got: got}
	}
	return Wrote, nil
}

// lookAt looks at one path.
func lookAt(ctx context.Context, n Node, path string) (Image, error) {
	images, err := n.Look(ctx, path)
	if err != nil {
		return Image{}, err
	}
	return images[0], nil
}
