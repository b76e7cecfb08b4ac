package sim

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const gitVersion = "v1.34.4"

// handle answers one request: health and version to everybody, plain answers to those who have a
// certificate of the cluster's CA. Every request is audited as the policy says.
func (a *apiserver) handle(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("Audit-ID")
	if id == "" {
		id = newUUID()
	}
	w.Header().Set("Audit-Id", id)
	w.Header().Set("Cache-Control", "no-cache, private")
	q := requestInfo(r)
	q.user, q.groups = a.user(r)
	if r.Body != nil && (r.Method == http.MethodPost || r.Method == http.MethodPut) {
		_ = json.NewDecoder(io.LimitReader(r.Body, 3<<20)).Decode(&q.object)
	}
	code, kind, body := a.answer(r, q)
	q.code = code
	if a.audit != nil {
		a.audit.record(id, q)
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

const (
	plain    = "text/plain; charset=utf-8"
	jsonType = "application/json"
)

func (a *apiserver) answer(r *http.Request, q *request) (code int, kind, body string) {
	anonymous := q.user == "system:anonymous"
	switch {
	case anonymous && a.flags["anonymous-auth"] == "false":
		return status(http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	case a.phase.Load() == phaseForbidden:
		return status(http.StatusForbidden, "Forbidden", fmt.Sprintf("forbidden: User %q cannot %s path %q", q.user, q.verb, q.path))
	}
	switch check, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); check {
	case "readyz":
		return a.health(r, "readyz", a.unready())
	case "livez", "healthz":
		failing := ""
		if a.phase.Load() != phaseReady {
			failing = a.unready()
		}
		return a.health(r, check, failing)
	case "version":
		return http.StatusOK, jsonType, `{
  "major": "1",
  "minor": "34",
  "gitVersion": "` + gitVersion + `",
  "gitTreeState": "clean",
  "goVersion": "go1.24.12",
  "compiler": "gc",
  "platform": "linux/amd64"
}`
	}
	switch {
	case anonymous && q.isResource:
		return status(http.StatusForbidden, "Forbidden", fmt.Sprintf("%s is forbidden: User %q cannot %s resource %q in API group %q in the namespace %q",
			q.resource, q.user, q.verb, q.resource, q.group, q.namespace))
	case anonymous:
		return status(http.StatusForbidden, "Forbidden", fmt.Sprintf("forbidden: User %q cannot %s path %q", q.user, q.verb, q.path))
	}
	return a.resource(q)
}

// resource is the API of a cluster that has nothing in it and keeps nothing.
func (a *apiserver) resource(q *request) (code int, kind, body string) {
	switch {
	case !q.isResource || q.resource == "":
		return status(http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	case q.verb == "create":
		q.admit()
		b, err := json.Marshal(q.object)
		if err != nil || q.object == nil {
			return status(http.StatusBadRequest, "BadRequest", "the object provided is unrecognized")
		}
		return http.StatusCreated, jsonType, string(b)
	case q.verb == "list":
		return http.StatusOK, jsonType, `{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}`
	case q.verb != "get":
		return status(http.StatusMethodNotAllowed, "MethodNotAllowed", "the server does not allow this method on the requested resource")
	}
	return status(http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", q.resource, q.name))
}

func (a *apiserver) health(r *http.Request, path, failing string) (code int, kind, body string) {
	if _, verbose := r.URL.Query()["verbose"]; failing == "" && !verbose {
		return http.StatusOK, plain, "ok"
	}
	checks := []string{"ping", "log", "etcd", "etcd-readiness", "poststarthook/start-apiextensions-controllers",
		"poststarthook/rbac/bootstrap-roles", "poststarthook/bootstrap-controller", "shutdown"}
	var b strings.Builder
	for _, c := range checks {
		if c == failing {
			fmt.Fprintf(&b, "[-]%s failed: reason withheld\n", c)
		} else {
			fmt.Fprintf(&b, "[+]%s ok\n", c)
		}
	}
	if failing != "" {
		fmt.Fprintf(&b, "%s check failed\n", path)
		return http.StatusInternalServerError, plain, b.String()
	}
	fmt.Fprintf(&b, "%s check passed\n", path)
	return http.StatusOK, plain, b.String()
}

func status(code int, reason, message string) (int, string, string) {
	b, _ := json.MarshalIndent(map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{},
		"status": "Failure", "message": message, "reason": reason, "details": map[string]any{}, "code": code}, "", "  ")
	return code, jsonType, string(b)
}

// user is who the client's certificate says.
func (a *apiserver) user(r *http.Request) (name string, groups []string) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return "system:anonymous", []string{"system:unauthenticated"}
	}
	c := r.TLS.PeerCertificates[0]
	_, err := c.Verify(x509.VerifyOptions{Roots: a.clients, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return "system:anonymous", []string{"system:unauthenticated"}
	}
	return c.Subject.CommonName, append(append([]string{}, c.Subject.Organization...), "system:authenticated")
}

// requestInfo takes a request apart as the API server does.
func requestInfo(r *http.Request) *request {
	q := &request{path: r.URL.Path, uri: r.URL.RequestURI(), verb: strings.ToLower(r.Method), agent: r.UserAgent()}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		q.version, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		q.group, q.version, parts = parts[1], parts[2], parts[3:]
	default:
		return q
	}
	q.isResource = true
	if parts[0] == "namespaces" && len(parts) > 1 {
		q.namespace = parts[1]
		if len(parts) > 2 {
			parts = parts[2:]
		}
	}
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	q.resource, q.name, q.subres = at(0), at(1), at(2)
	switch r.Method {
	case http.MethodGet:
		if q.name == "" {
			q.verb = "list"
		}
	case http.MethodPost:
		q.verb = "create"
	case http.MethodPut:
		q.verb = "update"
	}
	return q
}
