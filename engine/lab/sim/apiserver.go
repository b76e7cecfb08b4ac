package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// When things happen after the container of an API server has started.
const (
	crashTakes  = 400 * time.Millisecond
	listenAfter = 500 * time.Millisecond  // TCP connects, TLS does not answer
	tlsAfter    = 1200 * time.Millisecond // 403: the RBAC roles are not there yet
	auditAfter  = 1600 * time.Millisecond // the first events
	hooksAfter  = 1900 * time.Millisecond // 500: hooks are not finished
	readyAfter  = 2800 * time.Millisecond // 200
	flapEvery   = 20 * time.Second
	etcdLook    = 200 * time.Millisecond // how often a starting server tries its etcd again
)

// The phases of a starting API server.
const (
	phaseForbidden int32 = iota
	phaseHooks
	phaseReady
)

// apiserver is a kube-apiserver process: what it does follows from its arguments and from the files
// that its mounts show it.
type apiserver struct {
	k     *kubelet
	uid   string // of the pod
	argv  []string
	files mounts
	log   *containerLog

	flags    flags
	audit    *auditor // nil: no audit log
	clients  *x509.CertPool
	phase    atomic.Int32
	attached atomic.Bool
	lived    func() time.Duration
}

func (a *apiserver) held() bool { return a.attached.Load() }

func (a *apiserver) on(kind string) bool { return a.k.breaks.on(kind, a.uid) }

func (a *apiserver) run(ctx context.Context) int {
	a.lived = a.k.clock.Stopwatch()
	cert, err := a.start()
	if err != nil {
		if a.k.clock.Sleep(ctx, crashTakes) != nil {
			return 0
		}
		var usage usageError
		if errors.As(err, &usage) {
			a.log.write("stderr", "Error: "+usage.Error())
		} else {
			a.log.klog('E', "run.go:72", "command failed", "err", err)
		}
		return 1
	}
	if a.audit != nil {
		defer a.audit.close()
	}
	a.log.klog('I', "server.go:150", "Version", "golang", "go1.24.12", "version", gitVersion)
	if a.until(ctx, listenAfter) != nil {
		return 0
	}
	l, err := a.listen(ctx)
	if err != nil {
		a.log.klog('E', "run.go:72", "command failed", "err", fmt.Errorf("failed to create listener: %w", err))
		return 1
	}
	defer l.Close()
	return a.serve(ctx, l, cert)
}

// until sleeps to a moment of the process's life.
func (a *apiserver) until(ctx context.Context, at time.Duration) error {
	return a.k.clock.Sleep(ctx, max(at-a.lived(), 0))
}

// usageError is printed without the log's form.
type usageError struct{ error }

// start reads the flags and the files.
func (a *apiserver) start() (*tls.Certificate, error) {
	f, err := parseFlags(a.argv)
	if err != nil {
		return nil, usageError{err}
	}
	a.flags = f
	if err := f.validate(); err != nil {
		return nil, err
	}
	if a.k.breaks.set(breakPeerDown) {
		return nil, errors.New("context deadline exceeded") // as without etcd
	}
	for _, name := range f.files() {
		if _, err := a.files.read(f[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if a.audit, err = a.newAuditor(); err != nil {
		return nil, err
	}
	return a.certificates()
}

func (a *apiserver) certificates() (*tls.Certificate, error) {
	a.clients = x509.NewCertPool()
	if at := a.flags["client-ca-file"]; at != "" {
		ca, err := a.files.read(at)
		if err != nil {
			return nil, err
		}
		if !a.clients.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("unable to load client CA file %q: data does not contain any valid RSA or ECDSA certificates", at)
		}
	}
	cert, err := a.files.read(a.flags["tls-cert-file"])
	if err != nil {
		return nil, err
	}
	key, err := a.files.read(a.flags["tls-private-key-file"])
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	return &pair, err
}

// listen takes the port as soon as nobody else has it.
func (a *apiserver) listen(ctx context.Context) (net.Listener, error) {
	at := a.k.node.Listen
	if at == "" {
		at = "127.0.0.1:6443"
	}
	if port := a.flags["secure-port"]; port != "" && port != "6443" {
		host, _, err := net.SplitHostPort(at)
		if err != nil {
			return nil, err
		}
		at = net.JoinHostPort(host, port)
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", at)
}

// serve answers until ctx ends or the process crashes.
func (a *apiserver) serve(ctx context.Context, l net.Listener, cert *tls.Certificate) (code int) {
	a.k.node.note("listening")
	if a.until(ctx, tlsAfter) != nil {
		return 0
	}
	server := &http.Server{Handler: http.HandlerFunc(a.handle), ErrorLog: log.New(discard{}, "", 0), ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{*cert}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}}
	defer server.Close()
	a.k.node.note("403")
	go server.ServeTLS(l, "", "")
	a.attached.Store(true)
	if a.until(ctx, auditAfter) != nil {
		return 0
	}
	defer a.auditTraffic(ctx)()
	if a.until(ctx, hooksAfter) != nil {
		return 0
	}
	a.phase.Store(phaseHooks)
	a.k.node.note("500")
	if a.until(ctx, readyAfter) != nil {
		return 0
	}
	a.phase.Store(phaseReady)
	for a.unready() == "etcd" {
		if a.k.clock.Sleep(ctx, etcdLook) != nil {
			return 0
		}
	}
	if a.unready() == "" {
		a.k.ready.Store(a.uid)
		a.k.node.note("200")
	}
	for {
		broken := a.k.broken.wait()
		if a.k.breaks.set(breakPeerDown) {
			a.log.klog('E', "run.go:72", "command failed", "err", "context deadline exceeded")
			return 1
		}
		select {
		case <-ctx.Done():
			return 0
		case <-broken:
		}
	}
}

// unready names the check that fails, "" when the server is ready.
func (a *apiserver) unready() string {
	switch {
	case a.phase.Load() != phaseReady:
		return "poststarthook/rbac/bootstrap-roles"
	case a.on(breakNeverReady):
		return "poststarthook/start-apiextensions-controllers"
	case a.on(breakFlap) && int(a.lived()/flapEvery)%2 == 1:
		return "etcd-readiness"
	case a.localEtcd() && !a.k.cri.runs("etcd"):
		return "etcd"
	}
	return ""
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// localEtcd tells whether the API server needs the etcd of its own node.
func (a *apiserver) localEtcd() bool {
	return strings.Contains(a.flags["etcd-servers"], "127.0.0.1") || strings.Contains(a.flags["etcd-servers"], "localhost")
}
