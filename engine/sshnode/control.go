package sshnode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/hcrun/hcrun/engine"
)

// control uses the connection of an OpenSSH master through its control socket. Who is at the other end, and
// whether the link lives, is that master's business: it has checked the host key, and a keepalive of ours
// would end it.
func control(ctx context.Context, c Config) (*ssh.Client, error) {
	if err := checkSocket(c); err != nil {
		return nil, err
	}
	raw, err := (&net.Dialer{Timeout: c.timeout()}).DialContext(ctx, "unix", c.ControlPath)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, c.noMaster("nobody listens on it: the master has ended", err)
	}
	if err != nil {
		return nil, c.explain(ctx, err, false, nil)
	}
	return c.await(ctx, raw, nil, func() (ssh.Conn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
		return ssh.NewControlClientConn(raw)
	})
}

// checkSocket wants a socket of the operator's own: whoever listens on another's sees all that is sent.
func checkSocket(c Config) error {
	info, err := os.Stat(c.ControlPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.noMaster("there is no such socket", err)
	case err != nil:
		return c.noMaster(err.Error(), err)
	case info.Mode().Type() != fs.ModeSocket:
		return c.noMaster("this is no socket", nil)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return engine.Problemf(engine.Security, "connect to %s: the socket belongs to user %d, not to you (%d): who listens there could see and change all that is sent", c.called(), st.Uid, os.Geteuid())
	}
	return nil
}

// noMaster is a control path behind which no master is, with the command that starts one.
func (c Config) noMaster(why string, cause error) error {
	return &engine.Problem{
		Code: engine.Unreachable,
		What: fmt.Sprintf("connect to %s: %s", c.called(), why),
		Next: fmt.Sprintf("ssh -fNM -o ServerAliveInterval=15 -S %s -p %d %s@%s   (then the same command again)", shellWord(c.ControlPath), c.port(), c.User, c.Host),
		Err:  cause,
	}
}

// shellWord is a path as it has to be typed.
func shellWord(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t'\"\\$`*?[]{}()<>|&;!#~", r) }) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// await runs a handshake on raw within the timeout. A deadline on raw itself would not do: a connection
// through a jump host that is frozen does not end when it is closed.
func (c Config) await(ctx context.Context, raw net.Conn, keys *keyring, handshake func() (ssh.Conn, <-chan ssh.NewChannel, <-chan *ssh.Request, error)) (*ssh.Client, error) {
	inTime, cancel := context.WithTimeoutCause(ctx, c.timeout(), os.ErrDeadlineExceeded)
	defer cancel()
	raw.SetDeadline(time.Now().Add(c.timeout() + time.Second)) // ends what is not waited for any more
	client, err := await(inTime, func() (*ssh.Client, error) {
		conn, chans, reqs, err := handshake()
		if err != nil {
			return nil, err
		}
		return ssh.NewClient(conn, chans, reqs), nil
	}, func(late *ssh.Client) { late.Close() })
	if err != nil {
		go raw.Close()
		return nil, c.explain(ctx, err, true, keys)
	}
	raw.SetDeadline(time.Time{})
	return client, nil
}
