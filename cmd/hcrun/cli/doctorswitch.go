package cli

import (
	"context"
	"fmt"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/inventory"
)

// examineSwitch looks at who holds a node, at what its dead-man's switch has done, and whether it could have one.
func examineSwitch(ctx context.Context, n engine.Claimable, h inventory.Host) []finding {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	say := func(check string, l level, do, format string, args ...any) finding {
		f := finding{Node: n.Name(), Check: check, Level: l, Text: fmt.Sprintf(format, args...), Do: do}
		if l == inTheWay {
			f.code = engine.Preflight
		}
		return f
	}
	var found []finding
	images, err := n.Look(ctx, "/run/systemd/system")
	switch strong := err == nil && images[0].Kind == engine.Dir; {
	case err != nil:
		found = append(found, say("switch", warning, "", "whether systemd runs there cannot be asked: %v", err))
	case !strong && h.Switch != inventory.WeakSwitch:
		found = append(found, say("switch", inTheWay, `switch = "weak" in its host block, if that is accepted`, "no systemd runs there: its dead-man's switch would not survive a reboot"))
	case !strong:
		found = append(found, say("switch", fine, "", "its dead-man's switch does not survive a reboot, which the inventory accepts"))
	default:
		found = append(found, say("switch", fine, "", "its dead-man's switch survives a reboot"))
	}
	l, err := n.Ledger(ctx)
	if err != nil {
		return append(found, say("claim", warning, "", "who holds it cannot be asked: %v", err))
	}
	if l.Claim == nil || l.Claim.Ack {
		return append(found, say("claim", fine, "", "nobody holds it"))
	}
	c := l.Claim
	who := fmt.Sprintf("run %s of %s, by %s, since %s", c.Run, c.Playbook, c.By, ui.Moment(c.Since, nil))
	s, err := n.Switch(ctx, c.Run)
	switch {
	case err != nil:
		return append(found, say("claim", warning, "", "%s holds it; what its switch has done cannot be asked: %v", who, err))
	case s.State == engine.HasFired:
		return append(found, say("claim", warning, "hcrun resume "+c.Run+", from "+c.Folder, "it has undone %s by itself", who))
	case s.State == engine.Armed:
		return append(found, say("claim", warning, "hcrun resume "+c.Run+", from "+c.Folder, "%s holds it, and it undoes the run by itself unless that is confirmed in time", who))
	}
	return append(found, say("claim", warning, "hcrun resume "+c.Run+", from "+c.Folder, "%s holds it", who))
}
