package playbooks

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/tasks"
)

// TestConfirm has the block in each of its forms.
func TestConfirm(t *testing.T) {
	for text, want := range map[string]engine.Duration{
		"":                                  10 * engine.Minute,
		"confirm {\n}":                      10 * engine.Minute,
		"confirm {\n  within = \"1h\"\n}":   engine.Hour,
		"confirm {\n  off = \"a drill\"\n}": 0,
		"locals {\n  m = 45\n}\nconfirm {\n  within = \"${local.m}m\"\n}": 45 * engine.Minute,
	} {
		at := filepath.Join(t.TempDir(), "p.hcl")
		body := "playbook \"p\" {\n  hosts = \"all\"\n}\n\n" + text + "\n\ntask \"mkdir\" \"d\" {\n  path = \"/d\"\n}\n"
		if err := os.WriteFile(at, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Load(at, Options{Kinds: tasks.All()})
		if err != nil {
			t.Fatal(err)
		}
		pb, err := f.For(Node{Name: "master1"})
		if err != nil {
			t.Fatal(err)
		}
		if got := pb.Within(); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
