package engine

import (
	"context"
	"errors"
	"strings"
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
	images, err := See(n)(ctx, paths...)
	if err != nil {
		return nil, &blindError{err}
	}
	return images, nil
}

// See is the Look of a node that also asks the probes among the places: one round trip for all paths, and one for each
// probe.
func See(n Node) Look {
	return func(ctx context.Context, places ...string) ([]Image, error) {
		images := make([]Image, len(places))
		var files []string
		for i, at := range places {
			argv, probe := ProbeOf(at)
			switch {
			case probe:
				var err error
				if images[i], err = answer(ctx, n, argv); err != nil {
					return nil, err
				}
			case strings.HasPrefix(at, untold):
				images[i] = Image{Kind: Unknowable}
			default:
				files = append(files, at)
			}
		}
		if len(files) == 0 {
			return images, nil
		}
		got, err := n.Look(ctx, files...)
		if err != nil {
			return nil, err
		}
		if len(got) != len(files) {
			return nil, errors.New("the node answered about other paths than it was asked")
		}
		for i := range images {
			if images[i].Kind == "" {
				images[i], got = got[0], got[1:]
			}
		}
		return images, nil
	}
}

// blindError is a node that could not be looked at.
type blindError struct{ err error }

func (e *blindError) Error() string { return e.err.Error() }

func (e *blindError) Unwrap() error { return e.err }

// unseenError is a change that was made, and that could not be looked at after it. It is no refusal, whatever kept it
// from being seen.
type unseenError struct{ err error }

func (e *unseenError) Error() string { return e.err.Error() }

// rotated reports whether i is what may be where a log stood that others write: another file, or none
// while they turn it over.
func (i Image) rotated(log Image) bool {
	return log.AnyContent && (i.Kind == Absent || i.Kind == File)
}
