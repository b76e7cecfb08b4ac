package cli

import (
	"crypto/ed25519"
	be "encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
)

// jumpHost starts an SSH server that opens no session and forwards everything, and puts a host "bastion" for
// it into an inventory: jumphost inv.hcl
func jumpHost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jumphost INVENTORY")
	}
	_, key, err := ed25519.GenerateKey(nil)
	ts.Check(err)
	signer, err := ssh.NewSignerFromKey(key)
	ts.Check(err)
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveJump(conn, config)
		}
	}()
	old, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	host := fmt.Sprintf("host \"bastion\" {\n  address = \"127.0.0.1\"\n  port = %d\n  jump = []\n}\n", l.Addr().(*net.TCPAddr).Port)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(old, host...), 0o600))
}

func serveJump(conn net.Conn, config *ssh.ServerConfig) {
	_, chans, reqs, err := ssh.NewServerConn(conn, config)
	if err != nil {
		conn.Close()
		return
	}
	go ssh.DiscardRequests(reqs)
	for nc := range chans {
		if nc.ChannelType() != "direct-tcpip" {
			nc.Reject(ssh.Prohibited, "only forwarding")
			continue
		}
		data := nc.ExtraData()
		n := be.BigEndian.Uint32(data)
		to, err := net.Dial("tcp", net.JoinHostPort(string(data[4:4+n]), strconv.Itoa(int(be.BigEndian.Uint32(data[4+n:])))))
		if err != nil {
			nc.Reject(ssh.ConnectionFailed, err.Error())
			continue
		}
		ch, reqs, err := nc.Accept()
		if err != nil {
			to.Close()
			continue
		}
		go ssh.DiscardRequests(reqs)
		go func() { io.Copy(to, ch); to.Close() }()
		go func() { io.Copy(ch, to); ch.Close() }()
	}
}
