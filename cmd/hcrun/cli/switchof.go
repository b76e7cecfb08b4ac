package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
)

// askTime is how long a node is asked for no more than to tell what it knows.
const askTime = 10 * time.Second

// askSwitch says what the node of an unfinished run has done with it meanwhile, or will do; "" where it has no
// switch.
func (a *app) askSwitch(ctx context.Context, r *engine.Run) string {
	if r.Armed == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	until := ui.Moment(r.Armed.Until, ui.Zone(r))
	s, err := a.switchOf(ctx, r)
	switch {
	case err != nil && r.Armed.Weak:
		return fmt.Sprintf("%s cannot be asked (%v); it undoes the run by itself at %s, unless it was rebooted", r.Node, err, until)
	case err != nil:
		return fmt.Sprintf("%s cannot be asked (%v); it undoes the run by itself at %s, or when it boots", r.Node, err, until)
	case s.State == engine.HasFired:
		return fmt.Sprintf("%s has undone the run by itself; resume looks at it and ends the run", r.Node)
	case s.State == engine.Armed:
		return fmt.Sprintf("%s undoes the run by itself at %s, unless it is resumed before", r.Node, until)
	}
	return ""
}

func (a *app) switchOf(ctx context.Context, r *engine.Run) (engine.Switch, error) {
	own := *a // siteOf remembers the run's inventory
	s, h, err := own.siteOf(ctx, r)
	if err != nil {
		return engine.Switch{}, err
	}
	defer s.close()
	n, err := s.dial(ctx, h)
	if err != nil {
		return engine.Switch{}, err
	}
	if err := r.SameMachine(n); err != nil {
		return engine.Switch{}, err
	}
	return n.Switch(ctx, r.ID)
}
