package sshnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/crypto/ssh"

	"github.com/hcrun/hcrun/engine"
)

func itoa(n int) string { return strconv.Itoa(n) }

// connect opens an authenticated connection, over the jump hosts if there are any; every phase of every hop
// has a deadline. The route has to stay open as long as the connection.
func connect(ctx context.Context, c Config) (*ssh.Client, *route, error) {
	r, err := openRoute(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	client, err := r.login(ctx, c)
	if err != nil {
		r.Close()
		return nil, nil, err
	}
	return client, r, nil
}

// login opens an authenticated connection to the host at the end of the route.
func (r *route) login(ctx context.Context, c Config) (*ssh.Client, error) {
	r.key = ""
	if c.ControlPath != "" {
		return control(ctx, c)
	}
	known, err := readKnownHosts(c)
	if err != nil {
		return nil, err
	}
	keys := newKeyring(c)
	defer keys.Close()
	if err := keys.problem(); err != nil {
		return nil, err
	}
	var shown atomic.Pointer[string] // a handshake that is given up goes on for a moment
	cc := &ssh.ClientConfig{
		User: c.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(keys.signers)},
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			text := key.Type() + " " + ssh.FingerprintSHA256(key)
			shown.Store(&text)
			return known.check(host, remote, key)
		},
		HostKeyAlgorithms: known.algorithms(),
	}
	client, err := r.handshake(ctx, c, cc, keys)
	var none *ssh.AlgorithmNegotiationError
	if errors.As(err, &none) && none.What == "host key" {
		// The server has no key of the known types any more. Let it show what it has, for the message
		// that names both; check refuses it.
		cc.HostKeyAlgorithms = ssh.SupportedAlgorithms().HostKeys
		client, err = r.handshake(ctx, c, cc, keys)
	}
	if err != nil {
		return nil, err
	}
	r.key = *shown.Load()
	return client, nil
}

// handshake opens the byte stream and makes the SSH handshake on it, each within the timeout.
func (r *route) handshake(ctx context.Context, c Config, cc *ssh.ClientConfig, keys *keyring) (*ssh.Client, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	safe := ssh.SupportedAlgorithms()
	cc.KeyExchanges, cc.Ciphers, cc.MACs = safe.KeyExchanges, safe.Ciphers, safe.MACs
	raw, err := r.dial(ctx, c)
	if err != nil {
		return nil, c.explain(ctx, err, false, nil)
	}
	return c.await(ctx, raw, keys, func() (ssh.Conn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
		return ssh.NewClientConn(raw, c.hostport(), cc)
	})
}

// explain turns what the network or the handshake said into words for the operator.
func (c Config) explain(ctx context.Context, err error, connected bool, keys *keyring) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("connect to %s: %w", c.called(), cause)
	}
	if p, ok := errors.AsType[*engine.Problem](err); ok {
		return p
	}
	var dns *net.DNSError
	var closed *ssh.OpenChannelError
	why := clip(err.Error())
	switch {
	case errors.As(err, &dns):
		why = fmt.Sprintf("the name %q has no address (%s)", dns.Name, clip(dns.Err))
	case errors.As(err, &closed) && !connected && len(c.Jump) > 0:
		why = c.refused(closed)
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "connection refused: nothing listens on that port"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		why = "there is no route to that address"
	case isTimeout(err) && connected:
		why = fmt.Sprintf("the port accepts connections but is silent: no SSH handshake within %s", c.timeout())
	case isTimeout(err):
		why = fmt.Sprintf("no answer within %s", c.timeout())
	case strings.Contains(why, "unable to authenticate"):
		why = fmt.Sprintf("the server refused user %q; %s", c.User, keys)
	case keys != nil && keys.asked.Load() && isCut(err):
		why = fmt.Sprintf("the server ended the connection while user %q was logging in (too many keys?); %s", c.User, keys)
	case isCut(err):
		why = "the server closed the connection during the handshake"
	}
	return &engine.Problem{
		Code: engine.Unreachable,
		What: fmt.Sprintf("connect to %s: %s", c.called(), why),
		Err:  err,
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || strings.Contains(err.Error(), "disconnect")
}
