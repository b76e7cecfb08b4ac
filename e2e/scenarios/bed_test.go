package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A bed is where a scenario plays: masters, a Loki, and what can happen to them.
type bed interface {
	name() string
	pace() float64 // waits are divided by it

	inventory() string                             // text of the inventory; names master1 to master3
	environment() []string                         // that hcrun is started with
	command(name string, args ...string) *exec.Cmd // a program where the operator is
	shell(node, command string) *exec.Cmd          // a shell on a node as root, which no cut of the network ends

	fillAuditDisk(node string) error // as soon as the new API server has begun to write
	stopShipper(node string) error
	misleadShipper(node string) error // to a path where nothing is
	stopLoki() error
	startLoki() error
	cut(node string) error
	mend(node string) error
	pull(node string) error // the plug
	boot(node string) error
}

// bench is one scenario's bed, with hcrun beside it.
type bench struct {
	*testing.T
	bed
	dir  string // the operator's: inventory, state, playbook
	book string // the playbook

	wrong    []string // what failed
	verified float64  // from the new API server's readiness to the end of the run, in the bed's seconds; 0 where nobody measured
}

const (
	manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	policy   = "/etc/kubernetes/audit-policy.yaml"
	auditLog = "/var/log/kubernetes/audit.log"
)

// repository is the folder of the root module.
func repository(t *testing.T) string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func newBench(t *testing.T, on bed, dir string) *bench {
	b := &bench{T: t, bed: on, dir: dir, book: filepath.Join(repository(t), "playbooks", "audit-5p.hcl")}
	b.write("hosts.hcl", on.inventory())
	return b
}

// Fatalf, Errorf and the others say it in the report, too, where it stands beside the table.
func (b *bench) Fatalf(format string, args ...any) {
	b.Helper()
	b.Errorf(format, args...)
	b.FailNow()
}

func (b *bench) Errorf(format string, args ...any) {
	b.Helper()
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
	b.T.Error(b.wrong[len(b.wrong)-1])
}

func (b *bench) Fatal(args ...any) { b.Helper(); b.Fatalf("%s", fmt.Sprint(args...)) }
func (b *bench) Error(args ...any) { b.Helper(); b.Errorf("%s", fmt.Sprint(args...)) }

func (b *bench) write(name, text string) {
	b.Helper()
	name = filepath.Join(b.dir, name)
	b.must(os.MkdirAll(filepath.Dir(name), 0o700))
	b.must(os.WriteFile(name, []byte(text), 0o600))
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// edited makes a copy of the flagship the one that is applied: with what each pair of texts replaces, and with
// another policy where one is given.
func (b *bench) edited(policy string, pairs ...string) {
	b.Helper()
	from := filepath.Dir(b.book)
	text, err := os.ReadFile(filepath.Join(from, "audit-5p.hcl"))
	b.must(err)
	book := string(text)
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(book, pairs[i]) != 1 {
			b.Fatalf("the flagship has not exactly one %q", pairs[i])
		}
		book = strings.Replace(book, pairs[i], pairs[i+1], 1)
	}
	if policy == "" {
		text, err := os.ReadFile(filepath.Join(from, "files", "audit-policy.yaml"))
		b.must(err)
		policy = string(text)
	}
	b.write("playbooks/files/audit-policy.yaml", policy)
	b.write("playbooks/audit-5p.hcl", book)
	b.book = filepath.Join(b.dir, "playbooks", "audit-5p.hcl")
}

// start starts hcrun.
func (b *bench) start(args ...string) (*exec.Cmd, *bytes.Buffer) {
	b.Helper()
	c := b.command(hcrun, args...)
	c.Env = append(append(os.Environ(), "HCRUN_STATE="+filepath.Join(b.dir, "state")), b.environment()...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	b.must(c.Start())
	return c, &out
}

// hcrun runs a command line and holds its exit status.
func (b *bench) hcrun(want int, args ...string) string {
	b.Helper()
	c, out := b.start(args...)
	c.Wait()
	if got := c.ProcessState.ExitCode(); got != want {
		b.Fatalf("hcrun %s ended with %d, want %d:\n%s", strings.Join(args, " "), got, want, progress(out.String()))
	}
	return out.String()
}

// applying is the command line that applies to a node, at whatever time it is here and without peers.
func (b *bench) applying(node string, more ...string) []string {
	return append([]string{"apply", b.book, "-i", filepath.Join(b.dir, "hosts.hcl"), "--limit", node, "--yes",
		"--override", "window", "--override", "gate", "--override", "peers", "--override", "soak", "--override", "per-day", "--reason", "the test bed has no evenings, and no peers"}, more...)
}

// on runs a command on a node.
func (b *bench) on(node, command string) string {
	b.Helper()
	var errs bytes.Buffer
	c := b.shell(node, command)
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		b.Fatalf("%s on %s: %v: %s%s", command, node, err, out, &errs)
	}
	return string(out)
}

// untilChanged is shell that prints a line and waits until the API server's manifest is another file than now.
const untilChanged = "was=$(stat -c %i " + manifest + "); echo ready; while [ $(stat -c %i " + manifest + ") = $was ]; do sleep 0.02; done"

// once runs a command on a node as soon as the API server's manifest has changed.
func (b *bench) once(node, command string) {
	b.Helper()
	b.beside(b.shell(node, untilChanged+"; "+command))
}

// beside runs a command while the scenario goes on, from when it has printed a line.
func (b *bench) beside(c *exec.Cmd) {
	b.Helper()
	out, err := c.StdoutPipe()
	b.must(err)
	var errs bytes.Buffer
	c.Stderr, c.WaitDelay = &errs, time.Second
	b.must(c.Start())
	b.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		if errs.Len() > 0 && b.Failed() {
			b.Logf("beside it: %s", &errs)
		}
	})
	if _, err := out.Read(make([]byte, 64)); err != nil {
		b.Fatal(err)
	}
}

// changed waits until the API server's manifest is another file than now.
func (b *bench) changed(node string) <-chan error {
	b.Helper()
	done := make(chan error, 1)
	c := b.shell(node, untilChanged)
	out, err := c.StdoutPipe()
	b.must(err)
	b.must(c.Start())
	if _, err := out.Read(make([]byte, 64)); err != nil {
		b.Fatal(err)
	}
	late := time.AfterFunc(5*time.Minute, func() { c.Process.Kill() }) // hcrun may have refused to change anything
	go func() {
		done <- c.Wait()
		late.Stop()
	}()
	return done
}

// tree is what is on a node where hcrun changes things, a line a file. What the API server logs is not in it.
func (b *bench) tree(node string) string {
	b.Helper()
	return b.on(node, `find /etc/kubernetes /root -printf '%p %M %u %g %l\n' -type f -exec sha256sum {} + | LC_ALL=C sort`)
}

// arguments is what the API server of a node was started with.
func (b *bench) arguments(node string) string {
	b.Helper()
	return b.on(node, `crictl inspect $(crictl ps -q --name '^kube-apiserver$')`)
}

// until waits for something to become true.
func (b *bench) until(what string, limit time.Duration, is func() bool) {
	b.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// kept tells whether what hcrun keeps on this machine has a text in it.
func (b *bench) kept(text string) bool {
	b.Helper()
	found := false
	b.must(filepath.WalkDir(filepath.Join(b.dir, "state", "runs"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		found = found || bytes.Contains(content, []byte(text))
		return err
	}))
	return found
}
