package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine/lab"
)

const clockPlaybook = `
playbook "clock" {
  hosts = "control_plane"
}
task "scp" "file" {
  content     = "x\n"
  destination = "/root/file"
  mode        = "0600"
}
task "assert" "it" {
  command = ["stat", "-c", "%s", "/root/file"]
  output  = "2"
  after   = true
}
`

// ahead moves the clock of one node of the lab to so far ahead of the runner's.
func (b *bench) ahead(node string, by time.Duration) {
	b.t.Helper()
	s, err := lab.Read(context.Background(), b.labDir())
	if err == nil {
		err = os.WriteFile(filepath.Join(b.labDir(), "nodes", node, "shared", "clock"), fmt.Appendln(nil, int64(s.Offset+by)), 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestClocksThatDiffer: a node whose clock is more than a minute from the runner's is not changed, in either
// direction, and nobody else's clock holds it.
func TestClocksThatDiffer(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	b.playbook = filepath.Join(t.TempDir(), "clock.hcl")
	if err := os.WriteFile(b.playbook, []byte(clockPlaybook), 0o600); err != nil {
		t.Fatal(err)
	}
	b.up()
	fresh := b.digest("master1")
	plan := []string{"apply", b.playbook, "-i", b.inventory, "--limit", "master1", "--plan"}
	says := func(out, pattern string) {
		t.Helper()
		if !regexp.MustCompile(pattern).MatchString(out) {
			t.Errorf("it does not say %q:\n%s", pattern, out)
		}
	}
	silent := func(out string) {
		t.Helper()
		if strings.Contains(out, "clock of") {
			t.Errorf("it speaks of clocks:\n%s", out)
		}
	}
	silent(b.must(0, plan...))
	for by, how := range map[time.Duration]string{61 * time.Second: "1m[01](.[0-9]+)?s ahead of", -61 * time.Second: "1m[01](.[0-9]+)?s behind"} {
		b.ahead("master1", by)
		says(b.must(0, plan...), `would be held: master1 is not started\n +clock: the clock of master1 is `+how+` this machine's; more than 1m apart, .*timedatectl`)
		out := b.must(10, b.apply("master1")...)
		says(out, `clock: the clock of master1 is `+how+` this machine's`)
		says(out, `now: +nothing was changed on master1\n +next: timedatectl `)
		if strings.Contains(out, "earliest") || b.digest("master1") != fresh {
			t.Errorf("it is said to open by itself, or something was changed:\n%s", out)
		}
	}
	for by, how := range map[time.Duration]string{59 * time.Second: "(58|59)(.[0-9]+)?s ahead of", -59 * time.Second: "(58|59)(.[0-9]+)?s behind"} {
		b.ahead("master1", by)
		out := b.must(0, plan...)
		says(out, `note: the clock of master1 is `+how+` this machine's; .*timedatectl`)
		if strings.Contains(out, "would be held") {
			t.Errorf("it is held:\n%s", out)
		}
	}
	b.ahead("master1", 3*time.Second)
	silent(b.must(0, plan...))

	// It is overridden like the others, with a reason; and what was done is undone without one.
	b.ahead("master1", -time.Hour)
	b.must(10, b.apply("master1", "--override", "peers", "--reason", "not that one")...)
	says(b.must(0, b.apply("master1", "--override", "clock", "--reason", "no time server")...), `guard clock +overridden: no time server`)
	says(b.must(0, "show", "master1", "--json"), `the clock of master1 is (1h0m0|59m59)(.[0-9]+)?s behind this machine's`)
	says(b.must(10, b.apply("master1")...), `clock: the clock of master1 is .* behind`) // evidence is worth nothing, too, where nothing is to change
	says(b.must(0, "rollback", "master1", "--yes"), `note: the clock of master1 is .* behind this machine's; (.*\n)+.*is as it was before`)
	if d := difference(fresh, b.digest("master1")); d != "" {
		t.Errorf("left: %s", d)
	}
	b.must(0, "ack", "master1", "--reason", "seen")

	// The others' clocks are worth a note, once.
	b.ahead("master1", 0)
	b.ahead("master2", -time.Hour)
	b.ahead("master3", 10*time.Second)
	out := b.must(0, b.apply("master1")...)
	says(out, `note: the clock of master2 is .* behind`)
	says(out, `note: the clock of master3 is .* ahead of`)
	if strings.Count(out, "the clock of master2") != 1 || strings.Contains(out, "the clock of master1") {
		t.Errorf("it says\n%s", out)
	}
}

// TestClocksHoldNothingThatIsUnderWay: a run that is open is finished, or undone, whatever the node's clock says.
func TestClocksHoldNothingThatIsUnderWay(t *testing.T) {
	needLab(t)
	hcrun := binary(t)
	for name, then := range map[string][]string{"resume": {"resume", "master1"}, "rollback": {"rollback", "master1", "--yes"}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, hcrun)
			killed, thaw := b.stopped()
			killed.cmd.Process.Kill()
			<-killed.done
			thaw()
			b.ahead("master1", 2*time.Minute)
			if out := b.must(0, then...); !regexp.MustCompile(`note: the clock of master1 is (2m0|1m59)(.[0-9]+)?s ahead of this machine's`).MatchString(out) {
				t.Errorf("it does not say so:\n%s", out)
			}
		})
	}
}
