package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine/journal"
)

// beside is another operator: with a state folder of their own, on the same lab.
func (b *bench) beside() *bench {
	b.t.Helper()
	other := *b
	other.state = filepath.Join(b.t.TempDir(), "state")
	if err := os.MkdirAll(other.labDir(), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", b.labDir(), other.labDir()).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			b.t.Fatalf("CI that cannot mount: %s", out)
		}
		b.t.Skipf("cannot mount here: %s", out)
	}
	b.t.Cleanup(func() { exec.Command("umount", "-l", other.labDir()).Run() })
	return &other
}

// given copies another operator's journals.
func (b *bench) given(from *bench) {
	b.t.Helper()
	if out, err := exec.Command("cp", "-r", filepath.Join(from.state, "runs"), b.state).CombinedOutput(); err != nil {
		b.t.Fatalf("%v: %s", err, out)
	}
}

// TestTwoOperators: while one is at work, a second one on another state folder changes nothing anywhere; and
// when the second takes the node over, the first, who only slept, changes nothing more.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	needLab(t)
	first := newBench(t, binary(t))
	first.up()
	second := first.beside()
	asleep := first.start(first.apply("master1")...)
	asleep.says("wrote /etc/kubernetes/audit-policy.yaml")
	if err := asleep.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if out := asleep.output(); strings.Contains(out, "landed") {
		t.Fatalf("it was too quick:\n%s", out)
	}
	before := first.digest("master1") + first.digest("master2")
	for _, node := range []string{"master1", "master2"} {
		if out := second.must(11, second.apply(node)...); !strings.Contains(out, "master1 is held by run ") || !strings.Contains(out, first.state) || !strings.Contains(out, "hcrun abandon ") {
			t.Errorf("%s: it does not say who holds what:\n%s", node, out)
		}
	}
	if d := difference(before, first.digest("master1")+first.digest("master2")); d != "" {
		t.Errorf("the second changed something:\n%s", d)
	}

	second.given(first)
	if out := second.must(11, "resume", "master1"); !strings.Contains(out, "hcrun takeover ") {
		t.Errorf("it does not say how to take over:\n%s", out)
	}
	second.must(2, "takeover", "master1")
	second.must(0, "takeover", "master1", "--reason", "the first one's laptop sleeps")
	second.must(0, "rollback", "master1", "--yes")
	before = first.digest("master1")
	if err := asleep.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	asleep.ends(11, time.Minute)
	if d := difference(before, first.digest("master1")); d != "" {
		t.Errorf("the one who slept changed something:\n%s", d)
	}
	if out := asleep.output(); !strings.Contains(out, "was taken away") {
		t.Errorf("it does not say why it stopped:\n%s", out)
	}
}

