package scenarios

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/e2e/lab"
)

// newLab is real components' network and Loki, or the reason why this machine has none.
func newLab(t *testing.T) (*lab.Lab, string) {
	t.Helper()
	bin := os.Getenv("HCRUN_E2E_BIN")
	if why := lab.Missing(bin); why != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI without " + why)
		}
		t.Skip("this machine has no " + why)
	}
	l, err := lab.New(t.TempDir(), bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	loki, err := l.Loki()
	if err != nil {
		t.Fatal(err)
	}
	return l, loki
}

// unchanged holds that nothing of the node was touched, and its API server is ready.
func unchanged(b *bench, before string) {
	b.Helper()
	after := strings.Join(without(b.tree("master1"), ".bak"), "\n")
	if want := strings.Join(without(before, ".bak"), "\n"); after != want {
		b.Errorf("the node is not as it was:\n%s\nit was:\n%s", after, want)
	}
	b.until("the API server is ready", time.Minute, func() bool { return b.on("master1", ready) == "ok" })
}

// without leaves out the lines that have a text in them.
func without(lines, text string) (rest []string) {
	for line := range strings.Lines(lines) {
		if !strings.Contains(line, text) {
			rest = append(rest, strings.TrimSpace(line))
		}
	}
	return rest
}

// restored is unchanged, and the API server runs with the old arguments.
func restored(b *bench, before string) {
	b.Helper()
	unchanged(b, before)
	if args := b.arguments("master1"); strings.Contains(args, "--audit-") {
		b.Errorf("the API server runs with audit flags:\n%s", args)
	}
}

// applied holds that what was asked for is there and at work.
func applied(b *bench, _ string) {
	b.Helper()
	if args := b.arguments("master1"); !strings.Contains(args, "--audit-policy-file="+policy) {
		b.Errorf("the API server runs without the flag:\n%s", args)
	}
	for _, line := range []string{"600 " + policy, "600 " + auditLog, "700 /var/log/kubernetes", "600 /root/kube-apiserver.yaml.pre-audit", "600 " + manifest} {
		_, path, _ := strings.Cut(line, " ")
		if got := strings.TrimSpace(b.on("master1", "stat -c '%a %n' "+path)); got != line {
			b.Errorf("%q, want %q", got, line)
		}
	}
	if b.on("master1", ready) != "ok" {
		b.Error("the API server is not ready")
	}
	if log := b.on("master1", "head -c 300 "+auditLog); !strings.Contains(log, `"apiVersion":"audit.k8s.io/v1"`) {
		b.Errorf("the audit log is %q", log)
	}
}

// appliedTwice applies, applies again, which changes nothing and restarts nothing, and rolls back.
func appliedTwice(b *bench) {
	w := b.watch("master1")
	b.hcrun(0, b.applying("master1")...)
	b.verified = w.between(w.first("new ready", time.Time{}), time.Now())
	if b.verified > 45 {
		b.Errorf("the run ended %.1f s after the API server was ready, 45 at most", b.verified)
	}
	applied(b, "")
	id := b.on("master1", "crictl ps -q --name kube-apiserver")
	out := b.hcrun(0, b.applying("master1")...)
	if !strings.Contains(out, "nothing to change") || b.on("master1", "crictl ps -q --name kube-apiserver") != id {
		b.Errorf("a second apply changed something:\n%s", out)
	}
	b.hcrun(0, "rollback", "--yes")
}

// refusedAsItStands holds that the flagship itself does not let the policy through.
func refusedAsItStands(b *bench) {
	b.Helper()
	book, err := os.ReadFile(b.book)
	b.must(err)
	whole := strings.Replace(string(book), "  mode        = \"0600\"\n", "  mode        = \"0600\"\n  validate    = \"audit-policy\"\n", 1)
	b.write("playbooks/whole.hcl", whole)
	args := b.applying("master1")
	args[1] = filepath.Join(b.dir, "playbooks", "whole.hcl")
	if out := b.hcrun(2, args...); !strings.Contains(out, "audit-policy.yaml") {
		b.Errorf("it is refused without its name:\n%s", out)
	}
}

// strayWhenReady plants a copy of the old manifest as soon as the new API server is ready.
func strayWhenReady(b *bench) {
	b.on("master1", "cp -p "+manifest+" /etc/kubernetes/old.yaml")
	b.once("master1", `while ! crictl inspect $(crictl ps -q --name '^kube-apiserver$') 2>/dev/null | grep -q audit-policy-file || [ "$(`+ready+`)" != ok ]; do sleep 0.1; done; sleep 3; mv /etc/kubernetes/old.yaml `+manifest+`.bak`)
}

