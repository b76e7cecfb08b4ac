package tasks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const (
	kubeadmCA   = "/etc/kubernetes/pki/ca.crt"
	kubeadmName = "kubernetes" // in the certificate of every API server that kubeadm makes
	askTimeout  = 10 * time.Second
	// minAsk is the least real time that an answer may take: a lab's pace divides waits, but no server
	// gets faster by it.
	minAsk  = 2 * time.Second
	maxBody = 64 << 10
	maxCA   = 1 << 20
)

// Where an address is asked from.
const (
	viaNode       = "node"
	viaController = "controller"
)

// endpoint is an address that is asked again and again, and how its server is verified.
type endpoint struct {
	URL        string
	CA         string // path on the node, or PEM text; "" is the default
	ServerName string
	Via        string
	Kubeadm    bool // the default authority is kubeadm's
}

// answer is what an address said.
type answer struct {
	Status int
	Body   []byte // at most maxBody
	Target string // where a redirect, which is not followed, points to
}

// parseAddress reads an address that a check asks.
func parseAddress(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is not an address", s)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q does not begin with http:// or https://", s)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q names no host", s)
	case u.User != nil:
		return nil, fmt.Errorf("an address with a user or password in it would be written to plans and journals")
	case u.Fragment != "":
		return nil, fmt.Errorf("%q has a fragment, which no server ever sees", s)
	}
	return u, nil
}

// isLoopback reports whether host is the asking machine itself.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func isPEM(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "-----BEGIN") }

// checkCA refuses a ca that no node could make good.
func checkCA(ca, address string) error {
	fail := func(format string, args ...any) error {
		return &engine.FieldError{Field: "ca", Err: fmt.Errorf(format, args...)}
	}
	switch {
	case ca == "":
		return nil
	case strings.HasPrefix(address, "http://"):
		return fail("nothing is verified at an http address")
	case isPEM(ca) && !x509.NewCertPool().AppendCertsFromPEM([]byte(ca)):
		return fail("no certificate can be read in it")
	case !isPEM(ca) && (!path.IsAbs(ca) || path.Clean(ca) != ca):
		return fail("%q is neither a clean absolute path nor PEM text", ca)
	}
	return nil
}

// client makes what asks the endpoint. It looks at the CA's file on the node if one is needed.
func (e endpoint) client(ctx context.Context, w engine.Watch) (*http.Client, error) {
	u, err := parseAddress(e.URL)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		DisableKeepAlives:   true, // each answer from a connection of its own: an old server may still drain the last one
		DisableCompression:  true,
		TLSHandshakeTimeout: max(w.Clock.Real(askTimeout), minAsk),
	}
	if e.Via == viaNode {
		t.DialContext = w.Dial
	}
	if u.Scheme == "https" {
		if t.TLSClientConfig, err = e.tls(ctx, w, u.Hostname()); err != nil {
			return nil, err
		}
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func (e endpoint) tls(ctx context.Context, w engine.Watch, host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: e.ServerName}
	ca := e.CA
	if ca == "" && e.Kubeadm {
		ca = kubeadmCA
	}
	if c.ServerName == "" && e.Kubeadm && isLoopback(host) {
		c.ServerName = kubeadmName
	}
	if ca == "" {
		return c, nil
	}
	text := []byte(ca)
	if !isPEM(ca) {
		var err error
		if text, err = readFile(ctx, w, ca, maxCA); err != nil {
			return nil, err
		}
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return nil, engine.Problemf(engine.Preflight, "%s has no certificate in it that %s could be verified by", ca, e.URL)
	}
	return c, nil
}

// ask asks once.
func (e endpoint) ask(ctx context.Context, w engine.Watch, c *http.Client) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, max(w.Clock.Real(askTimeout), minAsk))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", "hcrun")
	req.Header.Set("Cache-Control", "no-cache")
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil && len(body) == 0 {
		return answer{}, err
	}
	return answer{Status: resp.StatusCode, Body: body, Target: resp.Header.Get("Location")}, nil
}

// readFile reads a small file of the node.
func readFile(ctx context.Context, w engine.Watch, at string, most int64) ([]byte, error) {
	images, err := w.Look(ctx, at)
	if err != nil {
		return nil, err
	}
	if images[0].Kind != engine.File {
		return nil, engine.Problemf(engine.Preflight, "%s on %s is %s, not a file that could be read", at, w.Name(), images[0])
	}
	return images[0].Content.Read(ctx, most)
}

// lost reports whether err says that the node itself cannot be reached, or that ctx ended: a check
// hands such an error back as it got it.
func lost(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	if _, ok := errors.AsType[*engine.LostError](err); ok {
		return true
	}
	return engine.CodeOf(err) == engine.Unreachable
}

// unverified reports whether err is a server that is not who it should be, and says why.
func unverified(err error) (string, bool) {
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return v.Err.Error(), true
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return "it speaks http, not https", true
	}
	return "", false
}

// plainCause is a network error without the address in front, which the sentence around it has.
func plainCause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if strings.Contains(err.Error(), "connection refused") { // a node's answer comes wrapped by who asked
		return "connection refused"
	}
	return err.Error()
}

// reachable asks once and wants a 200: what cannot answer before the first write could prove nothing
// after it. why ends the sentence about an endpoint that is not ready.
func (e endpoint) reachable(ctx context.Context, w engine.Watch, why string) error {
	c, err := e.client(ctx, w)
	if err != nil {
		return err
	}
	a, err := e.ask(ctx, w, c)
	if err == nil && a.Status == http.StatusOK {
		return nil
	}
	if err != nil && lost(ctx, err) {
		return err
	}
	return &engine.Unavailable{Why: fmt.Sprintf("%s on %s %s; %s", e.URL, w.Name(), e.saw(a, err), why), Hint: hintFor(a, err)}
}

// saw says in a few words what an ask gave.
func (e endpoint) saw(a answer, err error) string {
	switch {
	case err == nil && a.Target != "":
		return fmt.Sprintf("answers %d, a redirect to %s, which is not followed", a.Status, cut(a.Target, 200))
	case err == nil:
		return strings.TrimSpace(fmt.Sprintf("answers %d %s", a.Status, failingChecks(a.Body)))
	}
	if why, ok := unverified(err); ok {
		return "is not who it should be: " + why
	}
	return "gives no answer: " + cut(plainCause(err), 300)
}

// failingChecks picks the failing parts out of what /readyz answers when it is not ready.
func failingChecks(body []byte) string {
	var failing []string
	for l := range strings.Lines(string(body)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(l), "[-]"); ok && len(failing) < 5 {
			name, _, _ = strings.Cut(name, " ")
			failing = append(failing, cut(name, 60))
		}
	}
	if len(failing) == 0 {
		return ""
	}
	return "(" + strings.Join(failing, ", ") + " failing)"
}

// hintFor is what to look at for an answer that stays as it is.
func hintFor(a answer, err error) string {
	if _, ok := unverified(err); ok {
		return "compare ca and server_name with the certificate: openssl s_client -connect HOST:PORT -showcerts"
	}
	if err == nil && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden) {
		return "health addresses are open to the unauthenticated only while --anonymous-auth is on and no AuthenticationConfiguration limits it"
	}
	return ""
}
