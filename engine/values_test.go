package engine_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// TestReadOnly holds the table of commands that can only read.
func TestReadOnly(t *testing.T) {
	for command, ok := range map[string]bool{
		"crictl ps -a -o json --name kube-apiserver": true,
		"crictl --timeout 5s logs --tail=50 abc":     true,
		"crictl -r unix:///run/x.sock inspect abc":   true,
		"crictl rm abc":                          false,
		"crictl exec abc sh":                     false,
		"crictl logs -f abc":                     false,
		"crictl":                                 false,
		"date -u +%s":                            true,
		"date -s now":                            false,
		"date 010100002030":                      false,
		"journalctl -u kubelet -n 50 --no-pager": true,
		"journalctl --rotate":                    false,
		"journalctl --cursor-file=/etc/x":        false,
		"systemctl is-active kubelet":            true,
		"systemctl restart kubelet":              false,
		"stat -c %i /var/log/x":                  true,
		"tail -c +10 /var/log/x":                 true,
		"tail -f /var/log/x":                     false,
		"kubelet --version":                      true,
		"kubelet":                                false,
		"rm -rf /":                               false,
		"sh -c id":                               false,
		"touch /etc/x":                           false,
		"":                                       false,
	} {
		if err := engine.ReadOnly(strings.Fields(command)); (err == nil) != ok {
			t.Errorf("%q: %v", command, err)
		}
	}
}

// TestContent holds that content never leaks and never passes for other bytes.
func TestContent(t *testing.T) {
	c := engine.Bytes([]byte("a secret"))
	b := must2(json.Marshal(engine.Image{Kind: engine.File, Content: c}))
	if strings.Contains(string(b)+c.String(), "secret") {
		t.Errorf("it leaks: %s, %s", b, c)
	}
	var back engine.Image
	must(json.Unmarshal(b, &back))
	if !back.Content.Same(c) {
		t.Error("it did not come back")
	}
	if _, err := back.Content.Open(t.Context()); err == nil {
		t.Error("bytes that are elsewhere were opened")
	}
	for name, other := range map[string]string{"other": "a Secret", "cut": "a sec", "longer": "a secret!", "empty": ""} {
		forged := engine.NewContent(c.Hash(), c.Size(), engine.Bytes([]byte(other)).Open)
		r := must2(forged.Open(t.Context()))
		if _, err := io.ReadAll(r); err == nil {
			t.Errorf("%s bytes passed", name)
		}
	}
	if _, err := c.Read(t.Context(), 3); err == nil {
		t.Error("more was read than was allowed")
	}
}

func TestAction(t *testing.T) {
	none, dir := engine.Image{Kind: engine.Absent}, engine.Image{Kind: engine.Dir, Mode: 0o700}
	file := func(data string, mode engine.Mode) engine.Image {
		return engine.Image{Kind: engine.File, Mode: mode, Content: engine.Bytes([]byte(data))}
	}
	log := engine.Image{Kind: engine.File, Mode: 0o600, AnyContent: true}
	for _, test := range []struct {
		from, to   engine.Image
		want, back engine.Action
	}{
		{none, none, engine.Nothing, engine.Nothing},
		{none, dir, engine.Create, engine.Remove},
		{none, file("", 0o600), engine.Create, engine.Remove},
		{file("a", 0o600), file("b", 0o600), engine.Replace, engine.Replace},
		{file("a", 0o600), file("a", 0o640), engine.Adjust, engine.Adjust},
		{file("a", 0o600), file("a", 0o600), engine.Nothing, engine.Nothing},
		{dir, engine.Image{Kind: engine.Dir, Mode: 0o750}, engine.Adjust, engine.Adjust},
		{none, log, engine.Create, engine.Remove},
	} {
		c := engine.Change{At: "/x", Before: test.from, After: test.to}
		if c.Action() != test.want || c.Inverse().Action() != test.back {
			t.Errorf("%s to %s is %s, back %s", test.from, test.to, c.Action(), c.Inverse().Action())
		}
	}
}

func TestTexts(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "3m": 3 * time.Minute, "24h": 24 * time.Hour, "1h30m": 90 * time.Minute} {
		var d engine.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.D() != want {
			t.Errorf("%s is %v: %v", text, d, err)
		}
		if back := must2(d.MarshalText()); string(back) != map[bool]string{true: "1m30s", false: text}[text == "90s"] {
			t.Errorf("%s came back as %s", text, back)
		}
	}
	for _, text := range []string{"", "5", "-3m", "soon"} {
		if new(engine.Duration).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is a duration", text)
		}
	}
	for text, want := range map[string]engine.Mode{"0600": 0o600, "755": 0o755, "1777": 0o1777} {
		var m engine.Mode
		if err := m.UnmarshalText([]byte(text)); err != nil || m != want {
			t.Errorf("%s is %v: %v", text, m, err)
		}
	}
	for _, text := range []string{"", "64", "00600", "0o600", "0888", "rw-"} {
		if new(engine.Mode).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is a mode", text)
		}
	}
}

func TestCodeOf(t *testing.T) {
	wrapped := &engine.StepError{Kind: "k", Name: "n", Err: engine.Problemf(engine.Security, "no: %w", errLost)}
	for _, test := range []struct {
		err  error
		want engine.Code
	}{{nil, engine.Done}, {errors.New("x"), engine.Bug}, {wrapped, engine.Security}} {
		if got := engine.CodeOf(test.err); got != test.want {
			t.Errorf("%v has code %d, want %d", test.err, got, test.want)
		}
	}
	if !errors.Is(wrapped, errLost) {
		t.Error("the cause is lost")
	}
}
