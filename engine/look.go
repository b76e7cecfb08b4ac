package engine

import (
	"context"
	"errors"
)

// lookAt looks at one path.
func lookAt(ctx context.Context, n Node, path string) (Image, error) {
	images, err := lookAll(ctx, n, []string{path})
	if err != nil {
		return Image{}, err
	}
	return images[0], nil
}

// lookAll looks at all the paths in one round trip.
func lookAll(ctx context.Context, n Node, paths []string) ([]Image, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	images, err := n.Look(ctx, paths...)
	if err != nil {
		return nil, &blindError{err}
	}
	if len(images) != len(paths) {
		return nil, &blindError{errors.New("the node answered about other paths than it was asked")}
	}
	return images, nil
}

// blindError is a node that could not be looked at.
type blindError struct{ err error }

func (e *blindError) Error() string { return e.err.Error() }

func (e *blindError) Unwrap() error { return e.err }

// rotated reports whether i is what may be where a log stood that others write: another file, or none
// while they turn it over.
func (i Image) rotated(log Image) bool {
	return log.AnyContent && (i.Kind == Absent || i.Kind == File)
}
