package engine

import (
	"context"
	"errors"
	"io"
	"sync"
)

// keep stores the bytes of every before- and after-image, each once.
func (e *Engine) keep(ctx context.Context, steps []PlannedStep) error {
	kept := map[string]bool{}
	for _, c := range Changes(steps) {
		for _, img := range []Image{c.Before, c.After} {
			if img.Kind != File || img.AnyContent || img.Content.IsZero() || kept[img.Content.Hash()] {
				continue
			}
			kept[img.Content.Hash()] = true
			src := &source{of: img.Content}
			src.of.secret = c.Secret
			if err := e.Journal.Keep(ctx, src.content()); err != nil {
				return src.problem(ctx, c.At, err)
			}
		}
	}
	return nil
}

// source watches the reading of a content, to tell bytes that cannot be read from a journal (or node)
// that cannot take them.
type source struct {
	of  Content
	mu  sync.Mutex
	err error // why the bytes could not be read
}

func (s *source) failed(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && err != io.EOF && s.err == nil {
		s.err = err
	}
	return err
}

// cause is why the bytes could not be read, nil when they could.
func (s *source) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// content is the content that is watched.
func (s *source) content() Content {
	c := NewContent(s.of.Hash(), s.of.Size(), func(ctx context.Context) (io.ReadCloser, error) {
		r, err := s.of.Open(ctx)
		if err != nil {
			return nil, s.failed(err)
		}
		return &watchedReader{r, s}, nil
	})
	c.secret = s.of.secret
	return c
}

// problem says why Keep returned err.
func (s *source) problem(ctx context.Context, at string, err error) error {
	cause := s.cause()
	code := Preflight
	switch {
	case ctx.Err() != nil:
		return &Problem{Code: Interrupted, What: "stopped while what is at " + at + " was being kept", Now: "nothing was touched", Err: err}
	case cause == nil:
		return notDurable(&Run{}, "", err)
	case errors.Is(cause, ErrChanged):
		code = Stale
	case isLost(cause):
		code = Unreachable
	default:
		if p, ok := errors.AsType[*Problem](cause); ok {
			return p
		}
	}
	return &Problem{Code: code, What: "keep what is at " + at + ": " + cause.Error(), Now: "nothing was touched", Next: "hcrun apply, again", Err: cause}
}

type watchedReader struct {
	io.ReadCloser
	of *source
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	return n, r.of.failed(err)
}

// attach returns the steps with contents that are read from the journal: a run writes what was
// recorded, whatever has become of the files that it was planned from.
func (e *Engine) attach(steps []PlannedStep) []PlannedStep {
	all := make([]PlannedStep, len(steps))
	for i, s := range steps {
		if all[i] = s; len(s.Changes) == 0 {
			continue
		}
		changes := make([]Change, len(s.Changes))
		for j, c := range s.Changes {
			c.Before, c.After = e.recorded(c.Before), e.recorded(c.After)
			changes[j] = c
		}
		all[i].Changes = changes
	}
	return all
}

// recorded is the image with its content as the journal has it. A file that others write has none: it
// is created empty and never replaced.
func (e *Engine) recorded(i Image) Image {
	if i.AnyContent || i.Content.IsZero() {
		i.Content = Content{}
		return i
	}
	c := i.Content
	i.Content = NewContent(c.Hash(), c.Size(), func(ctx context.Context) (io.ReadCloser, error) { return e.Journal.Open(ctx, c) })
	return i
}
