package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hcrun/hcrun/engine"
)

// protocol is the version of what follows and of what supervisors and nodes do. A running lab of
// another version is started anew by Up.
const protocol = 1

// request is one line to the supervisor; one connection, one request.
type request struct {
	Do   string        `json:"do"` // status, clock, break, mend, reboot, down
	By   time.Duration `json:"by,omitempty"`
	Node string        `json:"node,omitempty"`
	Kind string        `json:"kind,omitempty"`
}

// reply is the line that comes back.
type reply struct {
	Protocol int       `json:"protocol"`
	Status   *Status   `json:"status,omitempty"`
	Time     time.Time `json:"time,omitzero"`
	Problem  *problem  `json:"problem,omitempty"`
}

// problem is an engine.Problem on its way through a pipe.
type problem struct {
	Code engine.Code `json:"code"`
	What string      `json:"what"`
	Now  string      `json:"now,omitempty"`
	Next string      `json:"next,omitempty"`
}

func toProblem(err error) *problem {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*engine.Problem](err); ok {
		return &problem{p.Code, p.What, p.Now, p.Next}
	}
	return &problem{Code: engine.Bug, What: err.Error()}
}

func (p *problem) err() error {
	if p == nil {
		return nil
	}
	return &engine.Problem{Code: p.Code, What: p.What, Now: p.Now, Next: p.Next}
}

// errNotRunning is what ask returns when no supervisor listens.
var errNotRunning = errors.New("the lab is not running")

// socketName gives a Unix socket's path that is short however deep the folder lies: the address of
// a socket holds 108 bytes. It is good until close is called.
func socketName(dir, name string) (path string, done func(), err error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", fd, name), func() { unix.Close(fd) }, nil
}

// listenUnix makes a socket that only its owner may use, in place of one that was left behind.
func listenUnix(dir, name string) (net.Listener, error) {
	path, done, err := socketName(dir, name)
	if err != nil {
		return nil, err
	}
	defer done()
	os.Remove(path) // a stale one; if it cannot go, listening says so
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the short path is gone by then
	return l, os.Chmod(path, 0o600)
}

func dialUnix(ctx context.Context, dir, name string) (net.Conn, error) {
	path, done, err := socketName(dir, name)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}

// ask sends one request to the lab's supervisor. errNotRunning when there is none.
func (h home) ask(ctx context.Context, r request) (reply, error) {
	var a reply
	c, err := dialUnix(ctx, string(h), "control.sock")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTDIR) {
		return a, errNotRunning
	}
	if err != nil {
		return a, fmt.Errorf("ask the lab: %w", err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := json.NewEncoder(c).Encode(r); err != nil {
		return a, fmt.Errorf("ask the lab: %w", err)
	}
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return a, fmt.Errorf("the lab's answer to %s: %w", r.Do, err)
	}
	return a, a.Problem.err()
}

// answer reads one request from a connection and answers it.
func answer(c net.Conn, do func(request) reply) {
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(io.LimitReader(c, 64<<10)).ReadBytes('\n')
	var r request
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	var a reply
	if err != nil {
		a.Problem = toProblem(engine.Problemf(engine.Invalid, "request: %w", err))
	} else {
		a = do(r)
	}
	a.Protocol = protocol
	json.NewEncoder(c).Encode(a) // who asked may be gone, which is their affair
}
