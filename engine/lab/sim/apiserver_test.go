package sim

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

func (b *bed) events() (list []auditEvent) {
	b.Helper()
	f, err := os.Open(b.path("var/log/kubernetes/audit.log"))
	if err != nil {
		return nil
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var e auditEvent
		if json.Unmarshal(s.Bytes(), &e) == nil {
			list = append(list, e)
		}
	}
	return list
}

func (b *bed) enable() {
	b.Helper()
	b.write(manifestPath, audited(b.read(manifestPath)))
	b.seen("exited kube-apiserver 0 137", "200")
}

func TestAuditLog(t *testing.T) {
	b := newBed(t)
	moved := 40 * time.Hour
	b.stop()
	b.node.Now = func() time.Time { return time.Now().Add(moved) }
	b.boot()
	b.seen("200")
	b.enable()
	b.until("events of every kind", func() bool { return len(b.events()) > 20 })
	info, err := os.Stat(b.path("var/log/kubernetes/audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "mode of a new log", info.Mode().Perm(), 0o600)
	annotations := map[string]bool{}
	for _, e := range b.events() {
		equal(t, "kind", e.Kind+" "+e.APIVersion+" "+e.Stage, "Event audit.k8s.io/v1 ResponseComplete")
		at, err := time.Parse(rfc3339Micro, e.StageTimestamp)
		equal(t, "lab time", err == nil && time.Until(at) > moved-time.Hour, true)
		equal(t, "health is not logged", strings.Contains(e.RequestURI, "readyz"), false)
		equal(t, "secrets at Metadata", e.ObjectRef != nil && e.ObjectRef.Resource == "secrets" && e.RequestObject != nil, false)
		for k := range e.Annotations {
			annotations[k] = true
		}
	}
	for _, a := range []string{"audit-violations", "enforce-policy"} {
		equal(t, a, annotations["pod-security.kubernetes.io/"+a], true)
	}
}

func TestAuditID(t *testing.T) {
	b := newBed(t)
	b.enable()
	const id = "5b1f6e1e-0f3c-4a4f-9a0a-2a7d7a1f4e11"
	code, _, header := b.get("/version", http.Header{"Audit-Id": {id}})
	equal(t, "code", code, http.StatusOK)
	equal(t, "echo", header.Get("Audit-ID"), id)
	b.until("the event", func() bool {
		return slices.ContainsFunc(b.events(), func(e auditEvent) bool { return e.AuditID == id && e.RequestURI == "/version" })
	})
	_, _, header = b.get("/readyz", nil)
	equal(t, "an id of its own", len(header.Get("Audit-ID")), 36)
}

// An existing log keeps its mode and its content.
func TestExistingLog(t *testing.T) {
	b := newBed(t)
	if err := os.MkdirAll(b.path("var/log/kubernetes"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.path("var/log/kubernetes/audit.log"), []byte("earlier\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.enable()
	b.until("growth", func() bool { return len(b.events()) > 0 })
	equal(t, "content", strings.HasPrefix(b.read("var/log/kubernetes/audit.log"), "earlier\n"), true)
	info, err := os.Stat(b.path("var/log/kubernetes/audit.log"))
	equal(t, "mode", err == nil && info.Mode().Perm() == 0o644, true)
}

// Only the log's mount is missing: everything looks healthy.
func TestLogMountMissing(t *testing.T) {
	b := newBed(t)
	b.write(manifestPath, strings.Replace(audited(b.read(manifestPath)), "    - mountPath: /var/log/kubernetes\n      name: audit-log\n", "", 1))
	b.seen("exited kube-apiserver 0 137", "audited", "200")
	if _, err := os.Stat(b.path("var/log/kubernetes/audit.log")); err == nil {
		t.Error("there is a log on the node")
	}
}

func TestRotation(t *testing.T) {
	b := newBed(t)
	w := &auditor{a: &apiserver{k: &kubelet{node: b.node, clock: b.node.clock(), breaks: newBreaks("")}, log: &containerLog{path: b.path("tmp.log"), now: time.Now}},
		at: b.path("audit.log"), max: 3000, keep: 2, policy: &auditPolicy{Rules: []auditRule{{Level: "Metadata"}}}}
	defer w.close()
	for range 30 {
		w.record(newUUID(), &request{verb: "get", uri: "/x"})
		time.Sleep(2 * time.Millisecond) // the names of rotated files have milliseconds
	}
	entries, err := os.ReadDir(b.node.Root)
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "audit") {
			logs = append(logs, e.Name())
			info, err := e.Info()
			equal(t, e.Name()+" is small", err == nil && info.Size() <= w.max, true)
		}
	}
	equal(t, "files", len(logs), 3)
}

func TestHealth(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		path string
		code int
		body string
	}{
		{"/readyz", 200, "ok"}, {"/livez", 200, "ok"}, {"/healthz", 200, "ok"},
		{"/readyz?verbose", 200, "[+]etcd ok"}, {"/version", 200, `"gitVersion": "v1.34.4"`},
		{"/api/v1/pods", 403, `cannot list resource`}, {"/metrics", 403, "system:anonymous"},
	} {
		code, body, _ := b.get(c.path, nil)
		equal(t, c.path, code, c.code)
		equal(t, c.path+": "+body, strings.Contains(body, c.body), true)
	}
	os.Rename(b.path("etc/kubernetes/manifests/etcd.yaml"), b.path("root/etcd.yaml"))
	b.until("not ready without etcd", func() bool {
		code, body, _ := b.get("/readyz", nil)
		return code == 500 && strings.Contains(body, "[-]etcd failed")
	})
}

// The administrator's kubeconfig is somebody, and a dry-run pod comes back with what admission says.
func TestAdmin(t *testing.T) {
	b := newBed(t)
	b.enable()
	var c struct {
		Users []struct {
			User struct {
				Cert string `json:"client-certificate-data"`
				Key  string `json:"client-key-data"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(b.read("etc/kubernetes/admin.conf")), &c); err != nil {
		t.Fatal(err)
	}
	cert, _ := base64.StdEncoding.DecodeString(c.Users[0].User.Cert)
	key, _ := base64.StdEncoding.DecodeString(c.Users[0].User.Key)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM([]byte(b.read("etc/kubernetes/pki/ca.crt")))
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca, ServerName: "kubernetes", Certificates: []tls.Certificate{pair}}}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Post("https://"+b.node.Listen+"/api/v1/namespaces/default/pods?dryRun=All", "application/json",
		strings.NewReader(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"probe"},"spec":{"containers":[{"name":"x","securityContext":{"privileged":true}}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	equal(t, "created", res.StatusCode, http.StatusCreated)
	id := res.Header.Get("Audit-ID")
	b.until("the event", func() bool {
		return slices.ContainsFunc(b.events(), func(e auditEvent) bool {
			return e.AuditID == id && e.User.Username == "kubernetes-admin" && e.Verb == "create" && e.ObjectRef.Namespace == "default" &&
				strings.Contains(e.Annotations[podSecurity+"audit-violations"], "privileged")
		})
	})
}
