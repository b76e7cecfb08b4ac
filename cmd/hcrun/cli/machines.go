package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/sshnode"
	"github.com/hcrun/hcrun/inventory"
)

// ownID is what a copied machine needs.
const ownID = "rm /etc/machine-id && systemd-machine-id-setup && reboot, on the copy"

func machineOf(n *sshnode.Node) engine.MachineOf {
	return engine.MachineOf{Node: n.Name(), Machine: n.Machine(), HostKey: n.HostKey()}
}

// which is the machine whose ledger was read, and what holds it when it is not the one that is on record. past are the
// journals' runs, without those that only nodes know.
func (ro *rollout) which(h inventory.Host, past []*engine.Run, l engine.Ledger) (engine.MachineOf, []engine.Hold) {
	is := machineOf(ro.nodes[h.Name])
	return is, engine.Moved(past, l, ro.address(h), is)
}

// namesake asks another node which machine it is, where nothing is to be changed and others are not asked else, if by
// the journals it may be the one at hand: what stands there would be found in place under its second name as well.
func (ro *rollout) namesake(ctx context.Context, h inventory.Host, past []*engine.Run, is engine.MachineOf) ([]engine.MachineOf, []engine.Hold, error) {
	was, run := engine.MachineOn(past, h.Name, ro.address(h))
	if was == "" || was != is.Machine {
		return nil, nil, nil
	}
	n, err := ro.dial(ctx, h)
	switch {
	case ctx.Err() != nil:
		return nil, nil, context.Cause(ctx)
	case err != nil:
		return nil, []engine.Hold{{Guard: engine.GuardMachine, Why: fmt.Sprintf("%s was machine %s, by run %s, and does not say whether it still is: %v", h.Name, was, run, err)}}, nil
	}
	return []engine.MachineOf{machineOf(n)}, nil, nil
}

// apart refuses nodes of the group that are one machine, and notes, once, those that are copies of one.
func (ro *rollout) apart(all []engine.MachineOf) error {
	same, copies := engine.Twins(all)
	if len(same) > 0 {
		return engine.OneMachine(same[0])
	}
	for _, c := range copies {
		if !slices.Contains(ro.copies, c) {
			ro.copies = append(ro.copies, c)
			ro.app.note("note: %s", copied(c))
		}
	}
	return nil
}

func copied(c [2]string) string {
	return fmt.Sprintf("%s and %s have one machine-id and host keys of their own: copies of one machine; their machine-id proves nothing (%s)", c[0], c[1], ownID)
}

// planned refuses a machine that the plan was not made on.
func planned(it intent, is engine.MachineOf) error {
	if it.machine == "" || is.Machine == "" || it.machine == is.Machine {
		return nil
	}
	p := engine.Problemf(engine.Identity, "the plan was made on machine %s; machine %s answers as %s now", it.machine, is.Machine, it.host.Name)
	p.Now, p.Next = "nothing was changed", "find out why, then make the plan again"
	return p
}

// examineMachine says which machine a node is, and whether it is the one on record.
func (s *site) examineMachine(ctx context.Context, n *sshnode.Node, h inventory.Host, past []*engine.Run) finding {
	f := finding{Node: h.Name, Check: "machine", Level: fine}
	is := machineOf(n)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	l, _ := n.Ledger(ctx) // one that cannot be read is a finding of its own
	was, run := engine.MachineOn(past, h.Name, s.address(h))
	moved := engine.Moved(past, l, s.address(h), is)
	switch {
	case is.Machine == "":
		f.Level, f.Text, f.Do = warning, "it does not say which machine it is: it has no /etc/machine-id; only its host key tells it from others", "systemd-machine-id-setup, on the node"
	case len(moved) > 0:
		f.Level, f.code, f.Text, f.Do = inTheWay, engine.Identity, moved[0].Why, "find out what moved; when it was replaced: hcrun apply ... --override machine --reason TEXT"
	case was == "":
		f.Text = "it is machine " + is.Machine
	default:
		f.Text = "it is machine " + is.Machine + ", as in run " + run
	}
	return f
}

// examineTwins looks for names that lead to one machine. Only those of one group would be counted as two.
func examineTwins(hosts []inventory.Host, all []engine.MachineOf) []finding {
	groups := map[string][]string{}
	for _, h := range hosts {
		groups[h.Name] = h.Groups
	}
	same, copies := engine.Twins(all)
	var found []finding
	for _, two := range same {
		p := engine.OneMachine(two)
		f := finding{Node: two[1], Check: "machine", Level: warning, Text: p.What, Do: p.Next}
		if slices.ContainsFunc(groups[two[0]], func(g string) bool { return slices.Contains(groups[two[1]], g) }) {
			f.Level, f.code = inTheWay, p.Code
		}
		found = append(found, f)
	}
	for _, two := range copies {
		found = append(found, finding{Node: two[1], Check: "machine", Level: warning, Text: copied(two)})
	}
	return found
}
