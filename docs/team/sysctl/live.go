package sysctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// Live proves that the running kernel has these values.
//
// What the kernel does not know is refused before the first write. Afterwards the values are read until
// they are as they should be, for whoever loads them (a systemd path unit on the node, say) may take a
// moment; when the time is up, the run is undone.
//
//	task "sysctl-live" "limits" {
//	  values = { "vm.max_map_count" = 262144 }
//	}
type Live struct {
	// Values are the settings by name: { "vm.max_map_count" = 262144 }.
	Values map[string]string `hcl:"values" json:"values"`
	// Timeout is how long to go on reading. By default "5s".
	Timeout engine.Duration `hcl:"timeout,optional" json:"timeout,omitempty"`
}

var (
	_ engine.Checker  = (*Live)(nil)
	_ engine.Preparer = (*Live)(nil)
)

// interval is the time between two reads.
const interval = engine.Second

// Kind is "sysctl-live".
func (t *Live) Kind() string { return "sysctl-live" }

// Prepare checks the fields.
func (t *Live) Prepare(fs.FS) error { return checkValues(t.Values) }

// names are the settings in the order in which they are read.
func (t *Live) names() []string { return slices.Sorted(maps.Keys(t.Values)) }

// Mark reads every setting once, so that one that this kernel does not have is known before anything is
// written, and remembers what it was. On the way down there is nothing to prove: the file alone changes.
func (t *Live) Mark(ctx context.Context, w engine.Watch, _ []engine.Change) (engine.Mark, error) {
	if w.Undoing {
		return nil, engine.ErrNotNeeded
	}
	was, err := t.read(ctx, w)
	if err != nil {
		return nil, err
	}
	return json.Marshal(was)
}

// Check reads until all values are as they should be, or the time is up.
func (t *Live) Check(ctx context.Context, w engine.Watch, m engine.Mark) error {
	var before map[string]string
	if err := json.Unmarshal(m, &before); err != nil {
		return fmt.Errorf("its mark: %w", err)
	}
	timeout, elapsed := t.Timeout.Or(5*engine.Second), w.Stopwatch()
	for {
		got, err := t.read(ctx, w)
		if err != nil {
			return err
		}
		wrong := t.wrong(got, before)
		if wrong == "" {
			return nil
		}
		if elapsed() >= timeout {
			return &engine.Failed{Why: fmt.Sprintf("%s, after %s", wrong, engine.Duration(timeout)), Hint: "what loads it: sysctl --system"}
		}
		w.Say(wrong)
		if err := w.Sleep(ctx, interval.D()); err != nil {
			return err
		}
	}
}

// wrong is the first value that is not as it should be; "" when there is none.
func (t *Live) wrong(got, before map[string]string) string {
	for _, name := range t.names() {
		if got[name] != t.Values[name] {
			return fmt.Sprintf("%s is %q; expected is %q (before the change it was %q)", name, got[name], t.Values[name], before[name])
		}
	}
	return ""
}

// read asks the kernel for all values in one round trip. What ends with another status than 0 is a
// setting that is not there; every other error is the connection's and goes back as it is.
func (t *Live) read(ctx context.Context, w engine.Watch) (map[string]string, error) {
	names := t.names()
	argv := []string{"head", "-q", "-n", "1"}
	for _, name := range names {
		argv = append(argv, "/proc/sys/"+strings.ReplaceAll(name, ".", "/"))
	}
	out, err := w.Observe(ctx, argv...)
	if exit, ok := errors.AsType[*engine.ExitError](err); ok {
		return nil, engine.Problemf(engine.Preflight, "the kernel of %s does not have all of these settings: %s", w.Name(), strings.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(names) {
		return nil, &engine.Unavailable{Why: fmt.Sprintf("%d settings were asked for and %d lines came back", len(names), len(lines))}
	}
	got := map[string]string{}
	for i, name := range names {
		got[name] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return got, nil
}
