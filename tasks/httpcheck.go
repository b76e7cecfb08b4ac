package tasks

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/hcrun/hcrun/engine"
)

// HttpCheck asks an address until it answers as it should, several times in a row. It is the gate by
// which the other nodes of the control plane are known to be well.
//
// An answer of 401 or 403 is not health: it is reported as what it is. Redirects are not followed.
//
//	gate "http-check" "peers_ready" {
//	  on     = "peers"
//	  url    = "https://127.0.0.1:6443/readyz"
//	  passes = 3
//	}
type HttpCheck struct {
	// URL to ask with GET, http or https: "https://127.0.0.1:6443/readyz".
	URL string `hcl:"url" json:"url"`
	// Status that is a pass. By default 200.
	Status int `hcl:"status,optional" json:"status,omitempty"`
	// Contains is text that the answer's first 64 KiB must have. By default anything passes.
	Contains string `hcl:"contains,optional" json:"contains,omitempty"`
	// Passes is how many passes in a row are asked for. By default 1.
	Passes int `hcl:"passes,optional" json:"passes,omitempty"`
	// Interval is the time between two asks. By default "1s".
	Interval engine.Duration `hcl:"interval,optional" json:"interval,omitempty"`
	// Timeout is how long to go on asking. By default "30s".
	Timeout engine.Duration `hcl:"timeout,optional" json:"timeout,omitempty"`
	// CA verifies the server of an https address: the path of a PEM file on the node, or the PEM text
	// itself. By default kubeadm's on the node, "/etc/kubernetes/pki/ca.crt", when a loopback address
	// is asked via the node, and else the authorities that this machine trusts. There is no way to
	// skip it.
	CA string `hcl:"ca,optional" json:"ca,omitempty"`
	// ServerName is the name that the server's certificate must carry. By default the address's host,
	// or "kubernetes" where kubeadm's authority is the default.
	ServerName string `hcl:"server_name,optional" json:"server_name,omitempty"`
	// Via says from where to ask: "node" (the default), so that 127.0.0.1 is the node itself, or
	// "controller", the machine that runs hcrun.
	Via string `hcl:"via,optional" json:"via,omitempty"`
}

var _ engine.Checker = (*HttpCheck)(nil)

// What is not given in the playbook.
const (
	httpStatus   = http.StatusOK
	httpPasses   = 1
	httpInterval = engine.Second
	httpTimeout  = 30 * engine.Second
)

// Kind is "http-check".
func (t *HttpCheck) Kind() string { return "http-check" }

// Prepare refuses what could not work from anywhere.
func (t *HttpCheck) Prepare(fs.FS) error {
	field := func(name string, format string, args ...any) error {
		return &engine.FieldError{Field: name, Err: fmt.Errorf(format, args...)}
	}
	u, err := parseAddress(t.URL)
	switch {
	case err != nil:
		return field("url", "%w", err)
	case t.Status != 0 && (t.Status < 100 || t.Status > 599):
		return field("status", "%d is no status of an answer", t.Status)
	case t.Passes < 0:
		return field("passes", "%d is less than one", t.Passes)
	case t.Via != "" && t.Via != viaNode && t.Via != viaController:
		return field("via", `%q is neither "node" nor "controller"`, t.Via)
	case t.Via == viaController && t.CA != "" && !isPEM(t.CA):
		return field("ca", "a path is one of the node's, and the controller asks: give the PEM text, as in file(\"ca.crt\")")
	case u.Scheme == "http" && t.ServerName != "":
		return field("server_name", "nothing is verified at an http address")
	}
	return checkCA(t.CA, t.URL)
}

// Mark asks once, and refuses an address whose server could not be verified or that wants a password.
// One that does not answer yet may come up by the change.
func (t *HttpCheck) Mark(ctx context.Context, w engine.Watch, _ []engine.Change) (engine.Mark, error) {
	e := t.endpoint()
	c, err := e.client(ctx, w)
	if err != nil {
		return nil, err
	}
	a, err := e.ask(ctx, w, c)
	_, impostor := unverified(err)
	switch {
	case err != nil && lost(ctx, err):
		return nil, err
	case impostor, err == nil && a.Status != t.status() && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		if !w.Undoing {
			return nil, &engine.Unavailable{Why: fmt.Sprintf("%s, asked from %s, %s", t.URL, t.from(w), e.saw(a, err)), Hint: hintFor(a, err)}
		}
	}
	return engine.Mark("{}"), nil
}

// Check asks until the answers are as they should be, or the time is up.
func (t *HttpCheck) Check(ctx context.Context, w engine.Watch, _ engine.Mark) error {
	e, timeout := t.endpoint(), t.Timeout.Or(httpTimeout)
	c, err := e.client(ctx, w)
	if err != nil {
		return err
	}
	passes := max(t.Passes, httpPasses)
	elapsed, streak, answered := w.Stopwatch(), 0, false
	for {
		a, err := e.ask(ctx, w, c)
		if err != nil && lost(ctx, err) {
			return err
		}
		why := t.wrong(e, a, err)
		answered = answered || err == nil
		if streak++; why != "" {
			streak = 0
			w.Say(t.URL + " " + why)
		}
		if streak >= passes {
			w.Say(fmt.Sprintf("%s answers %d, %d times in a row", t.URL, a.Status, passes))
			return nil
		}
		if elapsed() >= timeout {
			return t.failed(w, why, hintFor(a, err), answered, passes)
		}
		if err := w.Sleep(ctx, t.Interval.Or(httpInterval)); err != nil {
			return err
		}
	}
}

// wrong says why an answer is no pass; "" when it is one.
func (t *HttpCheck) wrong(e endpoint, a answer, err error) string {
	switch {
	case err != nil || a.Status != t.status():
		return e.saw(a, err)
	case !bytes.Contains(a.Body, []byte(t.Contains)):
		return fmt.Sprintf("answers %d without %q in it", a.Status, cut(t.Contains, 80))
	}
	return ""
}

func (t *HttpCheck) failed(w engine.Watch, why, hint string, answered bool, passes int) error {
	timeout := engine.Duration(t.Timeout.Or(httpTimeout))
	if why == "" {
		why = fmt.Sprintf("did not pass %d times in a row", passes)
	}
	why = fmt.Sprintf("%s, asked from %s for %s, %s", t.URL, t.from(w), timeout, why)
	if !answered {
		return &engine.Unavailable{Why: why, Hint: hint}
	}
	return &engine.Failed{Why: why, Hint: hint}
}

func (t *HttpCheck) status() int {
	if t.Status == 0 {
		return httpStatus
	}
	return t.Status
}

func (t *HttpCheck) via() string {
	if t.Via == "" {
		return viaNode
	}
	return t.Via
}

// from names the machine that asks.
func (t *HttpCheck) from(w engine.Watch) string {
	if t.via() == viaNode {
		return w.Name()
	}
	return "this machine"
}

func (t *HttpCheck) endpoint() endpoint {
	e := endpoint{URL: t.URL, CA: t.CA, ServerName: t.ServerName, Via: t.via()}
	if u, err := parseAddress(t.URL); err == nil {
		e.Kubeadm = e.Via == viaNode && isLoopback(u.Hostname())
	}
	return e
}
