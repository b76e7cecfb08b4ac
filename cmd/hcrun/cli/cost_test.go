package cli

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine/lab"
	"github.com/hcrun/hcrun/engine/sshnode"
)

// TestCost counts what the flagship costs a node: one connection, at most three channels that run
// something, one restart of the API server.
func TestCost(t *testing.T) {
	t.Parallel()
	needLab(t)
	b := newBench(t, binary(t))
	b.up()
	before := b.apiServers()
	b.must(0, b.apply("master1")...)
	log, err := os.ReadFile(filepath.Join(b.state, "hcrun.log"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(log)) {
		var e struct {
			Event, Node                       string
			Connections, Channels, RoundTrips int
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Event != "disconnected" {
			continue
		}
		if seen[e.Node] || e.Connections != 1 || e.Channels > 3 {
			t.Errorf("%s: %d connections, %d channels (again: %v)", e.Node, e.Connections, e.Channels, seen[e.Node])
		}
		seen[e.Node] = true
	}
	if len(seen) != 3 {
		t.Errorf("connections to %v, want the node and its two peers", seen)
	}
	if started := b.apiServers() - before; started != 1 {
		t.Errorf("the API server was started %d times, want once", started)
	}
}

// TestSyncs counts what the flagship costs the disk of whoever runs it: fewer than 200 records, and each of them
// one write and one sync of the journal, as the kernel sees it. The journal is synced once more when it is made.
func TestSyncs(t *testing.T) {
	t.Parallel()
	needLab(t)
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs strace")
		}
		t.Skip("needs strace")
	}
	b := newBench(t, binary(t))
	b.up()
	trace := filepath.Join(t.TempDir(), "trace")
	plain := b.hcrun
	b.hcrun = "strace"
	b.must(0, append([]string{"-f", "-y", "-e", "trace=fsync,fdatasync,pwrite64,sync_file_range", "-e", "signal=none", "-o", trace, plain}, b.apply("master1")...)...)
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	journals, err := filepath.Glob(filepath.Join(b.state, "runs", "*.jsonl"))
	if err != nil || len(journals) != 1 {
		t.Fatalf("%q, %v", journals, err)
	}
	lines, err := os.ReadFile(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	records := strings.Count(string(lines), "\n")
	calls := func(name string) int {
		return len(regexp.MustCompile(`(?m)^\d+ +`+name+`\(\d+<`+regexp.QuoteMeta(journals[0])+`>`).FindAll(text, -1))
	}
	if writes, syncs := calls("pwrite64"), calls("(?:fsync|fdatasync)"); writes != records || syncs != records+1 || records >= 200 {
		t.Errorf("%d records, %d writes, %d syncs", records, writes, syncs)
	}
	t.Logf("%d records, %d syncs of everything", records, strings.Count(string(text), "sync("))
}

// apiServers is how many API server containers master1's kubelet says that it has started so far.
func (b *bench) apiServers() int {
	b.t.Helper()
	s, err := lab.Read(context.Background(), b.labDir())
	if err != nil {
		b.t.Fatal(err)
	}
	at := s.Nodes[slices.IndexFunc(s.Nodes, func(n lab.NodeStatus) bool { return n.Name == "master1" })]
	n, err := sshnode.Dial(context.Background(), sshnode.Config{Name: at.Name, Host: at.Host, Port: at.Port, User: "root", Identities: []string{s.Identity}, KnownHosts: []string{s.KnownHosts}, ConnectTimeout: 10 * time.Second, Pace: 1})
	if err != nil {
		b.t.Fatal(err)
	}
	defer n.Close()
	out, err := n.Observe(context.Background(), "journalctl", "-u", "kubelet", "-n", "10000", "--no-pager")
	if err != nil {
		b.t.Fatal(err)
	}
	return len(regexp.MustCompile(`pod="kube-system/kube-apiserver-master1" event="ContainerStarted`).FindAll(out, -1))
}
