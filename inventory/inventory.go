// Package inventory says which nodes there are and how to reach them. It never connects.
package inventory

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Inventory is the nodes that a file lists.
type Inventory struct {
	Path   string
	Hosts  []Host
	Groups []Group
	Lab    *Lab // set when the nodes are a lab's: then they have no address

	sources map[string][]byte    // for the source lines of what Resolve finds
	asks    map[string]hcl.Range // by host: where it says that the local ssh client is asked
}

// Lab says how a lab's clock runs.
type Lab struct {
	Pace float64 // divides every wait, poll and keepalive
}

// Host is one node and how to reach it.
type Host struct {
	Name, Address  string // no address in a lab, and none before Resolve where the local ssh client is to say it
	Port           int
	User           string
	Identities     []string // private key files
	IdentitiesOnly bool     // keys of the agent count only where one of these files names them
	Agent          *bool    // whether the SSH agent is asked; nil: where there is one
	AgentSocket    string   // of the agent that is asked; "": the environment's
	KnownHosts     []string
	KnownAs        string // the name that known_hosts has for it; "": its address and port
	Jump           []Host // on the way there, the first to connect to in front; these have no Jump of their own
	ControlPath    string // socket of an OpenSSH master that is connected already; "": none
	SSHConfig      bool   // the local ssh client says what the inventory does not
	Become         bool   // through sudo -n
	ConnectTimeout time.Duration
	FailureDomain  string // hosts of one domain may fail together: a rack, a zone
	Vars           map[string]any
	Switch         string // WeakSwitch, or ""
	Groups         []string

	// From says who gave a setting, by the name of its attribute: FromHost, FromDefaults, FromJump or
	// FromSSH. What nobody gave is hcrun's own.
	From map[string]string
}

// WeakSwitch is the Switch of a host that has no systemd: its dead-man's switch does not survive a reboot, and the
// inventory accepts that.
const WeakSwitch = "weak"

// Who gave a setting.
const (
	FromHost     = "host"
	FromDefaults = "defaults"
	FromJump     = "jump"       // written in the list of jump hosts: "user@host:port"
	FromSSH      = "ssh_config" // the local ssh client
	FromUsual    = "hcrun"      // nobody: hcrun's own default
)

// Origin is who gave a setting, FromUsual for one that nobody gave.
func (h Host) Origin(setting string) string {
	if from, ok := h.From[setting]; ok {
		return from
	}
	return FromUsual
}

// given reports whether the inventory itself says it.
func (h Host) given(setting string) bool {
	from := h.Origin(setting)
	return from != FromUsual && from != FromSSH
}

// Group is a named set of hosts.
type Group struct {
	Name    string
	Hosts   []string
	Workers bool
}
