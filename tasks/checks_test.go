package tasks

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// scripted is a node that answers from a script. It is meant to live in a synctest bubble, in which
// time passes only while everybody waits.
type scripted struct {
	files    map[string]string
	commands func(argv []string) (string, error)
	servers  map[string]*pipeListener // by address
	dialErr  error
	said     []string
}

func (n *scripted) Name() string { return "master1" }

func (n *scripted) Look(_ context.Context, paths ...string) ([]engine.Image, error) {
	var all []engine.Image
	for _, p := range paths {
		img := engine.Image{Kind: engine.Absent}
		if text, ok := n.files[p]; ok {
			img = engine.Image{Kind: engine.File, Mode: 0o600, Content: engine.Bytes([]byte(text))}
		}
		for f := range n.files {
			if path.Dir(f) == p {
				img.Kind = engine.Dir
				img.Names = append(img.Names, path.Base(f))
			}
		}
		slices.Sort(img.Names)
		all = append(all, img)
	}
	return all, nil
}

func (n *scripted) Observe(ctx context.Context, argv ...string) ([]byte, error) {
	if err := engine.ReadOnly(argv); err != nil {
		return nil, err
	}
	if argv[0] == "date" {
		return fmt.Appendf(nil, "%d\n", time.Now().UnixNano()), nil
	}
	out, err := n.commands(argv)
	return []byte(out), err
}

func (n *scripted) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	l, ok := n.servers[addr]
	switch {
	case n.dialErr != nil:
		return nil, n.dialErr
	case !ok || l.down.Load():
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	l.conns <- far
	return near, nil
}

func (n *scripted) watch() engine.Watch {
	return engine.Watch{Node: n, Say: func(s string) {
		if len(n.said) == 0 || n.said[len(n.said)-1] != s {
			n.said = append(n.said, s)
		}
	}}
}

// serve answers at an address until the test ends. It has to be called inside the bubble.
func (n *scripted) serve(addr string, config *tls.Config, h http.HandlerFunc) (l *pipeListener, stop func()) {
	l = &pipeListener{conns: make(chan net.Conn, 16), done: make(chan struct{})}
	if n.servers == nil {
		n.servers = map[string]*pipeListener{}
	}
	n.servers[addr] = l
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	var listener net.Listener = l
	if config != nil {
		listener = tls.NewListener(l, config)
	}
	go srv.Serve(listener)
	return l, func() {
		// Of the bubble's time: both ends of a pipe say goodbye and none listens. Closing a server that
		// still has connections would hold its lock meanwhile, and locks stop a bubble's time.
		time.Sleep(2 * time.Minute)
		srv.Close()
	}
}

// pipeListener hands out the far ends of pipes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	down  atomic.Bool
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// authority makes a CA as PEM and a server's certificate for the names.
func authority(t *testing.T, names ...string) (ca string, server *tls.Config) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	caKey, leafKey := key(), key()
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter, DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}))
	return ca, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}}}
}

// verdict is an error as the tables write it: its kind, its text and its hint.
func verdict(err error) string {
	if err == nil {
		return "proven"
	}
	if f, ok := errors.AsType[*engine.Failed](err); ok {
		return "failed: " + f.Why + " | " + f.Hint
	}
	if u, ok := errors.AsType[*engine.Unavailable](err); ok {
		return "unavailable: " + u.Why + " | " + u.Hint
	}
	if p, ok := errors.AsType[*engine.Problem](err); ok {
		return fmt.Sprintf("problem %d: %s | %s", p.Code, p.What, p.Next)
	}
	return "error: " + err.Error()
}

// wants checks that text has every part, in order.
func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, p := range parts {
		_, after, ok := strings.Cut(rest, p)
		if !ok {
			t.Fatalf("%q is not, or not in that place, in:\n%s", p, text)
		}
		rest = after
	}
}
