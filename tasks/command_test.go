package tasks

import (
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// TestCommandFields: what cannot work on any node is said before one is asked, and where.
func TestCommandFields(t *testing.T) {
	argv := strings.Fields
	for want, c := range map[string]Command{
		"run: is needed": {},
		`run: its first word is the program, and "" is none`:   {Run: []string{""}},
		`run: its first word is the program, and "-x" is none`: {Run: argv("-x y")},
		"run: no word of it may have a NUL byte":               {Run: []string{"a", "\x00"}},
		`undo: there is no shell that takes "a b" apart`:       {Undo: []string{"a b"}},
		"probe: tells the state that run brings about":         {Undo: argv("a"), Probe: argv("uname -n")},
		"want: is needed beside probe":                         {Run: argv("a"), Probe: argv("uname -n")},
		"want: is what a probe prints, and there is no probe":  {Run: argv("a"), Want: "x"},
		"want: ends with a newline":                            {Run: argv("a"), Probe: argv("uname -n"), Want: "x\n"},
		"limit: 1h0m1s is not between 1s and 1h":               {Run: argv("a"), Limit: engine.Hour + engine.Second},
		"limit: 500ms is not between 1s and 1h":                {Run: argv("a"), Limit: engine.Second / 2},
		"on_change: ":                                          {Run: argv("a"), OnChange: []string{"etc"}},
		`probe: systemctl may not be given "stop"`:             {Run: argv("a"), Probe: argv("systemctl stop x"), Want: "x"},
		`probe: "sh" is not in the table`:                      {Run: argv("a"), Probe: argv("sh -c x"), Want: "x"},
	} {
		if err := c.Prepare(nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	for _, c := range []Command{{Run: argv("a")}, {Undo: argv("a")}, {Run: []string{"sh", "-c", "a b"}, Probe: argv("uname -n"), Want: "x", Limit: engine.Hour}} {
		if err := c.Prepare(nil); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestSystemdUnit is what is done from every state that systemd tells of.
func TestSystemdUnit(t *testing.T) {
	yes, no := true, false
	for _, tt := range []struct {
		task            SystemdUnit
		enabled, active string
		want            string // what would run, or the beginning of the refusal
	}{
		{SystemdUnit{Enabled: &yes, Active: &yes}, "disabled", "inactive", "systemctl enable x.timer; systemctl start x.timer"},
		{SystemdUnit{Enabled: &no, Active: &no}, "enabled", "active", "systemctl stop x.timer; systemctl disable x.timer"},
		{SystemdUnit{Enabled: &yes, Active: &yes}, "enabled", "active", ""},
		{SystemdUnit{Enabled: &no}, "not-found", "inactive", ""},
		{SystemdUnit{Enabled: &no}, "disabled", "active", ""},
		{SystemdUnit{Enabled: &yes}, "not-found", "inactive", "systemctl enable x.timer"},
		{SystemdUnit{Enabled: &yes}, "status 1", "inactive", "systemctl enable x.timer"},
		{SystemdUnit{Enabled: &yes}, "masked", "inactive", `systemctl is-enabled x.timer says "masked": from that it is not made "enabled"`},
		{SystemdUnit{Enabled: &no}, "static", "inactive", `systemctl is-enabled x.timer says "static"`},
		{SystemdUnit{Active: &yes}, "enabled", "failed", `systemctl is-active x.timer says "failed"`},
		{SystemdUnit{Active: &no}, "enabled", "activating", `systemctl is-active x.timer says "activating"`},
	} {
		n := enginetest.NewNode("master1")
		n.Say(tt.enabled, "systemctl", "is-enabled", "x.timer")
		n.Say(tt.active, "systemctl", "is-active", "x.timer")
		tt.task.Unit = "x.timer"
		changes, err := tt.task.Plan(t.Context(), engine.See(n))
		var run []string
		for _, c := range changes {
			run = append(run, c.Name())
		}
		got := strings.Join(run, "; ")
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s, %s: %q, want %q", tt.enabled, tt.active, got, tt.want)
		}
	}
	for _, name := range []string{"", "x", "x@.timer", "x y.service", "../x.timer", "x.timer.d"} {
		if err := (&SystemdUnit{Unit: name, Active: &yes}).Prepare(nil); err == nil {
			t.Errorf("%q is taken for the name of a unit", name)
		}
	}
	if err := (&SystemdUnit{Unit: "getty@tty1.service", Active: &yes}).Prepare(nil); err != nil {
		t.Error(err)
	}
	if err := (&SystemdUnit{Unit: "x.timer"}).Prepare(nil); err == nil {
		t.Error("it may ask for nothing")
	}
}
