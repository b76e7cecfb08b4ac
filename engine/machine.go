package engine

import (
	"fmt"
	"slices"
	"strings"
)

// MachineOf says which machine a node is, and how it has shown that. An address or a name leads elsewhere once a
// virtual address has moved, and a host key is copied with the disk that it is on; both together do not lie.
type MachineOf struct {
	Node    string
	Machine string // see Claimable; "" where the node does not say
	HostKey string // "TYPE FINGERPRINT", "" where another program has checked it
}

// apart reports whether the host keys prove that two nodes that say the same are two machines: copies of one disk.
// Keys of two types prove nothing, since one server has one of each.
func (m MachineOf) apart(o MachineOf) bool {
	a, _, _ := strings.Cut(m.HostKey, " ")
	b, _, _ := strings.Cut(o.HostKey, " ")
	return a != "" && a == b && m.HostKey != o.HostKey
}

// Twins finds the nodes that say to be the same machine. same are two names of one machine, which guards would
// count as two; copies are machines that share a machine-id and have host keys of their own, which proves nothing
// about either of them.
func Twins(all []MachineOf) (same, copies [][2]string) {
	for i, m := range all {
		for _, o := range all[:i] {
			switch {
			case m.Machine == "" || m.Machine != o.Machine || m.Node == o.Node:
			case m.apart(o):
				copies = append(copies, [2]string{o.Node, m.Node})
			default:
				same = append(same, [2]string{o.Node, m.Node})
			}
		}
	}
	return same, copies
}

// OneMachine is the refusal of two names for one machine.
func OneMachine(names [2]string) *Problem {
	return &Problem{
		Code: Identity,
		What: fmt.Sprintf("%s and %s are one machine: both answer with the same machine-id, and their host keys do not tell them apart; one would count as two", names[0], names[1]),
		Now:  "nothing was changed by this command",
		Next: "look at the addresses of both in the inventory; a copied machine needs a machine-id and host keys of its own",
	}
}

// MachineOn is which machine a node was, and in which run: the newest with that name and address that knows; "" when
// none does. past is oldest first.
func MachineOn(past []*Run, node, address string) (machine, run string) {
	for _, r := range slices.Backward(past) {
		if r.Node == node && r.Address == address && r.Machine != "" {
			return r.Machine, r.ID
		}
	}
	return "", ""
}

// Moved holds a node that is another machine than the one that is on record for it: in the newest run here that has
// that name and address and knows, else on the node itself, whose record may have been copied with its disk. past is
// oldest first. A node that does not say which machine it is, or of which nobody knows, is not held.
func Moved(past []*Run, l Ledger, address string, is MachineOf) []Hold {
	if is.Machine == "" {
		return nil
	}
	machine, run := MachineOn(past, is.Node, address)
	where := "by run " + run
	for _, o := range slices.Backward(l.Outcomes) {
		if machine == "" && o.Machine != "" {
			machine, where = o.Machine, "on the node itself, by run "+o.Run
		}
	}
	if machine == "" || machine == is.Machine {
		return nil
	}
	return []Hold{{Guard: GuardMachine, Why: fmt.Sprintf("%s (%s) is another machine than before: machine %s answers there, and machine %s is on record, %s", is.Node, address, is.Machine, machine, where)}}
}

// SameMachine returns nil unless n is another machine than the one that the run is for. What the run has on record
// says nothing about that one, and no override makes it.
func (r *Run) SameMachine(n Claimable) error {
	is := n.Machine()
	if is == "" || r.Machine == "" || is == r.Machine {
		return nil
	}
	p := &Problem{
		Code: Identity,
		What: fmt.Sprintf("%s (%s) is another machine than the one that run %s is for: machine %s answers there, and machine %s is on record", r.Node, r.Address, r.ID, is, r.Machine),
		Now:  situation(r) + "; nothing was changed by this command",
		Next: "hcrun doctor, and the same command when " + r.Node + " leads to that machine again",
	}
	if r.Dirty() {
		p.Next += "; when that is gone for good: hcrun abandon " + r.ID + " --reason TEXT"
	}
	return p
}
