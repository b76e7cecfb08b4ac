package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
	"github.com/hcrun/hcrun/inventory"
)

// TestExamineSwitch has a node with and without systemd, held by nobody, by a run that is armed, and by one that the
// node has undone.
func TestExamineSwitch(t *testing.T) {
	n := enginetest.NewNode("m1")
	saw := func(weak bool, want ...string) {
		t.Helper()
		h := inventory.Host{Name: "m1"}
		if weak {
			h.Switch = inventory.WeakSwitch
		}
		var got []string
		for _, f := range examineSwitch(t.Context(), n, h) {
			got = append(got, string(f.Level)+" "+f.Check+" "+f.Text)
		}
		if len(got) != len(want) {
			t.Fatalf("found %q", got)
		}
		for i, w := range want {
			if !strings.Contains(got[i], w) {
				t.Errorf("found %q, want %q", got[i], w)
			}
		}
	}
	saw(false, "in the way switch no systemd runs there", "claim nobody holds it")
	saw(true, "switch its dead-man's switch does not survive a reboot, which the inventory accepts", "claim nobody holds it")
	for _, dir := range []string{"/run", "/run/systemd", "/run/systemd/system"} {
		if err := n.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w, err := n.Claim(t.Context(), engine.Claim{Run: "run-1", Playbook: "p", Holder: engine.Holder{By: "ops@laptop", Folder: "/state"}}, engine.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	saw(false, "survives a reboot", "warning claim run run-1 of p, by ops@laptop")
	if _, err := w.Arm(t.Context(), time.Hour, nil); err != nil {
		t.Fatal(err)
	}
	saw(false, "survives a reboot", "it undoes the run by itself unless that is confirmed in time")
	n.Fire("run-1")
	saw(false, "survives a reboot", "warning claim it has undone run run-1 of p")
}
