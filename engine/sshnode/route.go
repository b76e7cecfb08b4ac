package sshnode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// route is the way to a host: a connection to each of its jump hosts, each made through the one before.
// Every hop has strict host keys, deadlines and keepalives of its own, as the host itself has.
type route struct {
	hops []*ssh.Client
	key  string        // of the host logged in to last, "TYPE FINGERPRINT"; "" where another program has checked it
	done chan struct{} // closed by Close: ends the keepalives
}

// openRoute connects to the jump hosts of a host; without any, the route is the network itself.
func openRoute(ctx context.Context, c Config) (*route, error) {
	r := &route{done: make(chan struct{})}
	for i, hop := range c.Jump {
		hop.Jump, hop.toward = c.Jump[:i], c.Name
		client, err := r.login(ctx, hop)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.hops = append(r.hops, client)
		if hop.ControlPath == "" {
			go keepalive(client, hop.interval(), r.done)
		}
	}
	return r, nil
}

// dial opens the byte stream to a host from the end of the route, within the host's timeout.
func (r *route) dial(ctx context.Context, c Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	if len(r.hops) == 0 {
		return (&net.Dialer{Timeout: c.timeout()}).DialContext(ctx, "tcp", c.hostport())
	}
	return r.hops[len(r.hops)-1].DialContext(ctx, "tcp", c.hostport())
}

// Close ends the connections to the jump hosts, the last of them first. A frozen one is not waited for.
func (r *route) Close() {
	close(r.done)
	for i := len(r.hops) - 1; i >= 0; i-- {
		closeSoon(r.hops[i])
	}
}

// closeSoon closes a connection, but does not wait longer than a second for a jump host to take notice.
func closeSoon(client *ssh.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, client.Close() }, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// called names the host in messages, with the way to it.
func (c Config) called() string {
	name := fmt.Sprintf("%s (%s)", c.Name, c.hostport())
	switch {
	case c.ControlPath != "":
		name = fmt.Sprintf("%s (control socket %s)", c.Name, c.ControlPath)
	case len(c.Jump) > 0:
		name += " through " + c.Jump[len(c.Jump)-1].Name
	}
	if c.toward != "" {
		name = fmt.Sprintf("jump host %s on the way to %s", name, c.toward)
	}
	return name
}

// refused says why the last jump host opens no connection to the host.
func (c Config) refused(err *ssh.OpenChannelError) string {
	last := c.Jump[len(c.Jump)-1].Name
	if err.Reason == ssh.Prohibited {
		return fmt.Sprintf("jump host %s does not allow it (%s): look at AllowTcpForwarding and PermitOpen in its sshd_config", last, clip(err.Message))
	}
	return fmt.Sprintf("jump host %s cannot connect to it: %s", last, clip(err.Message))
}
