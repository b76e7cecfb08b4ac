package sim

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// auditEvent is an audit.k8s.io/v1 Event, its fields in the order of the real one.
type auditEvent struct {
	Kind            string            `json:"kind"`
	APIVersion      string            `json:"apiVersion"`
	Level           string            `json:"level"`
	AuditID         string            `json:"auditID"`
	Stage           string            `json:"stage"`
	RequestURI      string            `json:"requestURI"`
	Verb            string            `json:"verb"`
	User            auditUser         `json:"user"`
	SourceIPs       []string          `json:"sourceIPs"`
	UserAgent       string            `json:"userAgent,omitempty"`
	ObjectRef       *auditRef         `json:"objectRef,omitempty"`
	ResponseStatus  *auditStatus      `json:"responseStatus,omitempty"`
	RequestObject   any               `json:"requestObject,omitempty"`
	ResponseObject  any               `json:"responseObject,omitempty"`
	RequestReceived string            `json:"requestReceivedTimestamp"`
	StageTimestamp  string            `json:"stageTimestamp"`
	Annotations     map[string]string `json:"annotations,omitempty"`
}

type auditUser struct {
	Username string   `json:"username"`
	Groups   []string `json:"groups,omitempty"`
}

type auditRef struct {
	Resource    string `json:"resource,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"`
	APIGroup    string `json:"apiGroup,omitempty"`
	APIVersion  string `json:"apiVersion,omitempty"`
	Subresource string `json:"subresource,omitempty"`
}

type auditStatus struct {
	Metadata struct{} `json:"metadata"`
	Code     int      `json:"code"`
}

const rfc3339Micro = "2006-01-02T15:04:05.000000Z07:00"

// auditor writes an API server's audit log.
type auditor struct {
	a      *apiserver
	policy *auditPolicy
	node   string // address of the API server
	path   string // as the flag has it, for messages
	max    int64  // bytes of a file
	keep   int64  // rotated files, 0 for all

	mu      sync.Mutex
	out     *os.File // nil: the events end in the container's own layer or on its stdout
	at      string   // the file on the node
	written int
	said    func() time.Duration // since the last complaint in the log
}

// newAuditor is nil without an error when nothing is to be written.
func (a *apiserver) newAuditor() (*auditor, error) {
	policy, err := a.loadPolicy()
	if err != nil {
		return nil, err
	}
	path := a.flags["audit-log-path"]
	if path == "" {
		return nil, nil
	}
	w := &auditor{a: a, policy: policy, path: path, node: advertised(a.k.node.Name), max: a.flags.number("audit-log-maxsize") << 20, keep: a.flags.number("audit-log-maxbackup")}
	if w.max == 0 {
		w.max = 100 << 20
	}
	at, readOnly, mounted := a.files.find(path)
	if path == "-" || !mounted || a.on(breakLogMount) {
		return w, w.policyNeeded()
	}
	if readOnly {
		return nil, fmt.Errorf("ensureLogFile: %w", &fs.PathError{Op: "open", Path: path, Err: syscall.EROFS})
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return nil, ensureLogFile(path, err)
	}
	w.at = at
	if err := w.open(); err != nil {
		return nil, ensureLogFile(path, err)
	}
	return w, w.policyNeeded()
}

// ensureLogFile is the API server's error, with the path that it knows.
func ensureLogFile(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = &fs.PathError{Op: pe.Op, Path: path, Err: pe.Err}
	}
	return fmt.Errorf("ensureLogFile: %w", err)
}

func (w *auditor) policyNeeded() error {
	if w.policy == nil {
		w.a.log.klog('I', "audit.go:315", "No audit policy file provided, no events will be recorded for log backend")
		w.policy = &auditPolicy{}
	}
	return nil
}

func (w *auditor) open() (err error) {
	// An existing file keeps its mode.
	w.out, err = os.OpenFile(w.at, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return err
}

func (w *auditor) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out != nil {
		w.out.Close()
		w.out = nil
	}
	w.at = ""
}

func (a *apiserver) loadPolicy() (*auditPolicy, error) {
	path := a.flags["audit-policy-file"]
	if path == "" {
		return nil, nil
	}
	if a.on(breakPolicy) {
		return nil, fmt.Errorf("loading audit policy file: failed decoding: yaml: line 5: did not find expected ',' or ']': from file %s", path)
	}
	b, err := a.files.read(path)
	if err != nil {
		return nil, fmt.Errorf("loading audit policy file: failed to read file path %q: %w", path, err)
	}
	p, warning, err := parsePolicy(b)
	if err != nil {
		return nil, fmt.Errorf("loading audit policy file: %w: from file %v", err, path)
	}
	if warning != "" {
		a.log.klog('W', "reader.go:98", warning)
	}
	return p, nil
}

// record writes the events of one request; wrote tells whether the policy wants any.
func (w *auditor) record(id string, q *request) (wrote bool) {
	level, omit := w.policy.level(q)
	if level == "None" {
		return false
	}
	now := w.a.k.clock.Now().UTC()
	e := auditEvent{Kind: "Event", APIVersion: "audit.k8s.io/v1", Level: level, AuditID: id, RequestURI: q.uri, Verb: q.verb,
		User: auditUser{q.user, q.groups}, SourceIPs: []string{w.node}, UserAgent: q.agent,
		RequestReceived: now.Add(-900 * time.Microsecond).Format(rfc3339Micro)}
	if q.isResource {
		e.ObjectRef = &auditRef{q.resource, q.namespace, q.name, q.group, q.version, q.subres}
	}
	if !slices.Contains(omit, "RequestReceived") {
		e.Stage, e.StageTimestamp = "RequestReceived", e.RequestReceived
		w.write(e)
		wrote = true
	}
	if slices.Contains(omit, "ResponseComplete") {
		return wrote
	}
	e.Stage, e.StageTimestamp = "ResponseComplete", now.Format(rfc3339Micro)
	e.ResponseStatus = &auditStatus{Code: q.code}
	e.Annotations = map[string]string{"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
	if q.code == 403 {
		e.Annotations["authorization.k8s.io/decision"] = "forbid"
	}
	for k, v := range q.annotations {
		e.Annotations[k] = v
	}
	if level == "Request" || level == "RequestResponse" {
		e.RequestObject = q.object
	}
	if level == "RequestResponse" {
		e.ResponseObject = q.object
	}
	w.write(e)
	return true
}

// auditTraffic is what the rest of a cluster asks of an API server: a burst when it starts, the first of
// it before this returns, then a request every two seconds until the returned function is called.
func (a *apiserver) auditTraffic(ctx context.Context) (stop func()) {
	if a.audit == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	all := traffic(a.k.node.Name)
	next := a.audit.one(all, 0)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			pause := 2 * time.Second
			if next < len(all) {
				pause = 50 * time.Millisecond
			}
			if a.k.clock.Sleep(ctx, pause) != nil {
				return
			}
			next = a.audit.one(all, next)
		}
	}()
	return func() { cancel(); <-ended }
}

// one records the next request that the policy wants something of and returns the one after it.
func (w *auditor) one(all []request, next int) int {
	for try := range all {
		if q := all[(next+try)%len(all)]; w.record(newUUID(), &q) {
			return next + try + 1
		}
	}
	return next + 1
}

func newUUID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
