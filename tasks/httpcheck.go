package tasks

import (
	"context"

	"github.com/hcrun/hcrun/engine"
)

// HttpCheck asks an address until it answers as it should, several times in a row. It is the gate by
// which the other nodes of the control plane are known to be well.
//
// An answer of 401 or 403 is not health: it is reported as what it is. Redirects are not followed.
//
//	gate "http-check" "peers_ready" {
//	  on     = "peers"
//	  url    = "https://127.0.0.1:6443/readyz"
//	  passes = 3
//	}
type HttpCheck struct {
	// URL to ask with GET, http or https: "https://127.0.0.1:6443/readyz".
	URL string `hcl:"url" json:"url"`
	// Status that is a pass. By default 200.
	Status int `hcl:"status,optional" json:"status,omitempty"`
	// Contains is text that the answer's first 64 KiB must have. By default anything passes.
	Contains string `hcl:"contains,optional" json:"contains,omitempty"`
	// Passes is how many passes in a row are asked for. By default 1.
	Passes int `hcl:"passes,optional" json:"passes,omitempty"`
	// Interval is the time between two asks. By default "1s".
	Interval engine.Duration `hcl:"interval,optional" json:"interval,omitempty"`
	// Timeout is how long to go on asking. By default "30s".
	Timeout engine.Duration `hcl:"timeout,optional" json:"timeout,omitempty"`
	// CA verifies the server of an https address: the path of a PEM file on the node, or the PEM text
	// itself. By default kubeadm's on the node, "/etc/kubernetes/pki/ca.crt", when a loopback address
	// is asked via the node, and else the authorities that this machine trusts. There is no way to
	// skip it.
	CA string `hcl:"ca,optional" json:"ca,omitempty"`
	// ServerName is the name that the server's certificate must carry. By default the address's host,
	// or "kubernetes" where kubeadm's authority is the default.
	ServerName string `hcl:"server_name,optional" json:"server_name,omitempty"`
	// Via says from where to ask: "node" (the default), so that 127.0.0.1 is the node itself, or
	// "controller", the machine that runs hcrun.
	Via string `hcl:"via,optional" json:"via,omitempty"`
}

var _ engine.Checker = (*HttpCheck)(nil)

// Kind is "http-check".
func (t *HttpCheck) Kind() string { return "http-check" }

// Mark asks once, and refuses an address whose server could never be verified.
func (t *HttpCheck) Mark(ctx context.Context, w engine.Watch, planned []engine.Change) (engine.Mark, error) {
	panic("being written")
}

// Check asks until the answers are as they should be, or the time is up.
func (t *HttpCheck) Check(ctx context.Context, w engine.Watch, m engine.Mark) error {
	panic("being written")
}
