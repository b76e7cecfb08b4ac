// Package scenarios plays what happens to operators, on real components.
package scenarios

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/e2e/lab"
	"github.com/hcrun/hcrun/engine/lab/sim"
)

func TestMain(m *testing.M) {
	lab.Child()
	os.Exit(m.Run())
}

// bench is real masters, and hcrun beside them.
type bench struct {
	t     *testing.T
	lab   *lab.Lab
	dir   string // of the operator: inventory, state, the binary
	nodes []*lab.Node
}

// newBench has so many masters that are up, and an inventory of three.
func newBench(t *testing.T, masters int, registered bool) *bench {
	t.Helper()
	bin := os.Getenv("HCRUN_E2E_BIN")
	if why := lab.Missing(bin); why != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI without " + why)
		}
		t.Skip("this machine has no " + why)
	}
	l, err := lab.New(filepath.Join(t.TempDir(), "lab"), bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, lab: l, dir: t.TempDir()}
	for i := 1; i <= masters; i++ {
		n, err := l.Add(i, masters, registered)
		if err != nil {
			t.Fatal(err)
		}
		b.nodes = append(b.nodes, n)
	}
	for _, n := range b.nodes {
		if err := n.Ready(2 * time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", filepath.Join(b.dir, "hcrun"), "./cmd/hcrun")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b.inventory()
	b.standInLoki()
	return b
}

// inventory names the three masters of the flagship, whether they are up or not.
func (b *bench) inventory() {
	b.t.Helper()
	var known strings.Builder
	for _, n := range b.nodes {
		line, err := n.KnownHost()
		if err != nil {
			b.t.Fatal(err)
		}
		known.WriteString(line)
	}
	text := fmt.Sprintf(`defaults {
  user           = "root"
  identity_files = [%q]
  known_hosts    = ["known_hosts"]
  agent          = false
}
host "master1" { address = "10.99.0.11" }
host "master2" { address = "10.99.0.12" }
host "master3" { address = "10.99.0.13" }
group "control_plane" { hosts = ["master1", "master2", "master3"] }
`, b.lab.Identity())
	for name, text := range map[string]string{"hosts.hcl": text, "known_hosts": known.String()} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// standInLoki ships the nodes' real audit logs into the lab's simulated Loki, until there is a real one. It knows
// them by where they are on this machine, and is asked for where they are on the node.
func (b *bench) standInLoki() {
	b.t.Helper()
	const onNode = "/var/log/kubernetes/audit.log"
	files := map[string]string{}
	for _, n := range b.nodes {
		files[n.Name] = n.File(onNode)
	}
	here := b.nodes[0].File(onNode)
	loki := &sim.Loki{Nodes: files}
	ctx, cancel := context.WithCancel(context.Background())
	b.t.Cleanup(cancel)
	go loki.Run(ctx)
	listener, err := b.lab.Listen(3100)
	if err != nil {
		b.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for _, values := range q {
			for i := range values {
				values[i] = strings.ReplaceAll(values[i], onNode, here)
			}
		}
		r.URL.RawQuery = q.Encode()
		answer := httptest.NewRecorder()
		loki.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		io.WriteString(w, strings.ReplaceAll(answer.Body.String(), here, onNode))
	})}
	b.t.Cleanup(func() { server.Close() })
	go server.Serve(listener)
}

// hcrun runs a command line in the hub and holds its exit status.
func (b *bench) hcrun(want int, args ...string) string {
	b.t.Helper()
	c := b.lab.Command(filepath.Join(b.dir, "hcrun"), args...)
	c.Env = append(os.Environ(), "HCRUN_STATE="+filepath.Join(b.dir, "state"), "LOKI_ADDR=http://10.99.0.1:3100")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.Run()
	if got := c.ProcessState.ExitCode(); got != want {
		b.t.Fatalf("hcrun %s ended with %d, want %d:\n%s", strings.Join(args, " "), got, want, out.String())
	}
	return out.String()
}

func (b *bench) apply(want int, node string, more ...string) string {
	b.t.Helper()
	return b.hcrun(want, append([]string{"apply", "../../playbooks/audit-5p.hcl", "-i", filepath.Join(b.dir, "hosts.hcl"), "--limit", node, "--yes",
		"--override", "window", "--override", "gate", "--override", "soak", "--override", "per-day", "--reason", "the test bed has no evenings, and not always peers"}, more...)...)
}

// read is a file of a node.
func (b *bench) read(n *lab.Node, name string) string {
	b.t.Helper()
	text, err := os.ReadFile(n.File(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// on runs a command on a node.
func (b *bench) on(n *lab.Node, command string) string {
	b.t.Helper()
	out, err := n.Run(command)
	if err != nil {
		b.t.Fatalf("%s on %s: %v: %s", command, n.Name, err, out)
	}
	return out
}
