// Package sim is the control plane of one lab master: a kubelet that runs static pods, a container
// runtime as crictl shows it, a kube-apiserver with TLS, health and audit log, and for all masters
// together a log shipper with a Loki.
//
// Nothing here runs a container. What can be seen from outside (files, ports, exit codes, messages,
// and the order in which they change) is that of kubelet and kube-apiserver 1.34 in a cluster, with
// the times measured there; Pace divides the times and nothing else.
package sim

import (
	"context"
	"io"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Node is one simulated master.
type Node struct {
	Name   string           // the host name; static pods are named NAME-NODE
	Root   string           // where the node's file tree begins: "/" inside the node
	Listen string           // where the API server listens, "" is 127.0.0.1:6443
	Pace   float64          // divides every duration; 0 is 1
	Now    func() time.Time // lab time, in every time that is shown; nil is time.Now
	State  string           // folder of the runtime's state and the kubelet's log, private to this boot
	Breaks string           // folder of flag files, one a kind; need not exist

	trace func(string) // tests: every change of state, in order
}

// Run is the kubelet with its static pods, until ctx ends. Containers end with it, as in a power cut.
func (n *Node) Run(ctx context.Context) error {
	k, err := newKubelet(n)
	if err != nil {
		return err
	}
	return k.run(ctx)
}

func (n *Node) clock() engine.Clock { return engine.Clock{Time: n.Now, Pace: n.Pace} }

func (n *Node) note(what string) {
	if n.trace != nil {
		n.trace(what)
	}
}

// Tool runs one of the node's own commands: crictl, journalctl or systemctl. It is not ok for any
// other name. stateDir is the State of the Node.
func Tool(name, stateDir string, args []string, stdout, stderr io.Writer) (code int, ok bool) {
	switch name {
	case "crictl":
		return Crictl(stateDir, args, stdout, stderr), true
	case "journalctl":
		return Journalctl(stateDir, args, stdout, stderr), true
	case "systemctl":
		return Systemctl(args, stdout, stderr), true
	}
	return 0, false
}
