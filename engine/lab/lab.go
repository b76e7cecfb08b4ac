// Package lab runs throwaway masters on this machine.
//
// Each master is a process in namespaces of its own: a private root with the machine's programs in
// it, read-only, and its own /etc, /var and /root; an SSH server on a port of the machine's
// loopback; a simulated kubelet with its API server (package sim). A supervisor, started from a
// copy of the executable, keeps them running after the command that started it has ended, and one
// Loki for all of them. Nothing has to be installed, and an ordinary user may do it where user
// namespaces are allowed.
//
// Everything lies below one folder. What crosses between the processes:
//
//	command ── JSON lines on control.sock ──> supervisor ── leash (a socket pair) ──> node
//	node reads NODE/shared: clock (the offset of lab time) and breaks/KIND (what is broken)
//
// A node ends when its leash does, so killing the supervisor, in whatever way, ends the lab.
package lab

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/lab/sim"
)

// Options say which lab is wanted.
type Options struct {
	Dir   string   // the lab's folder; made with mode 0700
	Nodes []string // names, in order; none means those that the lab has, or master1 to master3
	Pace  float64  // waits inside the lab are divided by it; 0 means what the lab has, or 1
}

// Status is what there is of a lab.
type Status struct {
	Running    bool          `json:"running"`
	ID         string        `json:"id"` // made at the first Up and at each Reset, "" before
	Nodes      []NodeStatus  `json:"nodes"`
	Loki       string        `json:"loki"`       // http URL on the machine's loopback
	Offset     time.Duration `json:"offset"`     // lab time is machine time plus this; nanoseconds in JSON
	Pace       float64       `json:"pace"`       // every wait inside the lab is divided by it
	KnownHosts string        `json:"knownHosts"` // file with one line a node
	Identity   string        `json:"identity"`   // the only private key that the nodes let in
	PID        int           `json:"pid"`        // of the supervisor, 0 when not running
}

// NodeStatus is one master of the lab.
type NodeStatus struct {
	Name   string   `json:"name"`
	Host   string   `json:"host"` // 127.0.0.1
	Port   int      `json:"port"` // kept across reboots, and across Down and Up where it is still free
	Root   string   `json:"root"` // the node's file tree, seen from the machine
	Broken []string `json:"broken"`
	Up     bool     `json:"up"`
}

// Clock is lab time and the lab's pace.
func (s *Status) Clock() engine.Clock {
	offset := s.Offset
	return engine.Clock{Time: func() time.Time { return time.Now().Add(offset) }, Pace: s.Pace}
}

// BreakKind is one way to break a node.
type BreakKind struct {
	Name string
	What string // one line
}

// Kinds are the ways to break a node, for Break. What they lead to is part of the command line's contract.
func Kinds() []BreakKind {
	var all []BreakKind
	for _, k := range sim.Kinds() {
		all = append(all, BreakKind(k))
	}
	return append(all,
		BreakKind{diskFull, "now: no space is left in /etc/kubernetes; what is changed there goes when it is mended"},
		BreakKind{unreachable, "now: the node answers nothing over SSH, connections that stand included"},
		BreakKind{unreachableLate, "the same, from the moment its API server's manifest changes"})
}

// The kinds that are this package's own doing; the simulation sees to the others.
const (
	diskFull        = "disk-full"
	unreachable     = "unreachable"
	unreachableLate = "unreachable-late"
)

// wholeLab tells that a kind is never about one node alone: there is one Loki.
func wholeLab(kind string) bool { return kind == "loki-down" }

// anyNode tells that a kind needs no node: without one it is about all.
func anyNode(kind string) bool { return strings.HasPrefix(kind, "loki-") }

// checkKind refuses what is not in Kinds.
func checkKind(kind string) error {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	if slices.Contains(names, kind) {
		return nil
	}
	return engine.Problemf(engine.Invalid, "there is no break %q; there are: %s", kind, strings.Join(names, ", "))
}

// Bounds of what a lab may be: names go into files and hostnames, and each node is a few processes.
const (
	maxNodes = 16
	maxPace  = 1000
)

var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// check refuses options that no lab can have.
func (o Options) check() error {
	bad := func(format string, args ...any) error {
		return engine.Problemf(engine.Invalid, "lab: %w", fmt.Errorf(format, args...))
	}
	if o.Dir == "" {
		return bad("no folder to keep it in")
	}
	if math.IsNaN(o.Pace) || o.Pace < 0 || o.Pace > maxPace {
		return bad("pace %v: it is a number from 1 to %d", o.Pace, maxPace)
	}
	if len(o.Nodes) > maxNodes {
		return bad("%d nodes: at most %d fit", len(o.Nodes), maxNodes)
	}
	for i, n := range o.Nodes {
		if !nodeName.MatchString(n) {
			return bad("node %q: a name is letters, digits and dashes in lower case", n)
		}
		if slices.Contains(o.Nodes[:i], n) {
			return bad("node %q is there twice", n)
		}
	}
	return nil
}
