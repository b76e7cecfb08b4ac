package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// odd is a Changer whose Plan is given; oddCheck a Checker whose Check is.
type odd struct {
	Path string `hcl:"path" json:"path"`
	Lost string `hcl:"lost,optional" json:"-"`
	plan func(ctx context.Context, o *odd, look engine.Look) ([]engine.Change, error)
}

func (*odd) Kind() string { return "odd" }

func (o *odd) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	return o.plan(ctx, o, look)
}

type oddCheck struct {
	Path  string `hcl:"path" json:"path"`
	mark  func() (engine.Mark, error)
	check func(ctx context.Context, c *oddCheck, w engine.Watch) error
}

func (*oddCheck) Kind() string { return "odd" }

func (c *oddCheck) Mark(context.Context, engine.Watch, []engine.Change) (engine.Mark, error) {
	return c.mark()
}

func (c *oddCheck) Check(ctx context.Context, w engine.Watch, _ engine.Mark) error {
	return c.check(ctx, c, w)
}

// both is neither one thing nor the other.
type both struct{ oddCheck }

func (*both) Plan(context.Context, engine.Look) ([]engine.Change, error) { return nil, nil }

const oddSource = `package x

// odd is a thing.
type odd struct {
	// Path is where.
	Path string
	Lost string
}
`

func good(ctx context.Context, o *odd, look engine.Look) ([]engine.Change, error) {
	images, err := look(ctx, o.Path)
	if err != nil {
		return nil, err
	}
	return []engine.Change{{At: o.Path, Before: images[0], After: engine.Image{Kind: engine.File, Mode: 0o600, Content: engine.Bytes([]byte("x"))}}}, nil
}

