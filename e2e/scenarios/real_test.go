package scenarios

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hcrun/hcrun/e2e/lab"
)

// real is real components.
type real struct {
	lab     *lab.Lab
	masters []*lab.Node
	bastion *lab.Node // nil: the nodes are reached directly
	loki    *relay
}

// newReal has masters that are ready.
func newReal(t *testing.T, dir string, l *lab.Lab, loki string, o lab.Options, bastion *lab.Node) *real {
	t.Helper()
	r := &real{lab: l, bastion: bastion}
	o.Loki = loki
	var err error
	if r.masters, err = l.Add(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range r.masters {
			if t.Failed() {
				out, _ := n.Enter("tail -n 30 /var/log/svc/kubelet.log; crictl ps -a").CombinedOutput()
				t.Logf("%s: %s", n.Name, out)
			}
			if err := n.Remove(); err != nil {
				t.Error(err)
			}
		}
	})
	var known strings.Builder
	for _, n := range r.hosts() {
		line, err := n.KnownHost()
		if err != nil {
			t.Fatal(err)
		}
		known.WriteString(line)
	}
	if err := os.WriteFile(filepath.Join(dir, "known_hosts"), []byte(known.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range r.masters {
		if err := n.Ready(2 * time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if r.loki, err = newRelay(l, strings.TrimPrefix(loki, "http://")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.loki.close() })
	return r
}

// hosts are the machines that are reached over SSH.
func (r *real) hosts() []*lab.Node {
	if r.bastion == nil {
		return r.masters
	}
	return append([]*lab.Node{r.bastion}, r.masters...)
}

func (r *real) name() string  { return "real" }
func (r *real) pace() float64 { return 1 }

// inventory names three masters, whether they are there or not.
func (r *real) inventory() string {
	var b strings.Builder
	fmt.Fprintf(&b, "defaults {\n  user           = %q\n  identity_files = [%q]\n  known_hosts    = [\"known_hosts\"]\n  agent          = false\n", r.masters[0].User, r.lab.Identity())
	if r.masters[0].User != "root" {
		b.WriteString("  become         = true\n")
	}
	if r.bastion != nil {
		b.WriteString("  jump           = [\"bastion\"]\n")
	}
	b.WriteString("}\n")
	if r.bastion != nil {
		fmt.Fprintf(&b, "host \"bastion\" {\n  address = %q\n  user    = \"root\"\n  become  = false\n  jump    = []\n}\n", r.bastion.IP)
	}
	for i := range 3 {
		address := fmt.Sprintf("10.99.0.%d", 251+i)
		if i < len(r.masters) {
			address = r.masters[i].IP
		}
		fmt.Fprintf(&b, "host \"master%d\" {\n  address = %q\n  switch  = \"weak\"\n}\n", i+1, address)
	}
	b.WriteString("group \"control_plane\" { hosts = [\"master1\", \"master2\", \"master3\"] }\n")
	return b.String()
}

func (r *real) environment() []string {
	return []string{"LOKI_ADDR=http://" + r.loki.address, "LOKI_ORG_ID=" + r.masters[0].Tenant}
}

func (r *real) command(name string, args ...string) *exec.Cmd { return r.lab.Command(name, args...) }

func (r *real) node(name string) *lab.Node {
	for _, n := range r.masters {
		if n.Name == name {
			return n
		}
	}
	panic("no node " + name)
}

func (r *real) shell(node, command string) *exec.Cmd { return r.node(node).Enter(command) }

func (r *real) sh(node, command string) error {
	out, err := r.shell(node, command).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s on %s: %w: %s", command, node, err, out)
	}
	return nil
}

// fillAuditDisk gives the log a disk of its own that is large until it has something in it.
func (r *real) fillAuditDisk(node string) error {
	if err := r.sh(node, "mkdir -m 0755 /var/log/kubernetes && mount -t tmpfs -o size=2g,mode=755 audit /var/log/kubernetes"); err != nil {
		return err
	}
	return r.shell(node, "while ! [ -s "+auditLog+" ]; do sleep 0.05; done; mount -o remount,size=32k /var/log/kubernetes").Start()
}

func (r *real) stopShipper(node string) error { return r.sh(node, "pkill -STOP -x shipper") }

func (r *real) misleadShipper(node string) error {
	return r.sh(node, "echo /var/log/kube-apiserver/audit.log > /etc/shipper")
}

func (r *real) stopLoki() error        { return r.loki.close() }
func (r *real) startLoki() error       { return r.loki.open() }
func (r *real) cut(node string) error  { return r.node(node).Cut() }
func (r *real) mend(node string) error { return r.node(node).Mend() }
func (r *real) pull(node string) error { return r.node(node).Kill() }
func (r *real) boot(node string) error { return r.node(node).Boot() }

// relay is a way to Loki that one scenario can close without closing it for the others.
type relay struct {
	lab     *lab.Lab
	to      string
	address string // where it listens
	mu      sync.Mutex
	l       net.Listener
	conns   map[net.Conn]bool
}

func newRelay(l *lab.Lab, to string) (*relay, error) {
	r := &relay{lab: l, to: to}
	return r, r.open()
}

func (r *relay) open() error {
	port := 0
	if r.address != "" {
		fmt.Sscanf(r.address[strings.LastIndex(r.address, ":")+1:], "%d", &port)
	}
	l, err := r.lab.Listen(port)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.l, r.address, r.conns = l, l.Addr().String(), map[net.Conn]bool{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(c)
		}
	}()
	return nil
}

func (r *relay) carry(c net.Conn) {
	defer c.Close()
	to, err := r.lab.Dial(context.Background(), "tcp", r.to)
	if err != nil {
		return
	}
	defer to.Close()
	r.mu.Lock()
	if r.conns == nil {
		r.mu.Unlock()
		return
	}
	r.conns[c], r.conns[to] = true, true
	r.mu.Unlock()
	go func() { io.Copy(to, c); to.Close() }()
	io.Copy(c, to)
}

// close refuses connections and ends those that stand.
func (r *relay) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
	r.conns = nil
	return r.l.Close()
}
