package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/inventory"
)

// How far a node's clock may be from this machine's: guards and evidence are decided on time.
const (
	noteSkew = 5 * time.Second
	maxSkew  = time.Minute
)

// unreadError is a clock that cannot be read although the node answers.
type unreadError struct{ why error }

func (e *unreadError) Error() string { return e.why.Error() }
func (e *unreadError) Unwrap() error { return e.why }

// skew is how far a node's clock is ahead of this machine's, which is below zero where it is behind. It is asked
// once, and what the answer took is in favour of the node.
func skew(ctx context.Context, n engine.Node, clock engine.Clock) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	before := clock.Now()
	out, err := n.Observe(ctx, "date", "-u", "+%s %N")
	after := clock.Now()
	_, ended := errors.AsType[*engine.ExitError](err)
	switch {
	case ended || errors.Is(err, context.DeadlineExceeded):
		return 0, &unreadError{err}
	case err != nil:
		return 0, err
	}
	said, nanos, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	seconds, err := strconv.ParseInt(said, 10, 64)
	if err != nil {
		return 0, &unreadError{err}
	}
	ns, _ := strconv.ParseInt(nanos, 10, 64) // a date without %N is right to the second
	there := time.Unix(seconds, min(max(ns, 0), 999_999_999))
	switch {
	case there.Before(before):
		return there.Sub(before), nil
	case there.After(after):
		return there.Sub(after), nil
	}
	return 0, nil
}

// apart says which of the two clocks is ahead, and by how much.
func apart(skew time.Duration) string {
	if skew < 0 {
		return fmt.Sprintf("%s behind this machine's", -skew.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s ahead of this machine's", skew.Round(time.Millisecond))
}

// clockNote says in a line what is wrong with a node's clock where that holds nothing; "" where nothing is.
func clockNote(node string, skew time.Duration, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("note: the clock of %s cannot be read: %v", node, err)
	case skew.Abs() > noteSkew:
		return fmt.Sprintf("note: the clock of %s is %s; look at the time synchronisation of both: timedatectl", node, apart(skew))
	}
	return ""
}

// noteClock says so when the clock of a node is another one than this machine's. What brings a node back is not
// held by it.
func (s *site) noteClock(ctx context.Context, n engine.Node) {
	by, err := skew(ctx, n, s.clock)
	if text := clockNote(n.Name(), by, err); text != "" && ctx.Err() == nil {
		s.app.note("%s", text)
	}
}

// timed asks a node of the group for its clock. That of the node to be changed holds it, those of others are worth a
// note, and are asked for once.
func (ro *rollout) timed(ctx context.Context, h inventory.Host, itself bool) ([]engine.Hold, error) {
	asked := ro.clocks[h.Name]
	if asked && !itself {
		return nil, nil
	}
	n, err := ro.dial(ctx, h)
	var by time.Duration
	if err == nil {
		by, err = skew(ctx, n, ro.clock)
	}
	why := ""
	_, unread := errors.AsType[*unreadError](err)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case itself && unread:
		why = fmt.Sprintf("the clock of %s cannot be read: %v", h.Name, err)
	case itself && err != nil:
		return nil, err
	case itself && by.Abs() > maxSkew:
		why = fmt.Sprintf("the clock of %s is %s; more than %s apart, they make guards and evidence worthless (set whichever is wrong: timedatectl)", h.Name, apart(by), engine.Duration(maxSkew))
	}
	if itself {
		ro.off = why != ""
	}
	if why != "" {
		return []engine.Hold{{Guard: engine.GuardClock, Why: why}}, nil
	}
	if ro.clocks == nil {
		ro.clocks = map[string]bool{}
	}
	ro.clocks[h.Name] = true
	if text := clockNote(h.Name, by, err); text != "" && !asked {
		ro.app.note("%s", text)
	}
	return nil, nil
}
