// Package sshnode is a node reached over SSH: one connection, and on it one worker, a constant
// POSIX shell script (worker.sh) that looks, runs commands that only read, and writes with
// compare-and-swap. Nothing is installed on the node; what stays is a small folder that says who holds the
// node and what came of earlier runs.
package sshnode

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/melbahja/goph"

	"github.com/hcrun/hcrun/engine"
)

// Config says how to reach a node.
type Config struct {
	Name           string        // the node's name in the inventory
	Host           string        // address or DNS name
	Port           int           // 0 is 22
	User           string        // the login user
	Become         bool          // run the worker through sudo -n
	Identities     []string      // private key files, in the order to try them
	IdentitiesOnly bool          // offer keys of the agent only where one of these files names them
	Agent          string        // socket of an SSH agent, "" for none
	KnownHosts     []string      // files; one that does not exist counts as empty
	KnownAs        string        // the host's name in them; "" is its address and port
	ConnectTimeout time.Duration // for the TCP connection and again for the handshake; 0 is 10 s
	Pace           float64       // divides the intervals of keepalives; 0 is 1

	// Keep is the folder on the node with its claim and ledger; "" is /var/lib/hcrun. Its parent has to exist.
	Keep string
	// WeakSwitch accepts a node without systemd, whose switch would not survive a reboot.
	WeakSwitch bool

	// Jump are the hosts on the way, the one to connect to first in front; what they say of Jump and Become
	// does not count.
	Jump []Config
	// ControlPath is the socket of an OpenSSH master that is connected to the host already, "" for none. Its
	// connection is used as it is: the master has chosen the way and the user, and checked the host key.
	ControlPath string

	toward string // of a jump host: the host that is wanted
}

// knownAs is what the known hosts files are asked for.
func (c Config) knownAs() string {
	if c.KnownAs != "" {
		return net.JoinHostPort(c.KnownAs, "22")
	}
	return c.hostport()
}

func (c Config) hostport() string { return net.JoinHostPort(c.Host, itoa(c.port())) }

func (c Config) port() int {
	if c.Port == 0 {
		return 22
	}
	return c.Port
}

func (c Config) timeout() time.Duration {
	if c.ConnectTimeout <= 0 {
		return 10 * time.Second
	}
	return c.ConnectTimeout
}

// interval is how often the connection and the worker are asked whether they live. A fast lab gets no
// less than two seconds, or a busy machine would look like a dead link.
func (c Config) interval() time.Duration {
	d := 15 * time.Second
	if c.Pace > 1 {
		d = time.Duration(float64(d) / c.Pace)
	}
	return max(d, 2*time.Second)
}

// Node is a node with an open connection. Its methods may be called at the same time; the worker
// serves one after the other. A connection that is lost is not opened again.
type Node struct {
	config Config
	client *goph.Client
	route  *route        // below the client
	is     string        // which machine it is, as it said when it was connected to
	done   chan struct{} // closed by Close
	closed atomic.Bool
	ended  atomic.Bool // the connection has ended by itself

	turn   chan struct{} // holds one token: whoever has it may use worker and last
	worker *worker       // nil until it is needed, and after it was abandoned
	last   time.Time     // when the worker last answered

	channels, roundTrips atomic.Int64
}

// Stats counts what a node cost.
type Stats struct {
	Conns      int // SSH connections, those to jump hosts among them
	Channels   int // exec channels opened on them
	RoundTrips int // requests answered by the worker, its keepalives not counted
}

var _ engine.Claimable = (*Node)(nil)

// Dial connects, checks the host key, authenticates, and proves that the node has the tools that the
// worker needs. Errors are *engine.Problem with code Identity, Unreachable or Preflight, or ctx's own.
func Dial(ctx context.Context, c Config) (*Node, error) {
	client, route, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	n := &Node{
		config: c,
		client: &goph.Client{Client: client, Config: &goph.Config{User: c.User, Addr: c.Host, Port: uint(c.port())}},
		route:  route,
		done:   make(chan struct{}),
		turn:   make(chan struct{}, 1),
	}
	n.turn <- struct{}{}
	go func() {
		n.client.Wait()
		n.ended.Store(true)
	}()
	if c.ControlPath == "" {
		go keepalive(n.client.Client, c.interval(), n.done)
	}
	if err = n.take(ctx); err == nil {
		if err = n.ready(ctx); err == nil {
			n.is = n.worker.machine
		}
		n.give()
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	go n.lease()
	return n, nil
}

// Name is the node's name in the inventory.
func (n *Node) Name() string { return n.config.Name }

// Machine says which machine it is; see engine.Claimable.
func (n *Node) Machine() string { return n.is }

// HostKey is the key that the server has shown, "TYPE FINGERPRINT"; "" where an OpenSSH master has checked it.
func (n *Node) HostKey() string { return n.route.key }

// Alive reports whether the connection is still open, as far as is known here.
func (n *Node) Alive() bool { return !n.ended.Load() && !n.closed.Load() }

// Stats returns what the node has cost so far.
func (n *Node) Stats() Stats {
	return Stats{Conns: 1 + len(n.route.hops), Channels: int(n.channels.Load()), RoundTrips: int(n.roundTrips.Load())}
}

// Close ends the worker and the connection. A request that is running ends with an error.
func (n *Node) Close() error {
	if n.closed.Swap(true) {
		return nil
	}
	close(n.done)
	select {
	case <-n.turn: // idle: the worker can be told
		if n.worker != nil {
			n.worker.goodbye()
		}
	default:
	}
	defer n.route.Close()
	if err := closeSoon(n.client.Client); err != nil && !isGone(err) {
		return err
	}
	return nil
}

// Dial opens a connection from the node itself, through the connection that is already there. A
// deadline set on it closes it when it passes.
func (n *Node) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := n.client.DialContext(ctx, network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial from " + n.Name(), Net: network, Err: err}
	}
	return &deadlineConn{Conn: conn}, nil
}
