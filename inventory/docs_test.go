package inventory

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// guide is docs/inventory.md and the example in it.
func guide(t *testing.T) (text, example string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "inventory.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok1 := strings.Cut(string(b), "<!-- example -->\n```hcl\n")
	example, _, ok2 := strings.Cut(rest, "```")
	if !ok1 || !ok2 {
		t.Fatal("the guide has no example")
	}
	return string(b), example
}

// TestGuideExample: the example of the guide loads, and means what the guide says of it.
func TestGuideExample(t *testing.T) {
	_, example := guide(t)
	path := filepath.Join(t.TempDir(), "hosts.hcl")
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := Load(path, env("SECRET_DOMAIN", "example.org"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"bastion": "",
		"master1": "bastion=ops@bastion.example.org:22",
		"master2": "bastion=ops@bastion.example.org:22 ops@10.0.9.9:2222=ops@10.0.9.9:2222",
	} {
		if h, _ := i.Host(name); route(h) != want {
			t.Errorf("%s: %q, want %q", name, route(h), want)
		}
	}
	if h, _ := i.Host("vault"); !strings.HasSuffix(h.ControlPath, "/.ssh/cm-root@10.0.7.1:22") || h.Jump != nil {
		t.Errorf("%+v", h)
	}
	if h, _ := i.Host("master1"); h.Vars["interface"] != "eno1" || h.Vars["role"] != "control-plane" || h.FailureDomain != "rack-a" {
		t.Errorf("%+v", h)
	}
}

// TestGuideIsWhole: every attribute and block is explained, stands in the example, and nothing else does.
func TestGuideIsWhole(t *testing.T) {
	text, example := guide(t)
	known := map[string]bool{}
	for _, block := range []any{reach{}, hostBlock{}, groupBlock{}, labBlock{}} {
		for f := range reflect.TypeOf(block).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("hcl"), ",")
			known[name] = true
			if !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "`"+name+" = ") {
				t.Errorf("the guide does not explain %s", name)
			}
			if _, inLab := block.(labBlock); !inLab && !regexp.MustCompile(`(?m)^\s+`+name+`\s+=`).MatchString(example) {
				t.Errorf("the example has no %s", name)
			}
		}
	}
	table := text[strings.Index(text, "## Attributes of hosts"):strings.Index(text, "## Jump hosts")]
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		if !known[m[1]] {
			t.Errorf("the guide explains %s, which there is not", m[1])
		}
	}
	for name := range forms() {
		if !strings.Contains(text, "| `"+name+" ") {
			t.Errorf("the guide does not explain the block %s", name)
		}
	}
}
