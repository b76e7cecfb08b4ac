package playbooks

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks"
)

// Longest makes the probe a check that knows how long it may take.
func (t *probeTask) Longest() time.Duration { return t.Timeout.D() }

const docMoment = "Mon 2 Jan 2006 15:04 MST"

var (
	docLanded = regexp.MustCompile(`landed on (.*):`)
	docRow    = regexp.MustCompile(`^\| ([A-Z][a-z]{2} \d.*?) \| (.*?) \| (.*?) ?\|$`)
)

// scheduled is the schedule of a block, in a playbook around it.
func scheduled(t *testing.T, block string) *engine.Playbook {
	t.Helper()
	text := "playbook \"p\" {\n  hosts = \"all\"\n}\ntask \"probe\" \"x\" {\n  url = \"https://x\"\n}\n" + block
	pb, err := load(t, write(t, "p.hcl", text), Options{}).For(Node{Name: "node"})
	if err != nil {
		t.Fatal(err)
	}
	return pb
}

// TestScheduleDocs holds every table of docs/schedule.md against the schedule that stands above it.
func TestScheduleDocs(t *testing.T) {
	b, err := os.ReadFile("../docs/schedule.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, part := range strings.Split(string(b), "```hcl\n")[1:] {
		block, rest, _ := strings.Cut(part, "```\n")
		pb := scheduled(t, block)
		pb.Schedule.Order = []string{"node"}
		zone, err := pb.Schedule.Location()
		if err != nil {
			t.Fatal(err)
		}
		moment := func(s string) time.Time {
			at, err := time.ParseInLocation(docMoment, s, zone)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		var past []*engine.Run
		if landed := docLanded.FindStringSubmatch(rest); landed != nil {
			past = []*engine.Run{landedBefore(pb, moment(landed[1]))}
		}
		for line := range strings.Lines(rest) {
			row := docRow.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if row == nil {
				continue
			}
			rows++
			if start, by := answer(engine.Guards(pb, "node", moment(row[1]), past)); start != row[2] || by != row[3] {
				t.Errorf("%s: %s, held by %q; the page says %s, %q", row[1], start, by, row[2], row[3])
			}
		}
	}
	if rows < 19 {
		t.Errorf("only %d rows were read", rows)
	}
}

func landedBefore(pb *engine.Playbook, at time.Time) *engine.Run {
	r := &engine.Run{ID: "r", Began: at.Add(-time.Hour), FirstWrite: at.Add(-time.Hour), Ended: at, Latest: at, State: engine.Landed, Changed: true, Clean: true}
	r.Playbook, r.Node, r.Inputs = pb.Name, "before", pb.Inputs
	return r
}

// answer is what guards say, as the page writes it.
func answer(err error) (start, by string) {
	held, ok := errors.AsType[*engine.NotYetError](err)
	if !ok {
		return "now", ""
	}
	var guards []string
	for _, h := range held.Holds {
		guards = append(guards, string(h.Guard))
	}
	start = "never"
	if !held.Until.IsZero() {
		start = held.Until.Format(docMoment)
	}
	return start, strings.Join(slices.Compact(guards), ", ")
}

// TestScheduleBlock: what is written in a schedule block is what a Go literal has.
func TestScheduleBlock(t *testing.T) {
	pb := scheduled(t, `
locals {
  holidays = { "2026-12-24" = "Christmas", "2026-12-31" = "New Year" }
}
schedule {
  order    = ["m1", "m2"]
  soak     = "36h"
  per_day  = 2
  timezone = "Asia/Tehran"
  needs    = "45m"
  window {
    days     = ["fri", "sat"]
    from     = "22:00"
    to       = "02:00"
    timezone = "Europe/Berlin"
  }
  dynamic "freeze" {
    for_each = local.holidays
    content {
      from   = freeze.key
      to     = "${freeze.key} 20:00"
      reason = freeze.value
    }
  }
  freeze {
    from     = "2027-03-01"
    to       = "2027-03-07"
    reason   = "fair"
    timezone = "UTC"
  }
}
`)
	want := engine.Schedule{
		Order: []string{"m1", "m2"}, Soak: 36 * engine.Hour, PerDay: 2, Zone: "Asia/Tehran", Needs: 45 * engine.Minute,
		Windows: []engine.Window{{Days: []string{"fri", "sat"}, From: "22:00", To: "02:00", Zone: "Europe/Berlin"}},
		Freezes: []engine.Freeze{
			{From: "2026-12-24", To: "2026-12-24 20:00", Reason: "Christmas"},
			{From: "2026-12-31", To: "2026-12-31 20:00", Reason: "New Year"},
			{From: "2027-03-01", To: "2027-03-07", Reason: "fair", Zone: "UTC"},
		},
	}
	if !reflect.DeepEqual(pb.Schedule, want) {
		t.Errorf("got  %+v\nwant %+v", pb.Schedule, want)
	}
	if left := scheduled(t, "schedule {\n  needs = null\n}\n"); left.Needs() != engine.Minute {
		t.Errorf("needs = null is %s", left.Needs())
	}
}

// TestAudit5PNeeds: how long docs/schedule.md says that the first runbook may take.
func TestAudit5PNeeds(t *testing.T) {
	b, err := os.ReadFile("../docs/schedule.md")
	if err != nil {
		t.Fatal(err)
	}
	f := load(t, "audit-5p.hcl", Options{Kinds: tasks.All()})
	pb, err := f.For(master("1"))
	if err != nil {
		t.Fatal(err)
	}
	if say := "it is " + pb.Needs().String() + "."; !strings.Contains(string(b), say) {
		t.Errorf("the page does not say that %s", say)
	}
}
