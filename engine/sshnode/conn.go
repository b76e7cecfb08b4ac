package sshnode

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// keepalive asks the server for a sign of life at every interval, and closes the client when three
// have passed without one: a frozen link would otherwise hold every request for good.
func keepalive(client *ssh.Client, interval time.Duration, done <-chan struct{}) {
	answers := make(chan struct{}, 1)
	ask := func() {
		if _, _, err := client.SendRequest("keepalive@openssh.com", true, nil); err == nil {
			answers <- struct{}{}
		}
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	asked := false
	for missed := 0; ; {
		select {
		case <-done:
			return
		case <-answers:
			asked, missed = false, 0
		case <-tick.C:
			if missed == 3 {
				client.Close()
				return
			}
			missed++
			if !asked {
				asked = true
				go ask()
			}
		}
	}
}

// isGone reports whether err only says that the connection was gone already.
func isGone(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)
}

// deadlineConn gives a forwarded connection the deadlines that SSH channels do not have: one that
// passes closes the connection.
type deadlineConn struct {
	net.Conn
	mu    sync.Mutex
	timer *time.Timer
	late  bool
}

// SetDeadline sets the time at which the connection is closed; the zero time takes it back.
func (c *deadlineConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if !t.IsZero() {
		c.timer = time.AfterFunc(time.Until(t), func() {
			c.mu.Lock()
			c.late = true
			c.mu.Unlock()
			c.Conn.Close()
		})
	}
	return nil
}

// SetReadDeadline is SetDeadline: what is late closes the connection.
func (c *deadlineConn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline is SetDeadline: what is late closes the connection.
func (c *deadlineConn) SetWriteDeadline(t time.Time) error { return c.SetDeadline(t) }

func (c *deadlineConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.blame(err)
}

func (c *deadlineConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.blame(err)
}

func (c *deadlineConn) Close() error {
	err := c.SetDeadline(time.Time{})
	return errors.Join(err, c.Conn.Close())
}

func (c *deadlineConn) blame(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.late {
		return os.ErrDeadlineExceeded
	}
	return err
}
