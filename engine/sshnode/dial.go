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
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/hcrun/hcrun/engine"
)

func itoa(n int) string { return strconv.Itoa(n) }

// connect opens an authenticated connection; every phase has a deadline.
func connect(ctx context.Context, c Config) (*ssh.Client, error) {
	known, err := readKnownHosts(c)
	if err != nil {
		return nil, err
	}
	keys := newKeyring(c)
	defer keys.Close()
	if err := keys.problem(); err != nil {
		return nil, err
	}
	cc := &ssh.ClientConfig{
		User:              c.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeysCallback(keys.signers)},
		HostKeyCallback:   known.check,
		HostKeyAlgorithms: known.algorithms(),
	}
	client, err := handshake(ctx, c, cc, keys)
	var none *ssh.AlgorithmNegotiationError
	if errors.As(err, &none) && none.What == "host key" {
		// The server has no key of the known types any more. Let it show what it has, for the message
		// that names both; check refuses it.
		cc.HostKeyAlgorithms = ssh.SupportedAlgorithms().HostKeys
		client, err = handshake(ctx, c, cc, keys)
	}
	return client, err
}

// handshake makes the TCP connection and the SSH handshake on it, each within the timeout.
func handshake(ctx context.Context, c Config, cc *ssh.ClientConfig, keys *keyring) (*ssh.Client, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	safe := ssh.SupportedAlgorithms()
	cc.KeyExchanges, cc.Ciphers, cc.MACs = safe.KeyExchanges, safe.Ciphers, safe.MACs
	raw, err := (&net.Dialer{Timeout: c.timeout()}).DialContext(ctx, "tcp", c.hostport())
	if err != nil {
		return nil, c.explain(ctx, err, false, nil)
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(c.timeout()))
	conn, chans, reqs, err := ssh.NewClientConn(raw, c.hostport(), cc)
	if err == nil && !stop() {
		conn.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		stop()
		raw.Close()
		return nil, c.explain(ctx, err, true, keys)
	}
	raw.SetDeadline(time.Time{})
	return ssh.NewClient(conn, chans, reqs), nil
}

// explain turns what the network or the handshake said into words for the operator.
func (c Config) explain(ctx context.Context, err error, connected bool, keys *keyring) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("connect to %s: %w", c.Name, cause)
	}
	if p, ok := errors.AsType[*engine.Problem](err); ok {
		return p
	}
	var dns *net.DNSError
	why := clip(err.Error())
	switch {
	case errors.As(err, &dns):
		why = fmt.Sprintf("the name %q has no address (%s)", dns.Name, clip(dns.Err))
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
	case keys != nil && keys.asked && isCut(err):
		why = fmt.Sprintf("the server ended the connection while user %q was logging in (too many keys?); %s", c.User, keys)
	case isCut(err):
		why = "the server closed the connection during the handshake"
	}
	return &engine.Problem{
		Code: engine.Unreachable,
		What: fmt.Sprintf("connect to %s (%s): %s", c.Name, c.hostport(), why),
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
