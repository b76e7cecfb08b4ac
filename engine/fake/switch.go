package fake

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// deadman is a switch of the node: it fires when a test says so.
type deadman struct {
	state engine.SwitchState
	all   []engine.Restore
	kept  map[string]entry // what was there, by path
	left  []string
}

// Arm implements engine.WritableNode. The switch waits for Fire, however long that takes.
func (h *held) Arm(ctx context.Context, within time.Duration, all []engine.Restore) (weak bool, err error) {
	if err := h.toHold(ctx, "arm", h.token); err != nil {
		return false, err
	}
	h.mu.Lock()
	err = h.arm(all)
	h.mu.Unlock()
	if err == nil {
		h.Fuse.burn("after arm")
	}
	return false, err
}

func (h *held) arm(all []engine.Restore) error {
	switch d := h.switches[h.run]; {
	case d != nil && d.state == engine.HasFired:
		return engine.Problemf(engine.Security, "the switch has fired")
	case d != nil:
		d.state = engine.Armed
		return nil
	}
	d := &deadman{state: engine.Armed, all: slices.Clone(all), kept: map[string]entry{}}
	for _, r := range all {
		if r.Cmd != nil {
			continue
		}
		got := h.image(r.At)
		if r.Before.Kind != engine.Absent && !r.Before.Matches(got) {
			return engine.Problemf(engine.Stale, "%s is not what the plan saw: %s", r.At, got)
		}
		d.kept[r.At] = h.tree[r.At]
	}
	if h.switches == nil {
		h.switches = map[string]*deadman{}
	}
	h.switches[h.run] = d
	return nil
}

// Switch implements engine.Claimable.
func (n *Node) Switch(ctx context.Context, run string) (engine.Switch, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.switches[run]
	if d == nil {
		return engine.Switch{}, ctx.Err()
	}
	return engine.Switch{State: d.state, Left: slices.Clone(d.left), Over: true}, ctx.Err()
}

// Copy implements engine.Claimable.
func (n *Node) Copy(ctx context.Context, run string, i int) (engine.Content, error) {
	n.Fuse.burn("before copy")
	if n.OnCopy != nil {
		if err := n.OnCopy(); err != nil {
			return engine.Content{}, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.switches[run]
	if d == nil || i < 0 || i >= len(d.all) || d.all[i].Before.AnyContent || d.kept[d.all[i].At].kind != engine.File {
		return engine.Content{}, ctx.Err()
	}
	return engine.Bytes([]byte(d.kept[d.all[i].At].data)), ctx.Err()
}

// Spoil has somebody write into the copy that the node has of what was at a path before a run.
func (n *Node) Spoil(run, at, data string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.switches[run].kept[at]
	e.data = data
	n.switches[run].kept[at] = e
}

// decideOthers confirms what other runs have armed: whoever holds the node answers for it. The caller has the lock.
func (n *Node) decideOthers(run string) {
	for name := range n.switches {
		if name != run {
			n.confirm(name, true)
		}
	}
}

// confirm ends the switch of a run; keep keeps its copies. The caller has the lock.
func (n *Node) confirm(run string, keep bool) {
	switch d := n.switches[run]; {
	case d == nil:
	case !keep:
		delete(n.switches, run)
	case d.state == engine.Armed:
		d.state = engine.Confirmed
	}
}

// Fire has the time of the switch of a run pass: unless it was confirmed, the node undoes the run. It reports
// whether it did.
func (n *Node) Fire(run string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.switches[run]
	if d == nil || d.state != engine.Armed {
		return false
	}
	d.state = engine.HasFired
	if c := n.ledger.Claim; c != nil && c.Run == run {
		c.Token = "fired"
	}
	for _, r := range d.all {
		if why := n.back(r, d.kept[r.At]); why != "" {
			at := r.At
			if r.Cmd != nil {
				at = engine.ShellWords(r.Cmd.Run)
			}
			d.left = append(d.left, fmt.Sprintf("%s: %s", at, why))
		}
	}
	return true
}

// back puts one path back, or says why not.
func (n *Node) back(r engine.Restore, was entry) string {
	if r.Cmd != nil {
		if n.OnUndo != nil {
			if why := n.OnUndo(r); why != "" {
				return why
			}
		}
		if n.says[r.At] != r.Before.Says {
			n.ran = append(n.ran, engine.ShellWords(r.Cmd.Run))
			n.say(r.At, r.Before.Says)
		}
		return ""
	}
	got := n.image(r.At)
	switch {
	case r.Before.Matches(got):
		return ""
	case !slices.ContainsFunc(r.After, func(i engine.Image) bool { return i.Matches(got) }):
		return "somebody has changed it"
	case r.Before.Kind == engine.Absent && got.Kind == engine.Dir && len(got.Names) > 0:
		return "others have filled it"
	case r.Before.Kind == engine.Absent && r.After[0].AnyContent && got.Content.Size() > 0:
		return "others have filled it"
	case r.Before.Kind == engine.Absent:
		delete(n.tree, r.At)
		return ""
	case n.tree[path.Dir(r.At)].kind != engine.Dir:
		return "its directory is not there"
	}
	if r.Before.AnyContent {
		was.data = n.tree[r.At].data
	}
	n.tree[r.At] = was
	return ""
}
