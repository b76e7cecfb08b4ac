package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
)

// waitFor is the moment at which waiting alone opens what holds a node; zero when it does not.
func waitFor(err error) time.Time {
	held, ok := errors.AsType[*engine.NotYetError](err)
	if !ok {
		return time.Time{}
	}
	for _, h := range held.Holds {
		if h.Until.IsZero() {
			return time.Time{}
		}
	}
	return held.Until
}

// countdown waits until the calendar has reached until, and shows how long that still takes. A lab's
// clock may be moved meanwhile.
func (ro *rollout) countdown(ctx context.Context, node string, until time.Time, why error) error {
	ro.app.note("%v", why)
	shown, hour := time.Duration(0), ui.Moment(until, until.Location())
	for {
		left := until.Sub(ro.clock.Now())
		if left <= 0 {
			ro.app.note("%s may start now", node)
			return nil
		}
		if ro.app.redraws && !ro.app.json {
			fmt.Fprintf(ro.app.out, "\r\x1b[Kwaiting for %s: %s left, until %s; Ctrl-C stops, nothing is changed meanwhile", ui.Line(node), left.Round(time.Second), hour)
		} else if shown == 0 || shown-left >= time.Hour {
			ro.app.note("waiting for %s: %s left, until %s", node, left.Round(time.Second), hour)
			shown = left
		}
		select {
		case <-ctx.Done():
			if ro.app.redraws && !ro.app.json {
				fmt.Fprintln(ro.app.out)
			}
			return context.Cause(ctx)
		case <-time.After(min(left, time.Second)):
		}
		if err := ro.refresh(ctx); err != nil {
			return err
		}
	}
}
