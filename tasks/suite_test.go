package tasks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/fstest"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// TestSuite holds the kinds that the machine in memory can serve to the suite that a team's own kinds are
// held to.
func TestSuite(t *testing.T) {
	files := fstest.MapFS{"motd": {Data: []byte("hello\n")}}
	manifests := func(n *enginetest.Node) error {
		return errors.Join(n.Mkdir("/etc/kubernetes", 0o755), n.Mkdir("/etc/kubernetes/manifests", 0o755), n.WriteFile(theManifest, []byte("spec:\n  priority: 1\n"), 0o600))
	}
	up := func(status int) func(*enginetest.Node) error {
		return func(n *enginetest.Node) error {
			n.OnDial = func(context.Context, string, string) (net.Conn, error) { return answering(status), nil }
			return nil
		}
	}
	unit := func(enabled, active string) func(*enginetest.Node) error {
		return func(n *enginetest.Node) error {
			n.Say(enabled, "systemctl", "is-enabled", "x.timer")
			n.Say(active, "systemctl", "is-active", "x.timer")
			return nil
		}
	}
	samples := map[string][]enginetest.Sample{
		"scp": {
			{Name: "new", Files: files, Make: func() engine.Task { return &Scp{Source: "motd", Destination: "/etc/motd", Mode: 0o644} }},
			{Name: "replaced", Make: func() engine.Task { return &Scp{Content: "new\n", Destination: "/etc/motd"} },
				Ground: func(n *enginetest.Node) error { return n.WriteFile("/etc/motd", []byte("old\n"), 0o640) }},
		},
		"mkdir": {{Name: "with parents", Make: func() engine.Task { return &Mkdir{Path: "/var/lib/a/b", Mode: 0o700} }}},
		"touch": {{Name: "a log", Make: func() engine.Task { return &Touch{Path: "/var/log/x.log", Mode: 0o600} }}},
		"yaml-patch": {{Name: "a value", Ground: manifests, Make: func() engine.Task {
			return &YamlPatch{Path: theManifest, Set: []YamlSet{{At: "spec.priority", Value: 2}}}
		}}},
		"command": {
			{Name: "probed", Make: func() engine.Task {
				return &Command{Run: []string{"hostnamectl", "hostname", "a"}, Undo: []string{"hostnamectl", "hostname", "b"}, Probe: []string{"uname", "-n"}, Want: "a"}
			}, Ground: func(n *enginetest.Node) error { n.Say("b", "uname", "-n"); return nil }},
		},
		"systemd-unit": {
			{Name: "on", Make: func() engine.Task { return &SystemdUnit{Unit: "x.timer", Enabled: new(true), Active: new(true)} }, Ground: unit("disabled", "inactive")},
			{Name: "off", Make: func() engine.Task { return &SystemdUnit{Unit: "x.timer", Enabled: new(false), Active: new(false)} }, Ground: unit("enabled", "active")},
			{Name: "not there yet", Make: func() engine.Task { return &SystemdUnit{Unit: "x.timer", Enabled: new(true)} }, Ground: unit("status 4", "inactive")},
		},
		"assert": {{Name: "after", Make: func() engine.Task { return &Assert{Path: "/etc/motd", Is: "file", After: true} },
			Prove:  func(n *enginetest.Node) error { return n.WriteFile("/etc/motd", nil, 0o600) },
			Refute: func(n *enginetest.Node) error { return n.Mkdir("/etc/motd", 0o700) }}},
		"http-check": {{Name: "plain", Make: func() engine.Task { return &HttpCheck{URL: "http://127.0.0.1:1/healthz", Passes: 2} },
			Prove: up(http.StatusOK), Refute: up(http.StatusInternalServerError)}},
	}
	for _, k := range All() {
		if s, ok := samples[k.Name]; ok {
			t.Run(k.Name, func(t *testing.T) { enginetest.TestKind(t, k, s...) })
		}
	}
}

// answering is a connection to a server that answers one request with a status.
func answering(status int) net.Conn {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		if _, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
			fmt.Fprintf(far, "HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)
		}
	}()
	return near
}
