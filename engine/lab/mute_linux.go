package lab

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// apiManifest is the file whose change "late" breaks wait for.
const apiManifest = kubernetesDir + "/manifests/kube-apiserver.yaml"

// mute is a network that may carry nothing: what is sent stays where it is until it carries again,
// and nobody is told.
type mute struct {
	mu    sync.Mutex
	on    bool
	late  *fileID       // on from the moment the manifest is not this one any more
	again chan struct{} // closed when it carries again; nil while it does
}

// fileID is which file stands at a path, and in which state; the zero value where there is none.
type fileID struct {
	ino   uint64
	size  int64
	mtime syscall.Timespec
}

func identify(path string) fileID {
	var st syscall.Stat_t
	if syscall.Lstat(path, &st) != nil {
		return fileID{}
	}
	return fileID{st.Ino, st.Size, st.Mtim}
}

// set says what is wanted; a late mute that has begun lasts until late is taken back.
func (m *mute) set(now, late bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !late:
		m.late = nil
		m.switchTo(now)
	case m.late == nil:
		id := identify(apiManifest)
		m.late = &id
		m.switchTo(now)
	case now:
		m.switchTo(true)
	}
}

func (m *mute) switchTo(on bool) {
	if on && !m.on {
		m.again = make(chan struct{})
	}
	if !on && m.on {
		close(m.again)
		m.again = nil
	}
	m.on = on
}

// blocked is nil while bytes may pass. It looks at the manifest itself: so not even the answer to
// the write that changed it gets out.
func (m *mute) blocked() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.late != nil && !m.on && identify(apiManifest) != *m.late {
		m.switchTo(true)
	}
	return m.again
}

// mutedConn is a connection over such a network.
type mutedConn struct {
	net.Conn
	mute   *mute
	once   sync.Once
	closed chan struct{}
}

func newMutedConn(c net.Conn, m *mute) *mutedConn {
	return &mutedConn{Conn: c, mute: m, closed: make(chan struct{})}
}

// pass waits until bytes may pass.
func (c *mutedConn) pass() error {
	for {
		again := c.mute.blocked()
		if again == nil {
			return nil
		}
		select {
		case <-again:
		case <-c.closed:
			return os.ErrClosed
		}
	}
}

// Read holds back what has come in, the end included.
func (c *mutedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if e := c.pass(); e != nil {
		return 0, e
	}
	return n, err
}

// Write holds back what is to go out.
func (c *mutedConn) Write(p []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close lets go whoever waits.
func (c *mutedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