// TestNothingToChangeOnAHeldNode: who holds a node is asked also where nothing is to be changed there, since what a
// check sees then is the other one's half of a change. Of the guards only the clock holds who only looks.
func TestNothingToChangeOnAHeldNode(t *testing.T) {
	t.Parallel()
	needLab(t)
	b := newBench(t, binary(t))
	b.must(0, b.apply("master1")...)
	keep := filepath.Join(b.root("master1"), "var", "lib", "hcrun")
	claim := func(folder string) {
		text := "ABCDEFGHIJKLMNOPQRSTUVWXYZ\n" + `{"run":"run-9","playbook":"p","by":"` + me() + `","folder":"` + folder + `"}` + "\n"
		if err := os.WriteFile(filepath.Join(keep, "claim"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	claim("/elsewhere")
	if out := b.must(11, b.apply("master1")...); !strings.Contains(out, "master1 is held by run run-9") {
		t.Errorf("it does not say who holds it:\n%s", out)
	}
	if out := b.must(0, "apply", b.playbook, "-i", b.inventory, "--limit", "master1", "--plan"); !strings.Contains(out, "would be held: master1 is held by run run-9") {
		t.Errorf("the plan does not say who holds it:\n%s", out)
	}
	claim(b.state)
	b.must(32, b.apply("master1")...)
	if err := os.Remove(filepath.Join(keep, "claim")); err != nil {
		t.Fatal(err)
	}
	b.must(0, "lab", "clock", "+5h") // outside the window
	if out := b.must(0, b.apply("master1")...); !strings.Contains(out, "everything was in place") {
		t.Errorf("it says\n%s", out)
	}
	b.must(0, "lab", "clock", "-5h")
	if out := b.must(10, b.apply("master1")...); !strings.Contains(out, "clock: it is ") || !strings.Contains(out, "earliest: ") || strings.Contains(out, "window: ") {
		t.Errorf("another guard held it:\n%s", out)
	}
	// What its checks then see is another matter: they go by the clock as well.
	if code, out := b.run(b.apply("master1", "--override", "clock", "--reason", "on purpose")...); code == 10 || !strings.Contains(out, "overridden: on purpose") {
		t.Errorf("an override opens it: %d\n%s", code, out)
	}
}

// TestLostJournal: what was done is on record on the nodes, too, so that a journal that is lost opens no guard.
func TestLostJournal(t *testing.T) {
	t.Parallel()
	needLab(t)
	b := newBench(t, binary(t))
	b.must(0, b.apply("master1")...)
	if err := os.RemoveAll(filepath.Join(b.state, "runs")); err != nil {
		t.Fatal(err)
	}
	b.must(0, "lab", "clock", "+1h")
	if out := b.must(10, b.apply("master2")...); !strings.Contains(out, "soak: ") {
		t.Errorf("another guard held it:\n%s", out)
	}
	b.must(0, "lab", "clock", "+24h")

	// An open run whose journal is lost, together with everything that says whose it was.
	killed := b.start(b.apply("master2")...)
	killed.says("wrote /etc/kubernetes/audit-policy.yaml")
	killed.cmd.Process.Kill()
	<-killed.done
	for _, lost := range []string{"runs", "mark"} {
		if err := os.RemoveAll(filepath.Join(b.state, lost)); err != nil {
			t.Fatal(err)
		}
	}
	out := b.must(32, b.apply("master2")...)
	_, next, ok := strings.Cut(out, "hcrun abandon ")
	if !ok {
		t.Fatalf("it does not say what to do:\n%s", out)
	}
	run, _, _ := strings.Cut(next, " ")
	b.must(32, b.apply("master3")...)
	b.must(2, "abandon", run, "--reason", "lost", "-i", b.inventory+".none")
	b.must(2, "abandon", "no-such-run", "--reason", "lost", "-i", b.inventory)
	b.must(0, "abandon", run, "--reason", "its journal was lost; master2 looks well", "-i", b.inventory)
	b.must(0, "lab", "clock", "+24h")
	if out := b.must(10, b.apply("master3")...); !strings.Contains(out, "clean: run "+run) {
		t.Errorf("another guard held it:\n%s", out)
	}
	b.must(0, b.apply("master2", "--override", "clean", "--reason", "seen")...)
}

// TestAbandon gives up a run whose node does not come back.
func TestAbandon(t *testing.T) {
	t.Parallel()
	needLab(t)
	b := newBench(t, binary(t))
	b.up()
	b.must(0, "lab", "break", "master1", "unreachable-late")
	b.must(23, b.apply("master1")...)
	b.must(2, "abandon", "master1")
	if out := b.must(0, "abandon", "master1", "--reason", "it burned down"); !strings.Contains(out, "cannot be asked") || !strings.Contains(out, "hcrun ack ") {
		t.Errorf("it says\n%s", out)
	}
	b.must(2, "rollback", "master1", "--yes")
	b.must(2, "resume", "master1")
	b.must(0, "lab", "clock", "+25h")
	if out := b.must(10, b.apply("master2", "--override", "order", "--reason", "master1 is gone")...); !strings.Contains(out, "clean: ") || !strings.Contains(out, "peers: master1 ") {
		t.Errorf("other guards held it:\n%s", out)
	}
	b.must(0, "ack", "master1", "--reason", "it is being rebuilt")
	b.must(0, b.apply("master2", "--override", "order", "--override", "peers", "--override", "gate", "--reason", "master1 is gone")...)
}

// TestAckElsewhere: what one operator has acknowledged holds no other one, as soon as the node knows of it; and who
// has no journal of a run can acknowledge it as well.
func TestAckElsewhere(t *testing.T) {
	needLab(t)
	first := newBench(t, binary(t))
	first.up()
	second := first.beside()
	fails := func(node string) string {
		t.Helper()
		first.must(0, "lab", "break", node, "policy")
		out := first.must(21, first.apply(node)...)
		first.must(0, "lab", "mend", node)
		_, next, _ := strings.Cut(out, "hcrun ack ")
		run, _, _ := strings.Cut(next, " ")
		return run
	}
	run := fails("master1")
	held := func(node string) {
		t.Helper()
		if out := second.must(10, second.apply(node)...); !strings.Contains(out, "clean: run "+run) || !strings.Contains(out, "hcrun ack RUN --reason TEXT -i "+second.inventory) {
			t.Errorf("another guard held it:\n%s", out)
		}
	}
	held("master1")
	first.must(0, "lab", "break", "master1", "unreachable")
	if out := first.must(0, "ack", run, "--reason", "the policy was broken"); !strings.Contains(out, "master1 does not know of it") || !strings.Contains(out, "next: hcrun ack "+run+" --reason TEXT, once more") {
		t.Errorf("it says\n%s", out)
	}
	first.must(41, "ack", run, "--reason", "again")
	first.must(0, "lab", "mend", "master1")
	held("master1")

	// A node that is held is left alone.
	claim := filepath.Join(first.root("master1"), "var", "lib", "hcrun", "claim")
	if err := os.WriteFile(claim, []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ\n"+`{"run":"run-9","playbook":"p","by":"you@there","folder":"/elsewhere","store":"there"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := first.must(11, "ack", run, "--reason", "again"); !strings.Contains(out, "master1 is held by run run-9") || !strings.Contains(out, "was not disturbed") {
		t.Errorf("it says\n%s", out)
	}
	if err := os.Remove(claim); err != nil {
		t.Fatal(err)
	}
	if out := first.must(0, "ack", run, "--reason", "again"); !strings.Contains(out, "master1 has it on record, for every operator") {
		t.Errorf("it says\n%s", out)
	}
	if ledger, err := os.ReadFile(filepath.Join(filepath.Dir(claim), "ledger")); err != nil || !strings.Contains(string(ledger), `"ack":{"reason":"the policy was broken","user":"`) {
		t.Errorf("%v, the ledger has\n%s", err, ledger)
	}
	second.must(0, second.apply("master1")...)

	// The journal is elsewhere.
	first.must(0, "lab", "clock", "+25h")
	run = fails("master2")
	held("master2")
	if out := second.must(2, "ack", run, "--reason", "seen"); !strings.Contains(out, "hcrun ack RUN --reason TEXT -i INVENTORY") {
		t.Errorf("it says\n%s", out)
	}
	second.must(2, "ack", "run-9", "--reason", "seen", "-i", second.inventory)
	if out := second.must(0, "ack", run, "--reason", "seen from here", "-i", second.inventory); !strings.Contains(out, "master2 has it on record") {
		t.Errorf("it says\n%s", out)
	}
	first.must(0, first.apply("master2")...)
}

// TestCutJournal: a journal whose last records are cut off, at the end of a record, reads like one that was never
// longer; the node remembers that it was.
func TestCutJournal(t *testing.T) {
	t.Parallel()
	needLab(t)
	b := newBench(t, binary(t))
	b.must(0, b.apply("master1")...)
	all, err := filepath.Glob(filepath.Join(b.state, "runs", "*.jsonl"))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	text, err := os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	if err := os.WriteFile(all[0], []byte(strings.Join(lines[:len(lines)-6], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	b.must(0, "journal", "verify")
	b.must(0, "lab", "clock", "+25h")
	for _, args := range [][]string{b.apply("master2"), {"resume"}, {"rollback", "--yes"}} {
		if out := b.must(31, args...); !strings.Contains(out, "its end was cut off") {
			t.Errorf("%v said:\n%s", args, out)
		}
	}
	if err := os.WriteFile(all[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.must(0, b.apply("master2")...)
}

// TestHandOver: a run that was killed is exported, imported by somebody else, taken over and brought to an end there;
// the first one changes nothing any more.
func TestHandOver(t *testing.T) {
	t.Parallel()
	needLab(t)
	for _, how := range []string{"rollback", "resume"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			first := newBench(t, binary(t))
			first.up()
			fresh := first.digest("master1")
			second := first.beside()
			killed := first.start(first.apply("master1")...)
			killed.says("wrote /etc/kubernetes/audit-policy.yaml")
			if out := first.must(11, "journal", "export", "master1", "--to", filepath.Join(t.TempDir(), "x")); !strings.Contains(out, "another hcrun has") {
				t.Errorf("it says\n%s", out)
			}
			killed.cmd.Process.Kill()
			<-killed.done

			file := filepath.Join(t.TempDir(), "run.hcrun")
			if out := first.must(0, "journal", "export", "master1", "--to", file); !strings.Contains(out, "do not go on with it here") {
				t.Errorf("it does not say that the run is unfinished:\n%s", out)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			first.must(2, "journal", "export", "master1", "--to", file)

			if err := os.Rename(first.inventory, first.inventory+".away"); err != nil {
				t.Fatal(err)
			}
			store, err := journal.OpenStore(second.state)
			if err != nil {
				t.Fatal(err)
			}
			lock, err := store.Lock("something else")
			if err != nil {
				t.Fatal(err)
			}
			if out := second.must(11, "journal", "import", file); !strings.Contains(out, "something else") {
				t.Errorf("it says\n%s", out)
			}
			lock.Close()
			out := second.must(0, "journal", "import", file)
			_, next, _ := strings.Cut(out, "hcrun takeover ")
			run, rest, _ := strings.Cut(next, " ")
			if !strings.HasPrefix(rest, "--reason TEXT -i FILE") || !strings.Contains(out, "is not on this machine") || !strings.Contains(out, "hcrun rollback "+run) {
				t.Fatalf("it does not say what to type:\n%s", out)
			}
			if out := second.must(0, "journal", "import", file); !strings.Contains(out, "here already") {
				t.Errorf("a second time it says\n%s", out)
			}
			if err := os.Rename(first.inventory+".away", first.inventory); err != nil {
				t.Fatal(err)
			}
			second.must(0, "journal", "verify", run)
			second.must(11, "resume", run, "-i", second.inventory)
			second.must(0, "takeover", run, "--reason", "the first one's laptop is gone", "-i", second.inventory)
			if how == "rollback" {
				before := first.digest("master1")
				first.must(11, "resume", run)
				first.must(11, "rollback", run, "--yes")
				if d := difference(before, first.digest("master1")); d != "" {
					t.Errorf("the first one changed something:\n%s", d)
				}
			}
			if how == "rollback" {
				second.must(0, "rollback", run, "--yes")
				if d := difference(fresh, first.digest("master1")); d != "" {
					t.Errorf("it was not undone:\n%s", d)
				}
			} else {
				second.must(0, "resume", run)
			}
			back := filepath.Join(t.TempDir(), "back.hcrun")
			second.must(0, "journal", "export", run, "--to", back)
			if out := second.must(2, "journal", "import", file); !strings.Contains(out, "goes on") {
				t.Errorf("an older one says\n%s", out)
			}
			if how == "rollback" { // the first one recorded that it tried: that is no beginning of what the second one did
				out := first.must(31, "journal", "import", back)
				_, move, _ := strings.Cut(out, "is to count: ")
				move, _, _ = strings.Cut(move, ",")
				if text, err := exec.Command("sh", "-c", move).CombinedOutput(); err != nil {
					t.Fatalf("it says\n%s\n%v: %s", out, err, text)
				}
			}
			first.must(0, "journal", "import", back)
			first.must(0, "journal", "verify", run)
			first.must(2, "resume", run)
		})
	}
}
