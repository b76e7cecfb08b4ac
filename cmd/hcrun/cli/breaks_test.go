package cli

import (
	"strings"
	"testing"
)

// TestBreaks breaks a fresh lab in every way there is and holds the end of apply against what the
// documentation promises: the exit status, what is said, and what is on the node after.
func TestBreaks(t *testing.T) {
	t.Parallel()
	needLab(t)
	hcrun := binary(t)
	tests := []struct {
		kind string
		node string // which node is broken
		code int
		says []string // in the output, in any order
	}{
		{"policy", "master1", 21, []string{"kept container-log", "rolled back", "hcrun ack"}},
		{"never-ready", "master1", 21, []string{"rolled back", "hcrun ack"}},
		{"flap", "master1", 21, []string{"rolled back", "hcrun ack"}},
		{"no-container", "master1", 21, []string{"kept kubelet-log", "rolled back", "hcrun ack"}},
		{"log-mount", "master1", 21, []string{"tail-log.events", "rolled back", "hcrun ack"}},
		{"log-full", "master1", 21, []string{"rolled back", "hcrun ack"}},
		{"stray", "master1", 42, []string{"kube-apiserver.yaml.bak"}},
		{"stray-late", "master1", 21, []string{"rolled back", "hcrun ack"}},
		{"loki-down", "master1", 60, []string{"loki-query.shipped"}},
		{"loki-late", "master1", 21, []string{"loki-query.shipped", "rolled back"}},
		{"loki-other-node", "master1", 21, []string{"loki-query.shipped", "rolled back"}},
		{"disk-full", "master1", 42, []string{"full"}},
		{"peer-down", "master2", 10, []string{"master2", "peers_ready"}},
		{"unreachable", "master1", 41, []string{"master1"}},
		{"unreachable-late", "master1", 23, []string{"hcrun resume"}},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, hcrun)
			b.up()
			before := b.digest("master1")
			b.must(0, "lab", "break", test.node, test.kind)
			broken := b.digest("master1")
			out := b.must(test.code, b.apply("master1")...)
			for _, s := range test.says {
				if !strings.Contains(out, s) {
					t.Errorf("it does not say %q:\n%s", s, out)
				}
			}
			if !strings.Contains(out, "next:") {
				t.Errorf("it names no next command:\n%s", out)
			}
			if test.code != 23 {
				if left := difference(before, b.digest("master1")); withoutStray(left) != "" && left != difference(before, broken) {
					t.Errorf("the node is not as it was:\n%s\n%s", left, out)
				}
			}
		})
	}
}

// withoutStray takes out what the breaks "stray" and "stray-late" plant themselves, in their own time.
func withoutStray(diff string) string {
	var rest strings.Builder
	for line := range strings.Lines(diff) {
		if !strings.Contains(line, "kube-apiserver.yaml.bak") {
			rest.WriteString(line)
		}
	}
	return rest.String()
}