// strayLeft: what was changed is undone, the stray file is not hcrun's to remove, and what runs is the old API server.
func strayLeft(b *bench, before string) {
	b.Helper()
	restored(b, before)
	if got := b.on("master1", "ls "+manifest+".bak"); strings.TrimSpace(got) != manifest+".bak" {
		b.Errorf("the stray file is gone: %s", got)
	}
}

// openRun is the run that is not finished.
func (b *bench) openRun() string {
	b.Helper()
	var open []struct{ Run string }
	line, _, _ := strings.Cut(b.hcrun(0, "status", "--json"), "\n")
	b.must(json.Unmarshal([]byte(line), &open))
	if len(open) != 1 {
		b.Fatalf("%d runs are open", len(open))
	}
	return open[0].Run
}

// cutDuringWait takes the node off the network while the API server restarts, and connects it after hcrun has given up.
func cutDuringWait(b *bench) {
	changed := b.changed("master1")
	c, out := b.start(b.applying("master1")...)
	b.must(<-changed)
	b.must(b.cut("master1"))
	c.Wait()
	b.must(b.mend("master1"))
	if got := c.ProcessState.ExitCode(); got != 23 || !strings.Contains(out.String(), "hcrun resume") {
		b.Fatalf("with the network cut it ended with %d:\n%s", got, out)
	}
	b.Log(progress(out.String()))
	b.hcrun(0, "resume", b.openRun())
}

// plugPulled pulls the node's plug while the API server restarts, and boots it.
func plugPulled(b *bench) {
	changed := b.changed("master1")
	c, out := b.start(b.applying("master1")...)
	b.must(<-changed)
	time.Sleep(2 * time.Second)
	b.must(b.pull("master1"))
	if b.name() != "real" {
		b.must(b.boot("master1"))
	}
	c.Wait()
	if b.name() == "real" {
		b.must(b.boot("master1"))
	}
	if got := c.ProcessState.ExitCode(); got != 23 || !strings.Contains(out.String(), "hcrun resume") {
		b.Fatalf("with the plug pulled it ended with %d:\n%s", got, out)
	}
	b.Log(progress(out.String()))
	b.until("the node answers", time.Minute, func() bool { return b.shell("master1", "crictl ps").Run() == nil })
	b.hcrun(0, "resume", b.openRun())
}

// lokiDownLater takes Loki away when the manifest has changed.
func lokiDownLater(b *bench) {
	changed := b.changed("master1")
	c, out := b.start(b.applying("master1")...)
	b.must(<-changed)
	b.must(b.stopLoki())
	c.Wait()
	b.Log(progress(out.String()))
	if got := c.ProcessState.ExitCode(); got != 21 || !strings.Contains(out.String(), "loki-query.shipped") {
		b.Fatalf("it ended with %d:\n%s", got, out)
	}
}

// kills are the moments at which hcrun is killed: when its journal has this in it.
var kills = [...]struct{ name, journal string }{
	{"when the run is opened", `"kind":"opened"`},
	{"before the first step", `"kind":"checked","op":{"step":0`},
	{"at the policy", `"kind":"intent","op":{"step":1`},
	{"after the policy", `"kind":"settled","op":{"step":1`},
	{"at the backup", `"kind":"intent","op":{"step":4`},
	{"at the manifest", `"kind":"intent","op":{"step":5`},
	{"after the manifest", `"kind":"settled","op":{"step":5`},
	{"with no API server", `the old container has stopped`},
	{"in the stable time", `watching it for`},
	{"at the last check", `"kind":"checking","op":{"step":8`},
}

// killed kills hcrun at a moment, and does what it then says: resume, or apply where it had not begun.
func killed(i int) func(*bench) {
	k := kills[i]
	return func(b *bench) {
		c, out := b.start(b.applying("master1")...)
		b.until("its journal has "+k.journal, 3*time.Minute, func() bool { return strings.Contains(b.journal(), k.journal) })
		b.must(c.Process.Kill())
		c.Wait()
		if c.ProcessState.Exited() {
			b.Fatalf("it ended before it was killed:\n%s", out)
		}
		b.Logf("killed after %d records, %s", strings.Count(b.journal(), "\n"), lastLine(out.String()))
		if strings.Contains(b.journal(), `"kind":"intent"`) {
			b.hcrun(0, "resume", b.openRun())
		} else {
			b.hcrun(0, b.applying("master1")...) // nothing was written, so nothing is to be resumed
		}
	}
}

// journal is what the journals of this state folder have.
func (b *bench) journal() string {
	var all strings.Builder
	files, _ := filepath.Glob(filepath.Join(b.dir, "state", "runs", "*.jsonl"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		all.Write(text)
	}
	return all.String()
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
