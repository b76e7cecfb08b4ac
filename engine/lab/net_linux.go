package lab

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// loopbackUp is `ip link set lo up`.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return err
	}
	ifr.SetUint16(ifr.Uint16() | unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// halfCloser is a stream whose writing end can be closed alone: TCP, Unix sockets, SSH channels.
type halfCloser interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// join copies both ways, hands on each end of file, and closes both when both ways are through.
func join(a, b io.ReadWriteCloser) {
	var both sync.WaitGroup
	one := func(to, from io.ReadWriteCloser) {
		io.Copy(to, from) // an error is an end like any other
		if h, ok := to.(halfCloser); ok {
			h.CloseWrite()
		}
	}
	both.Go(func() { one(a, b) })
	both.Go(func() { one(b, a) })
	both.Wait()
	a.Close()
	b.Close()
}

// waitReady waits until the node's API server is ready, for the first time.
func (n *masterNode) waitReady() bool {
	// The question is whether something answers, not who: the address is the node's own loopback.
	t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:6443")
		}}
	client := &http.Client{Transport: t, Timeout: time.Second}
	for try := 0; ; try++ {
		if r, err := client.Get("https://127.0.0.1:6443/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return true
			}
		}
		// Quick while somebody waits for the lab, slow for a node that is broken on purpose.
		time.Sleep(min(time.Duration(try+1)*5*time.Millisecond, time.Second))
	}
}