// TestChangersThatAreRefused: every rule about a Changer is broken by somebody, and says so.
func TestChangersThatAreRefused(t *testing.T) {
	count := 0
	for name, c := range map[string]struct {
		rule, want string
		task       odd
	}{
		"a field that the journal drops": {"has fields that", `"lost" and json "-"`, odd{plan: good}},
		"a field without a comment":      {"has comments", "odd.Lost has no comment", odd{plan: good}},
		"a panic": {"takes an empty body", "panicked", odd{plan: func(_ context.Context, o *odd, _ engine.Look) ([]engine.Change, error) {
			return nil, errors.New(o.Path[1:])
		}}},
		"a plan that knows without looking": {"gives back", "asked for 0 paths", odd{Path: "/etc/x", plan: func(context.Context, *odd, engine.Look) ([]engine.Change, error) {
			return nil, nil
		}}},
		"a plan that hides look's error": {"gives back", "returned <nil>", odd{Path: "/etc/x", plan: func(ctx context.Context, o *odd, look engine.Look) ([]engine.Change, error) {
			changes, _ := good(ctx, o, look)
			return changes, nil
		}}},
		"a plan that is never done": {"has nothing to do", "would still replace /etc/x", odd{Path: "/etc/x", plan: func(ctx context.Context, o *odd, look engine.Look) ([]engine.Change, error) {
			changes, err := good(ctx, o, look)
			if count++; err == nil {
				changes[0].After.Content = engine.Bytes([]byte(strings.Repeat("x", count)))
			}
			return changes, err
		}}},
		"a plan on what it has not seen": {"is undone", "on something else than what it looked at", odd{Path: "/etc/x", plan: func(ctx context.Context, o *odd, look engine.Look) ([]engine.Change, error) {
			changes, err := good(ctx, o, look)
			if err == nil {
				changes[0].At = "/etc/y"
			}
			return changes, err
		}}},
		"nothing to do": {"recovers", "proves nothing", odd{Path: "/etc/x", plan: func(ctx context.Context, o *odd, look engine.Look) ([]engine.Change, error) {
			_, err := look(ctx, o.Path)
			return nil, err
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			k := engine.Kind{Name: "odd", Source: oddSource, New: func() engine.Task { return &odd{plan: c.task.plan} }}
			refused(t, k, Sample{Make: func() engine.Task { task := c.task; return &task }}, c.rule, c.want)
		})
	}
}

func refuted(*Node) error { return nil }

// TestChecksThatAreRefused: likewise for Checkers.
func TestChecksThatAreRefused(t *testing.T) {
	yes := func() (engine.Mark, error) { return engine.Mark("{}"), nil }
	honest := func(ctx context.Context, c *oddCheck, w engine.Watch) error {
		images, err := w.Look(ctx, c.Path)
		if err == nil && images[0].Kind == engine.Absent {
			err = &engine.Failed{Why: c.Path + " is not there"}
		}
		return err
	}
	for name, c := range map[string]struct {
		rule, want string
		mark       func() (engine.Mark, error)
		check      func(context.Context, *oddCheck, engine.Watch) error
	}{
		"a mark that is not JSON": {"proves", "not JSON", func() (engine.Mark, error) { return engine.Mark("{"), nil }, honest},
		"a mark that is refused":  {"proves", "mark: no", func() (engine.Mark, error) { return nil, errors.New("no") }, honest},
		"a check that never proves": {"proves", "did not prove", yes, func(context.Context, *oddCheck, engine.Watch) error {
			return &engine.Failed{Why: "no"}
		}},
		"a check that always proves": {"disproves", "with <nil>", yes, func(context.Context, *oddCheck, engine.Watch) error { return nil }},
		"an interruption that counts": {"takes an interruption", "*engine.Failed", yes, func(ctx context.Context, c *oddCheck, w engine.Watch) error {
			if err := honest(ctx, c, w); err != nil {
				return &engine.Failed{Why: err.Error()}
			}
			return nil
		}},
		"a lost node that counts": {"takes a lost node", "*engine.Unavailable", yes, func(ctx context.Context, c *oddCheck, w engine.Watch) error {
			if err := honest(ctx, c, w); err != nil {
				return &engine.Unavailable{Why: err.Error()}
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			make := func() engine.Task { return &oddCheck{mark: c.mark, check: c.check} }
			k := engine.Kind{Name: "odd", New: make}
			s := Sample{Refute: refuted, Prove: func(n *Node) error { return n.WriteFile("/etc/x", nil, 0o600) },
				Make: func() engine.Task { return &oddCheck{Path: "/etc/x", mark: c.mark, check: c.check} }}
			refused(t, k, s, c.rule, c.want)
		})
	}
}

func TestKindsThatAreRefused(t *testing.T) {
	one := &odd{plan: good}
	for name, c := range map[string]struct {
		rule, want string
		kind       engine.Kind
	}{
		"another name":   {"has its name", "of kind", engine.Kind{Name: "x", New: func() engine.Task { return new(odd) }}},
		"nothing":        {"has its name", "no New", engine.Kind{Name: "odd"}},
		"one task":       {"has its name", "same task twice", engine.Kind{Name: "odd", New: func() engine.Task { return one }}},
		"two sorts":      {"is either", "exactly one", engine.Kind{Name: "odd", New: func() engine.Task { return new(both) }}},
		"no source":      {"has comments", "go:embed", engine.Kind{Name: "odd", New: func() engine.Task { return new(odd) }}},
		"other source":   {"has comments", "does not declare odd", engine.Kind{Name: "odd", Source: "package x", New: func() engine.Task { return new(odd) }}},
		"a check's rule": {"proves", "needs Prove and Refute", engine.Kind{Name: "odd", New: func() engine.Task { return new(oddCheck) }}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.kind, Sample{}, c.rule, c.want) })
	}
}

// refused holds that the rule of a name refuses the kind, in these words.
func refused(t *testing.T, k engine.Kind, s Sample, name, want string) {
	t.Helper()
	for _, r := range append(append(kindRules(), changerRules()...), checkerRules()...) {
		if !strings.HasPrefix(r.name, name) {
			continue
		}
		if err := sheltered(t.Context(), r, k, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q says %v; want %q", r.name, err, want)
		}
		return
	}
	t.Errorf("there is no rule %q", name)
}

// TestJournalRule: what a journal drops is found where fields are named alike.
func TestJournalRule(t *testing.T) {
	k := engine.Kind{Name: "odd", New: func() engine.Task { return new(rounding) }}
	s := Sample{Make: func() engine.Task { return &rounding{N: 3} }}
	if err := journaled(t.Context(), k, s); err == nil || !strings.Contains(err.Error(), `{"n":3}`) {
		t.Error(err)
	}
}

// rounding is read as something else than it was written as.
type rounding struct {
	N int `hcl:"n" json:"n"`
}

func (*rounding) Kind() string { return "odd" }

func (r *rounding) UnmarshalJSON(b []byte) error {
	var v struct{ N int }
	err := json.Unmarshal(b, &v)
	r.N = v.N / 2 * 2
	return err
}
