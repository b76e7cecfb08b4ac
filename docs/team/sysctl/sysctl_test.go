package sysctl

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
	"github.com/hcrun/hcrun/tasks"
)

// kernel is a machine whose kernel has one setting.
func kernel(value string) func(*enginetest.Node) error {
	return func(n *enginetest.Node) error {
		n.OnObserve = func(argv []string) ([]byte, error) {
			if at := strings.Join(argv, " "); at != "head -q -n 1 /proc/sys/vm/max_map_count" {
				return nil, &engine.ExitError{Argv: argv, Code: 1, Stderr: at + ": no such file"}
			}
			return fmt.Appendln(nil, value), nil
		}
		return nil
	}
}

func withFolder(files map[string]string) func(*enginetest.Node) error {
	return func(n *enginetest.Node) error {
		err := n.Mkdir("/etc/sysctl.d", 0o755)
		for at, data := range files {
			err = errors.Join(err, n.WriteFile(at, []byte(data), 0o600))
		}
		return err
	}
}

// TestKinds holds both kinds to the rules of the built-in ones.
func TestKinds(t *testing.T) {
	const at = "/etc/sysctl.d/60-limits.conf"
	values := map[string]string{"vm.max_map_count": "262144", "fs.inotify.max_user_instances": "512"}
	one := map[string]string{"vm.max_map_count": "262144"}
	file := func() engine.Task { return &File{Path: at, Values: values} }
	samples := map[string][]enginetest.Sample{
		"sysctl": {
			{Name: "new", Make: file, Ground: withFolder(nil)},
			{Name: "replaced", Make: file, Ground: withFolder(map[string]string{at: "vm.max_map_count = 1\n"})},
		},
		"sysctl-live": {
			{Name: "loaded", Make: func() engine.Task { return &Live{Values: one} },
				Ground: kernel("65530"), Prove: kernel("262144"), Refute: kernel("65530")},
		},
	}
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) { enginetest.TestKind(t, k, samples[k.Name]...) })
		if text, err := tasks.DocText(Kinds(), k.Name); err != nil || !strings.Contains(text, "task \""+k.Name+"\"") {
			t.Errorf("its documentation has no example: %v\n%s", err, text)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	good := map[string]string{"vm.swappiness": "10"}
	for name, c := range map[string]struct {
		task  engine.Preparer
		words string
	}{
		"another folder": {&File{Path: "/etc/sysctl.conf", Values: good}, "path: \"/etc/sysctl.conf\" is not read at boot"},
		"another ending": {&File{Path: "/etc/sysctl.d/60", Values: good}, "ending in"},
		"a way around":   {&File{Path: "/etc/sysctl.d/../passwd.conf", Values: good}, "is not read at boot"},
		"nothing":        {&Live{}, "values: is empty"},
		"a path":         {&Live{Values: map[string]string{"../../etc/shadow": "1"}}, "is not a setting"},
		"two lines":      {&Live{Values: map[string]string{"vm.swappiness": "1\n2"}}, "cannot be a value"},
	} {
		if err := c.task.Prepare(nil); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v; want %q", name, err, c.words)
		}
	}
}

// TestUnknownSetting: what the kernel does not have is known before the first write.
func TestUnknownSetting(t *testing.T) {
	n := enginetest.NewNode("master1")
	if err := kernel("1")(n); err != nil {
		t.Fatal(err)
	}
	live := &Live{Values: map[string]string{"vm.max_map_cuont": "1"}}
	_, err := live.Mark(t.Context(), engine.Watch{Node: n, Say: func(string) {}}, nil)
	if engine.CodeOf(err) != engine.Preflight || !strings.Contains(err.Error(), "master1 does not have all of these settings") {
		t.Errorf("%v", err)
	}
}
