package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bed is one node at a high pace, with everything it did in order.
type bed struct {
	*testing.T
	node *Node
	stop func()

	mu    sync.Mutex
	trace []string
}

// testPace makes the 43 s of a restart a third of a second.
const testPace = 120

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{T: t}
	dir := t.TempDir()
	b.node = &Node{Name: "master1", Root: filepath.Join(dir, "root"), Listen: freePort(t), Pace: testPace,
		State: filepath.Join(dir, "state"), Breaks: filepath.Join(dir, "breaks"), trace: b.add}
	if err := Seed(b.node.Root, b.node.Name); err != nil {
		t.Fatal(err)
	}
	b.write("etc/kubernetes/audit-policy.yaml", goodPolicy)
	b.boot()
	b.seen("200")
	return b
}

func (b *bed) boot() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.node.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Errorf("the node ended with %v", err)
		}
	})
	b.Cleanup(b.stop)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (b *bed) add(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trace = append(b.trace, what)
}

func (b *bed) path(p string) string { return filepath.Join(b.node.Root, p) }

func (b *bed) write(p, text string) {
	b.Helper()
	tmp := filepath.Join(b.node.Root, "tmp-file")
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(tmp, b.path(p)); err != nil {
		b.Fatal(err)
	}
}

func (b *bed) read(p string) string {
	b.Helper()
	text, err := os.ReadFile(b.path(p))
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

// until polls for something that has to become true.
func (b *bed) until(what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			b.mu.Lock()
			defer b.mu.Unlock()
			log, _ := os.ReadFile(filepath.Join(b.node.State, nodeLogFile))
			b.Fatalf("never came: %s\nseen:\n%s\nlog:\n%s", what, strings.Join(b.trace, "\n"), log)
		}
	}
}

// seen waits until the steps have happened one after the other and forgets everything up to them.
func (b *bed) seen(steps ...string) {
	b.Helper()
	b.until(strings.Join(steps, ", "), func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		at := 0
		for i, what := range b.trace {
			if rest, ok := strings.CutPrefix(what, steps[at]); ok && (rest == "" || rest[0] == ' ') {
				if at++; at == len(steps) {
					b.trace = b.trace[i+1:]
					return true
				}
			}
		}
		return false
	})
}

// count is how often something has been seen since.
func (b *bed) count(prefix string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, what := range b.trace {
		if strings.HasPrefix(what, prefix) {
			n++
		}
	}
	return n
}

const manifestPath = "etc/kubernetes/manifests/kube-apiserver.yaml"

// audited is the manifest with audit logging on.
func audited(manifest string) string {
	return strings.NewReplacer(
		"    - --tls-private-key-file", "    - --audit-policy-file=/etc/kubernetes/audit-policy.yaml\n    - --audit-log-path=/var/log/kubernetes/audit.log\n    - --audit-log-maxage=14\n    - --tls-private-key-file",
		"    volumeMounts:\n", "    volumeMounts:\n    - mountPath: /etc/kubernetes/audit-policy.yaml\n      name: audit-policy\n      readOnly: true\n    - mountPath: /var/log/kubernetes\n      name: audit-log\n",
		"  volumes:\n", "  volumes:\n  - hostPath:\n      path: /etc/kubernetes/audit-policy.yaml\n      type: File\n    name: audit-policy\n  - hostPath:\n      path: /var/log/kubernetes\n      type: DirectoryOrCreate\n    name: audit-log\n",
	).Replace(manifest)
}

const goodPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
- level: RequestResponse
  verbs: ["create", "update", "patch", "delete"]
- level: Metadata
`

func (b *bed) tool(name string, args ...string) (code int, stdout, stderr string) {
	b.Helper()
	var out, err bytes.Buffer
	code, ok := Tool(name, b.node.State, args, &out, &err)
	if !ok {
		b.Fatalf("there is no tool %s", name)
	}
	return code, out.String(), err.String()
}

func (b *bed) json(into any, args ...string) {
	b.Helper()
	code, out, stderr := b.tool("crictl", args...)
	if code != 0 {
		b.Fatalf("crictl %v: exit %d: %s", args, code, stderr)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		b.Fatalf("crictl %v: %v\n%s", args, err, out)
	}
}

type psRow struct {
	ID, CreatedAt, State string
	Metadata             struct {
		Attempt int
		Name    string
	}
	Labels map[string]string
}

func (b *bed) ps(args ...string) []psRow {
	b.Helper()
	var list struct{ Containers []psRow }
	b.json(&list, append([]string{"--timeout=10s", "ps", "-o", "json", "--name", "^kube-apiserver$"}, args...)...)
	return list.Containers
}

// get asks the API server as hcrun does: the CA of the node, the name kubernetes.
func (b *bed) get(path string, header http.Header) (code int, body string, answered http.Header) {
	b.Helper()
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM([]byte(b.read("etc/kubernetes/pki/ca.crt")))
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca, ServerName: "kubernetes"}}
	defer t.CloseIdleConnections()
	r, err := http.NewRequest(http.MethodGet, "https://"+b.node.Listen+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header = header.Clone()
	res, err := (&http.Client{Transport: t, Timeout: 5 * time.Second}).Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text), res.Header
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (b *bed) brk(kind string) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(b.node.Breaks, kind), nil, 0o600); err != nil {
		b.Fatal(err)
	}
}

func (b *bed) mend(kind string) {
	b.Helper()
	if err := os.Remove(filepath.Join(b.node.Breaks, kind)); err != nil {
		b.Fatal(err)
	}
}

// sequence is what has been seen of the given kinds, in order.
func (b *bed) sequence(prefixes ...string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, what := range b.trace {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(what, p) }) {
			out = append(out, what)
		}
	}
	return out
}
