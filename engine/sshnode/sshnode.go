// Package sshnode is a node reached over SSH.
package sshnode

import (
	"context"
	"net"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Config says how to reach a node.
type Config struct {
	Name, Host     string
	Port           int
	User           string
	Become         bool
	Identities     []string
	Agent          string // socket, "" none
	KnownHosts     []string
	ConnectTimeout time.Duration
	Pace           float64 // divides keepalive intervals
}

// Node is a node with an open connection.
type Node struct{}

// Stats counts what a node cost.
type Stats struct{ Conns, Channels, RoundTrips int }

// HostKey is a key that a server shows.
type HostKey struct{ Type, Fingerprint, Line string }

var _ engine.WritableNode = (*Node)(nil)

// Dial connects.
func Dial(ctx context.Context, c Config) (*Node, error) { panic("being written") }

// HostKeys returns what the server shows; nothing is trusted.
func HostKeys(ctx context.Context, c Config) ([]HostKey, error) { panic("being written") }

func (n *Node) Name() string                                                  { return "" }
func (n *Node) Close() error                                                  { return nil }
func (n *Node) Stats() Stats                                                  { return Stats{} }
func (n *Node) Look(ctx context.Context, p ...string) ([]engine.Image, error) { panic("being written") }
func (n *Node) Observe(ctx context.Context, a ...string) ([]byte, error)      { panic("being written") }
func (n *Node) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	panic("being written")
}
func (n *Node) Put(ctx context.Context, c engine.Change) error { panic("being written") }
