package sshnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// take waits for the turn at the worker.
func (n *Node) take(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	select {
	case <-n.turn:
		return nil
	case <-n.done:
		return n.config.gone(errClosed)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (n *Node) give() { n.turn <- struct{}{} }

var (
	errClosed   = errors.New("closed")
	errPatience = errors.New("no answer for far longer than it should take")
)

// patience is how long a request may take that moves so many bytes: enough for a slow disk and a link
// of 64 KiB a second, but not for ever.
func patience(bytes int64) time.Duration {
	return 10*time.Minute + time.Duration(bytes>>16)*time.Second
}

// ready makes sure that there is a worker; whoever calls it has the turn.
func (n *Node) ready(ctx context.Context) error {
	if n.closed.Load() {
		return n.config.gone(errClosed)
	}
	if n.worker != nil {
		return nil
	}
	n.channels.Add(1)
	w, err := openWorker(ctx, n.client, n.config)
	if err != nil {
		return err
	}
	n.worker, n.last = w, time.Now()
	return nil
}

// ask has one exchange with the worker. An exchange that fails, or whose ctx ends meanwhile, leaves
// the stream out of step: that worker is abandoned and the next request starts another. Errors are a
// *Problem before anything was sent, ctx's own when ctx had ended by then, and *LostError from then on.
func (n *Node) ask(ctx context.Context, op string, exchange func(*worker) error) error {
	if err := n.take(ctx); err != nil {
		return err
	}
	defer n.give()
	if err := n.ready(ctx); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	w := n.worker
	if _, err := await(ctx, func() (struct{}, error) { return struct{}{}, exchange(w) }, nil); err != nil {
		w.abandon()
		n.worker = nil
		return n.lost(op, err)
	}
	n.last = time.Now()
	n.roundTrips.Add(1)
	return nil
}

// read is ask for what changes nothing: when ctx has ended, it returns ctx's own error.
func (n *Node) read(ctx context.Context, op string, exchange func(*worker) error) error {
	err := n.ask(ctx, op, exchange)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// await runs f, but waits no longer than ctx: the SSH library waits for a dead server without bounds.
// What f returns too late is given to dispose, which may be nil.
func await[T any](ctx context.Context, f func() (T, error), dispose func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	came := make(chan result, 1)
	go func() {
		v, err := f()
		came <- result{v, err}
	}()
	select {
	case r := <-came:
		return r.value, r.err
	case <-ctx.Done():
		if dispose != nil {
			go func() {
				if r := <-came; r.err == nil {
					dispose(r.value)
				}
			}()
		}
		var none T
		return none, context.Cause(ctx)
	}
}

func (n *Node) lost(op string, err error) error {
	if src, ok := errors.AsType[*sourceError](err); ok {
		return n.config.preflight(src, "%s: the content to write cannot be read: %s", op, clip(src.Error()))
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the node's shell or the connection ended: %w", err)
	}
	return &engine.LostError{Node: n.Name(), Op: op, Err: err}
}

// lease tells an idle worker that somebody is still there; it ends itself after a minute without.
func (n *Node) lease() {
	every := n.config.interval()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-n.done:
			return
		case <-tick.C:
			n.ping(every)
		}
	}
}

// ping asks the worker for a sign of life, unless it is at work or was asked something just now.
func (n *Node) ping(every time.Duration) {
	select {
	case <-n.turn:
	default:
		return
	}
	defer n.give()
	w := n.worker
	if w == nil || time.Since(n.last) < every*3/4 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), max(3*every, 10*time.Second))
	defer cancel()
	_, err := await(ctx, func() (record, error) {
		if err := w.send("ping", 0, 0, nil, 0); err != nil {
			return record{}, err
		}
		return w.receive(0)
	}, nil)
	if err != nil {
		w.abandon()
		n.worker = nil
		return
	}
	n.last = time.Now()
}
