package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine/lab"
)

// becomes makes a node of the lab another machine, as far as that says, and returns what it was.
func (b *bench) becomes(node, id string) (was string) {
	b.t.Helper()
	at := filepath.Join(b.root(node), "etc", "machine-id")
	text, err := os.ReadFile(at)
	if err == nil {
		os.Chmod(at, 0o644)
		err = os.WriteFile(at, []byte(id), 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// says holds that a command has said what a pattern matches.
func (b *bench) says(out, pattern string) {
	b.t.Helper()
	if !regexp.MustCompile(pattern).MatchString(out) {
		b.t.Errorf("it does not say %q:\n%s", pattern, out)
	}
}

const anotherID = "5b0c6d1e9a374f28b1c0d2e3f4a59687\n"

// TestAnotherMachine: a name that leads to another machine than in its newest run is not begun, until somebody says
// that the machine was replaced; nor is a run that landed on the other one rolled back there.
func TestAnotherMachine(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	file := filepath.Join(t.TempDir(), "plan")
	b.must(0, "apply", b.playbook, "-i", b.inventory, "--limit", "master1", "--plan", "--out", file)
	first := b.becomes("master1", anotherID)
	b.says(b.must(40, "apply", file, "--yes"), `the plan was made on machine [0-9a-f]{16}; machine [0-9a-f]{16} answers as master1 now`)
	b.becomes("master1", first)
	b.must(0, b.apply("master1")...)
	id := strings.TrimSpace(b.becomes("master1", ""))
	journals, err := filepath.Glob(filepath.Join(b.state, "runs", "*.jsonl"))
	if err != nil || len(journals) != 1 {
		t.Fatal(journals, err)
	}
	for _, at := range []string{journals[0], filepath.Join(b.root("master1"), "var", "lib", "hcrun", "ledger")} {
		if text, err := os.ReadFile(at); err != nil || !regexp.MustCompile(`"machine":"[0-9a-f]{16}"`).Match(text) || strings.Contains(string(text), id) {
			t.Errorf("%s: %v\n%s", at, err, text)
		}
	}

	plan := []string{"apply", b.playbook, "-i", b.inventory, "--limit", "master1", "--plan"}
	b.must(0, b.apply("master1")...) // it does not say
	b.becomes("master1", anotherID)
	before := b.digest("master1")
	moved := `machine: master1 \(lab:\S+\) is another machine than before: machine [0-9a-f]{16} answers there, and machine [0-9a-f]{16} is on record, by run `
	out := b.must(40, b.apply("master1")...)
	b.says(out, moved)
	b.says(out, `now: +nothing was changed on master1\n +next: hcrun doctor .*--override machine --reason TEXT`)
	b.says(b.must(0, plan...), `would be held: master1 is not started\n +`+moved)
	b.says(b.must(40, "doctor", "-i", b.inventory), `in the way +master1 +machine +master1 \(lab:\S+\) is another machine`)
	b.says(b.must(40, "rollback", "--yes"), `is another machine than the one that run \S+ is for(.*\n)+ +next: hcrun doctor`)
	b.must(0, "lab", "clock", "+25h")
	b.says(b.must(40, b.apply("master2")...), moved) // what it says of itself is another machine's
	b.must(40, b.apply("master1", "--override", "peers", "--reason", "not that one")...)
	if d := difference(before, b.digest("master1")); d != "" {
		t.Errorf("it was changed:\n%s", d)
	}
	b.says(b.must(0, b.apply("master1", "--override", "machine", "--reason", "a new disk")...), `guard machine +overridden: a new disk`)
	b.must(0, b.apply("master1")...)
	b.says(b.must(0, "doctor", "-i", b.inventory, "--limit", "master1"), `ok +master1 +machine +it is machine [0-9a-f]{16}, as in run `)
	b.must(0, "lab", "clock", "+25h")
	killed := b.start(b.apply("master2", "--override", "clean", "--reason", "it was replaced")...)
	killed.says("wrote /etc/kubernetes/audit-policy.yaml")
	killed.cmd.Process.Kill()
	<-killed.done
	b.becomes("master2", anotherID)
	b.says(b.must(0, "status"), `master2 cannot be asked \(master2 .* is another machine`)
	if out := b.must(0, "history", "--json") + out; strings.Contains(out, id) || strings.Contains(out, strings.TrimSpace(anotherID)) {
		t.Errorf("it tells a machine-id:\n%s", out)
	}
}

// TestAnotherMachineUnderARun: a run that is open goes on, and is undone, on its own machine only; what is in its place
// can be left behind.
func TestAnotherMachineUnderARun(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	killed, thaw := b.stopped()
	killed.cmd.Process.Kill()
	<-killed.done
	thaw()
	id := b.becomes("master1", anotherID)
	before := b.digest("master1")
	for _, args := range [][]string{{"resume"}, {"rollback", "--yes"}, {"resume", "--rollback"}, {"takeover", "master1", "--reason", "x"}} {
		b.says(b.must(40, args...), `master1 \(lab:\S+\) is another machine than the one that run \S+ is for(.*\n)+ +next: hcrun doctor.* hcrun abandon \S+ --reason TEXT`)
	}
	for line := range strings.Lines(difference(before, b.digest("master1"))) {
		if !strings.Contains(line, "root/.hcrun-") { // what a worker that was killed leaves, it takes away when it can
			t.Errorf("it was changed: %s", line)
		}
	}
	other := b.beside() // whoever gives it up from a copy of the journal
	other.given(b)
	b.becomes("master1", id)
	b.must(0, "resume")
	b.becomes("master1", anotherID)
	other.says(other.must(0, "abandon", "master1", "--reason", "it burned down"), `master1 cannot be asked \(.* is another machine`)
	ledger, err := os.ReadFile(filepath.Join(b.root("master1"), "var", "lib", "hcrun", "ledger"))
	if err != nil || strings.Contains(string(ledger), "burned") {
		t.Errorf("on record is %s, %v", ledger, err)
	}
}

// twoNames is an inventory of two ordinary hosts, a and b, which lead to these nodes of the lab.
func (b *bench) twoNames(nodes ...string) {
	b.t.Helper()
	s, err := lab.Read(context.Background(), b.labDir())
	if err != nil {
		b.t.Fatal(err)
	}
	text := fmt.Sprintf("defaults {\n  identity_files = [%q]\n  known_hosts = [\"known\"]\n}\ngroup \"control_plane\" {\n  hosts = [\"a\", \"b\"]\n}\n", s.Identity)
	for i, node := range nodes {
		at := slices.IndexFunc(s.Nodes, func(n lab.NodeStatus) bool { return n.Name == node })
		text += fmt.Sprintf("host %q {\n  address = %q\n  port = %d\n  switch = \"weak\"\n}\n", "ab"[i:i+1], []string{"127.0.0.1", "localhost"}[i], s.Nodes[at].Port)
	}
	b.inventory = filepath.Join(b.t.TempDir(), "two.hcl")
	if err := os.WriteFile(b.inventory, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.must(0, "trust", "a", "b", "-i", b.inventory, "--yes")
}

// TestTwoNames: one machine under two names is refused, also where there is nothing to change under the second one; two
// machines that were copied with their machine-id are not.
func TestTwoNames(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	b.up()
	b.playbook = filepath.Join(t.TempDir(), "clock.hcl")
	if err := os.WriteFile(b.playbook, []byte(clockPlaybook), 0o600); err != nil {
		t.Fatal(err)
	}
	b.twoNames("master1", "master1")
	clock := []string{"--override", "clock", "--reason", "the lab has its own time"}
	one := `a and b are one machine: `
	fresh := b.digest("master1")
	for _, node := range []string{"a", "b"} {
		b.says(b.must(40, b.apply(node, clock...)...), one)
		b.must(40, b.apply(node, append([]string{"--override", "machine"}, clock...)...)...)
	}
	b.says(b.must(0, "apply", b.playbook, "-i", b.inventory, "--limit", "a", "--plan"), `would be held: `+one)
	b.says(b.must(40, "doctor", "-i", b.inventory), `in the way +b +machine +`+one)
	if d := difference(fresh, b.digest("master1")); d != "" {
		t.Errorf("it was changed:\n%s", d)
	}

	// What stands there already is in place under both names.
	if err := os.WriteFile(filepath.Join(b.root("master1"), "root", "file"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.must(0, b.apply("a", clock...)...)
	b.says(b.must(40, b.apply("b", clock...)...), one)

	// Copies of one disk, with host keys of their own.
	b.twoNames("master2", "master3")
	b.becomes("master2", anotherID)
	b.becomes("master3", anotherID)
	copies := `a and b have one machine-id and host keys of their own`
	b.says(b.must(0, "apply", b.playbook, "-i", b.inventory, "--limit", "a", "--plan"), `note: `+copies)
	_, out := b.run("doctor", "-i", b.inventory)
	b.says(out, `warning +b +machine +`+copies)
	if out := b.must(0, b.apply("a", clock...)...); strings.Count(out, "have one machine-id") != 1 {
		t.Errorf("it says so more than once, or not at all:\n%s", out)
	}
}
