package systemd

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// timers is a runbook that brings a unit and starts it: what an operator writes for a periodic job of a control plane.
const timers = `
playbook "timers" {
  hosts = "control_plane"
}

schedule {
  needs = "30s"
}

confirm {
  within = "30s"
}

locals {
  service = "/etc/systemd/system/tidy.service"
  timer   = "/etc/systemd/system/tidy.timer"
}

task "command" "reload_when_undone" {
  undo      = ["systemctl", "daemon-reload"]
  on_change = [local.service, local.timer]
}

task "scp" "service" {
  content     = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
  destination = local.service
  mode        = "0644"
}

task "scp" "timer" {
  content     = "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n"
  destination = local.timer
  mode        = "0644"
}

task "command" "reload" {
  run        = ["systemctl", "daemon-reload"]
  on_change  = [local.service, local.timer]
  repeatable = true
}

task "systemd-unit" "timer" {
  unit    = "tidy.timer"
  enabled = true
  active  = true
}
`

// proof waits for what nobody writes.
const proof = `
task "tail-log" "proof" {
  path    = "/var/log/proof"
  pattern = "^proven$"
  timeout = "10m"
}
`

// named is the run that an output says to acknowledge.
var named = regexp.MustCompile(`hcrun ack ([^ ]+) `)

// units runs the runbook of a timer: there and back, and once more with nobody who confirms it.
func units(t *testing.T, s *site) {
	s.write("playbooks/timers.hcl", timers)
	s.write("playbooks/unproven.hcl", strings.Replace(timers, `"timers"`, `"unproven"`, 1)+proof)
	before := s.unit()
	if plan := s.hcrun(0, "apply", "playbooks/timers.hcl", "--plan"); !strings.Contains(plan, "run systemctl enable tidy.timer") || !strings.Contains(plan, "undone with systemctl stop tidy.timer") {
		t.Errorf("the plan is\n%s", plan)
	}
	if got := s.unit(); got != before {
		t.Fatalf("a plan made %q of %q", got, before)
	}
	s.hcrun(0, "apply", "playbooks/timers.hcl", "--yes")
	if got, want := s.unit(), "enabled active tidy.service tidy.timer"; got != want {
		t.Fatalf("it is %q, want %q", got, want)
	}
	if again := s.hcrun(0, "apply", "playbooks/timers.hcl", "--yes"); strings.Contains(again, "ran systemctl") {
		t.Errorf("a second time:\n%s", again)
	}
	said := s.hcrun(0, "rollback", "--yes")
	if got := s.unit(); got != before {
		t.Errorf("rolled back it is %q, want %q", got, before)
	}
	s.hcrun(0, "ack", named.FindStringSubmatch(said)[1], "--reason", "meant")
	s.unconfirmed("killed", before, func() { s.restoredUnit(before, 60*time.Second) })
	s.hcrun(0, "ack", s.Name, "--reason", "meant")
	s.unconfirmed("rebooted", before, func() {
		if err := s.PullPlug(); err != nil {
			t.Fatal(err)
		}
		if err := s.Node.Boot(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.restoredUnit(before, 60*time.Second)
	})
}

// unconfirmed applies the runbook, kills the runner in its wait, and has the node undo it.
func (s *site) unconfirmed(how, before string, undone func()) {
	s.Helper()
	cmd, out := s.command("apply", "playbooks/unproven.hcl", "--yes")
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { cmd.Process.Kill() })
	for end := time.Now().Add(time.Minute); s.unit() != "enabled active tidy.service tidy.timer"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("%s: it does not become active: %s\n%s", how, s.unit(), out)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	undone()
	if said := s.hcrun(24, "resume"); !strings.Contains(said, "the dead-man's switch of ") {
		s.Errorf("%s: resume said:\n%s", how, said)
	}
	if got := s.unit(); got != before {
		s.Errorf("%s: after resume it is %q, want %q", how, got, before)
	}
	s.clean()
}

func (s *site) restoredUnit(before string, most time.Duration) {
	s.Helper()
	for end := time.Now().Add(most); s.unit() != before; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			out, _ := s.Node.Run(context.Background(), "sh", "-c", "systemctl status tidy.timer; journalctl -b --no-pager | grep -e tidy -e hcrun; cat /var/lib/hcrun/undo/*/reverted")
			s.Fatalf("after %s it is still %q: %s", most, s.unit(), out)
		}
	}
}

// unit is what systemd says of the timer, and which files of it are there.
func (s *site) unit() string {
	var all []string
	for _, ask := range []string{"is-enabled", "is-active"} {
		out, _ := s.Node.Run(context.Background(), "sh", "-c", "systemctl "+ask+" tidy.timer 2>/dev/null; true")
		all = append(all, strings.TrimSpace(string(out)))
	}
	for _, name := range []string{"tidy.service", "tidy.timer"} {
		if _, err := os.Lstat(s.Path("/etc/systemd/system/" + name)); err == nil {
			all = append(all, name)
		}
	}
	return strings.Join(all, " ")
}
