// Package inventory says which nodes there are and how to reach them. It never connects.
package inventory

import "time"

// Inventory is the nodes that a file lists.
type Inventory struct {
	Path   string
	Hosts  []Host
	Groups []Group
	Lab    *Lab // set when the nodes are a lab's: then they have no address
}

// Lab says how a lab's clock runs.
type Lab struct {
	Pace float64 // divides every wait, poll and keepalive
}

// Host is one node and how to reach it.
type Host struct {
	Name, Address  string
	Port           int
	User           string
	Identities     []string // private key files
	Agent          *bool    // whether the SSH agent is asked; nil: where there is one
	KnownHosts     []string
	Become         bool // through sudo -n
	ConnectTimeout time.Duration
	FailureDomain  string
	Vars           map[string]any
	Switch         string
	Groups         []string
}

// Group is a named set of hosts.
type Group struct {
	Name    string
	Hosts   []string
	Workers bool
}
