package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Files of SSH in a node's tree.
const (
	hostKeyFile    = "/etc/ssh/ssh_host_ed25519_key"
	authorizedFile = "/root/.ssh/authorized_keys"
)

// Bounds as OpenSSH has them: MaxSessions, LoginGraceTime.
const (
	maxSessions = 10
	loginGrace  = 120 * time.Second
)

// sshd is a node's SSH server: root with one key, commands without a terminal, TCP forwarded from
// inside the node.
type sshd struct {
	config *ssh.ServerConfig
	mute   *mute
	kids   *kids
}

func newSSHD(m *mute, k *kids) (*sshd, error) {
	b, err := os.ReadFile(hostKeyFile)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", hostKeyFile, err)
	}
	c := &ssh.ServerConfig{ServerVersion: "SSH-2.0-hcrun-lab", PublicKeyCallback: authorize}
	c.AddHostKey(key)
	return &sshd{config: c, mute: m, kids: k}, nil
}

// authorize lets in root with a key that is in the file at this moment.
func authorize(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	rest, err := os.ReadFile(authorizedFile)
	if err != nil {
		return nil, err
	}
	for len(rest) > 0 && c.User() == "root" {
		var k ssh.PublicKey
		k, _, _, rest, err = ssh.ParseAuthorizedKey(rest)
		if err != nil {
			break
		}
		if bytes.Equal(k.Marshal(), key.Marshal()) {
			return nil, nil
		}
	}
	return nil, errors.New("not an authorized key")
}

func (s *sshd) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			time.Sleep(100 * time.Millisecond) // out of descriptors: others will be closed
			continue
		}
		go s.connection(newMutedConn(c, s.mute))
	}
}

func (s *sshd) connection(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(loginGrace))
	conn, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		return
	}
	defer conn.Close()
	c.SetDeadline(time.Time{})
	go ssh.DiscardRequests(requests) // keepalives are answered "no", as sshd does
	env := connectionEnv(conn)
	var sessions atomic.Int32
	for ch := range channels {
		switch ch.ChannelType() {
		case "session":
			if sessions.Add(1) > maxSessions {
				sessions.Add(-1)
				ch.Reject(ssh.ResourceShortage, "open failed")
				continue
			}
			go func() {
				defer sessions.Add(-1)
				s.session(ch, env)
			}()
		case "direct-tcpip":
			go forward(ch)
		default:
			ch.Reject(ssh.UnknownChannelType, "unsupported channel type")
		}
	}
}

// connectionEnv is what sshd tells a session of its connection.
func connectionEnv(c ssh.ConnMetadata) []string {
	rh, rp, _ := net.SplitHostPort(c.RemoteAddr().String())
	lh, lp, _ := net.SplitHostPort(c.LocalAddr().String())
	return []string{
		"USER=root", "LOGNAME=root", "HOME=/root", "SHELL=/bin/sh",
		"PATH=" + toolsInside + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"SSH_CLIENT=" + rh + " " + rp + " " + lp,
		"SSH_CONNECTION=" + rh + " " + rp + " " + lh + " " + lp,
	}
}

// forward connects a channel with an address as the node sees it.
func forward(n ssh.NewChannel) {
	var to struct {
		Host     string
		Port     uint32
		FromHost string
		FromPort uint32
	}
	if err := ssh.Unmarshal(n.ExtraData(), &to); err != nil || to.Port > 65535 {
		n.Reject(ssh.ConnectionFailed, "bad address")
		return
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))), 30*time.Second)
	if err != nil {
		n.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, requests, err := n.Accept()
	if err != nil {
		c.Close()
		return
	}
	go func() {
		ssh.DiscardRequests(requests) // ends with the channel
		c.Close()
	}()
	join(ch, c)
}
