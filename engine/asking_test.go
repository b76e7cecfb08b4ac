package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// unproven answers the check of a name with an error the first n times, and counts the askings.
func unproven(asked *int, n int, name string, err error) func(context.Context, string, engine.Watch) error {
	return func(_ context.Context, check string, _ engine.Watch) error {
		if check != name {
			return nil
		}
		if *asked++; *asked <= n {
			return err
		}
		return nil
	}
}

// TestRetry: a check that fails is asked as often as its step says, and no more.
func TestRetry(t *testing.T) {
	failed := &engine.Failed{Why: "not yet", Evidence: []engine.Evidence{{Name: "own", Data: []byte("x")}}}
	for name, test := range map[string]struct {
		retry, fails int
		err          error
		asked        int
		code         engine.Code
		state        engine.State
	}{
		"never":            {0, 1, failed, 1, engine.RolledBack, engine.RolledBk},
		"proven":           {3, 2, failed, 3, engine.Done, engine.Landed},
		"the last time":    {3, 3, failed, 4, engine.Done, engine.Landed},
		"one too late":     {3, 4, failed, 4, engine.RolledBack, engine.RolledBk},
		"no answer":        {1, 1, &engine.Unavailable{Why: "down"}, 2, engine.Done, engine.Landed},
		"another error":    {1, 1, errors.New("odd"), 2, engine.Done, engine.Landed},
		"the node is gone": {3, 1, errLost, 1, engine.Unknown, engine.Applying},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			w.pace = 1e6
			w.steps[3].Retry, w.steps[3].RetryPause = test.retry, engine.Minute
			asked := 0
			w.oracle.Check = unproven(&asked, test.fails, "events", test.err)
			r, err := w.apply(t.Context())
			if engine.CodeOf(err) != test.code || r.State != test.state || asked != test.asked {
				t.Errorf("code %d, %s, asked %d times, want %d, %s, %d: %v", engine.CodeOf(err), r.State, asked, test.code, test.state, test.asked, told(err))
			}
			if r.State == engine.Landed && !r.Clean {
				t.Error("a check that was proven in the end is nothing out of the ordinary")
			}
			own := func(k engine.OpEvent) bool { return k.Text == "own" }
			if (r.State == engine.RolledBk) != slices.ContainsFunc(r.Kept, own) {
				t.Errorf("kept %v", r.Kept)
			}
			w.sound(t)
		})
	}
}

// TestRetryIsSaid: the journal has every asking, and a resumed run asks as often as the first.
func TestRetryIsSaid(t *testing.T) {
	w := newWorld(short()...)
	w.pace = 1e6
	w.steps[3].Retry = 2
	asked := 0
	w.oracle.Check = unproven(&asked, 99, "events", &engine.Failed{Why: "not yet"})
	interrupted(w, engine.EvChecking, 2)
	asked = 0
	r, err := w.apply(t.Context())
	if engine.CodeOf(err) != engine.RolledBack || asked != 3 {
		t.Errorf("%d askings: %v", asked, told(err))
	}
	if s := r.Steps[3]; s.Retry != 2 {
		t.Errorf("recorded: %+v", s)
	}
	var said []string
	for _, e := range w.journal.Durable() {
		if e.Kind == engine.EvSaid && strings.Contains(e.Op.Text, "asked again") {
			said = append(said, e.Op.Text)
		}
	}
	if want := []string{"not yet; asked again in 5s (1 of 2)", "not yet; asked again in 5s (2 of 2)"}; !slices.Equal(said[max(0, len(said)-2):], want) {
		t.Errorf("said %q", said)
	}
}

// TestTimeout: an asking ends with its time, and what it means is that of a check that fails.
func TestTimeout(t *testing.T) {
	for name, hang := range map[string]func(context.Context) error{
		"waits":     func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"the cause": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		"wraps":     func(ctx context.Context) error { <-ctx.Done(); return errors.Join(errors.New("get"), ctx.Err()) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			w.pace = 1000
			w.steps[3].Timeout, w.steps[3].Retry = 30*engine.Second, 1
			asked := 0
			w.oracle.Check = func(ctx context.Context, check string, _ engine.Watch) error {
				if check != "events" {
					return nil
				}
				asked++
				return hang(ctx)
			}
			_, err := w.apply(t.Context())
			if engine.CodeOf(err) != engine.RolledBack || asked != 2 || !strings.Contains(told(err), "not proven within 30s") {
				t.Errorf("asked %d times: %v", asked, told(err))
			}
			w.sound(t)
		})
	}
}

// TestDelegate: a check looks at the node that it is delegated to, on the way up, when it is resumed, and
// on the way down; the run's own node is the only one that is written.
func TestDelegate(t *testing.T) {
	other := enginetest.NewNode("master2")
	other.Writable = false
	for name, test := range map[string]struct {
		other func(context.Context, string) (engine.Node, error)
		check func(name string, w engine.Watch) error
		code  engine.Code
		says  string
	}{
		"proven":    {code: engine.Done},
		"nobody":    {other: func(context.Context, string) (engine.Node, error) { return nil, errors.New("no such host") }, code: engine.CannotVerify, says: "master2 cannot be asked: no such host"},
		"disproven": {check: func(name string, w engine.Watch) error { return failing("events")(nil, name, w) }, code: engine.RolledBack, says: "events is not there"},
		"lost":      {check: func(name string, w engine.Watch) error { return map[bool]error{true: errLost}[name == "events"] }, code: engine.RolledBack, says: "master2: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(short()...)
			w.steps[2].DelegateTo, w.steps[3].DelegateTo = "master2", "master2"
			if w.other = test.other; w.other == nil {
				w.other = func(_ context.Context, name string) (engine.Node, error) { return other, nil }
			}
			seen := map[string]bool{}
			w.oracle.Check = func(_ context.Context, name string, watch engine.Watch) error {
				seen[watch.Node.Name()] = true
				if test.check == nil {
					return nil
				}
				return test.check(name, watch)
			}
			r, err := w.apply(t.Context())
			if engine.CodeOf(err) != test.code || !strings.Contains(told(err), test.says) {
				t.Errorf("code %d, want %d: %v", engine.CodeOf(err), test.code, told(err))
			}
			if r.Steps[3].DelegateTo != "master2" || seen["master1"] || seen["master2"] != (test.code != engine.CannotVerify) {
				t.Errorf("%+v; asked on %v", r.Steps[3], seen)
			}
			w.sound(t)
		})
	}
}

// TestDelegateNeedsAWay: without one nothing is begun; to the node itself every check may be delegated.
func TestDelegateNeedsAWay(t *testing.T) {
	for to, code := range map[string]engine.Code{"master2": engine.CannotVerify, "master1": engine.Done} {
		w := newWorld(short()...)
		w.steps[3].DelegateTo = to
		if _, err := w.apply(t.Context()); engine.CodeOf(err) != code {
			t.Errorf("%s: %v", to, told(err))
		}
	}
}

// TestSensitive: no content of a sensitive step is shown, wherever else its bytes go.
func TestSensitive(t *testing.T) {
	w := newWorld(write("token", "/etc/a", "hidden"), write("copy", "/etc/b", "hidden"), write("motd", "/etc/c", "shown"))
	w.steps[0].Sensitive = true
	w.steps[0].Tags = []string{"keys"}
	steps, err := engine.Plan(t.Context(), &engine.Playbook{Name: "p", Steps: w.steps}, w.node.Look)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, true, false} {
		if c := steps[i].Changes[0]; c.Secret != want || c.Inverse().Secret != want {
			t.Errorf("%s: secret is %v", c.At, c.Secret)
		}
	}
	if !slices.Equal(steps[0].Tags, []string{"keys"}) {
		t.Errorf("%+v", steps[0])
	}
}

// TestCommonRules: what a step may have is the same for Go literals and HCL.
func TestCommonRules(t *testing.T) {
	change, verify := &enginetest.Write{Path: "/x"}, &enginetest.Check{Name: "c"}
	for says, step := range map[string]engine.Step{
		"timeout: belongs to checks":                     {Task: change, Timeout: engine.Second},
		"retry: belongs to checks":                       {Task: change, Retry: 1},
		"delegate_to: belongs to checks":                 {Task: change, DelegateTo: "n"},
		"sensitive: belongs to changes":                  {Task: verify, Sensitive: true},
		"timeout: -1s is less than nothing":              {Task: verify, Timeout: -engine.Second},
		"retry: -1 is not between":                       {Task: verify, Retry: -1},
		"retry: 101 is not between":                      {Task: verify, Retry: 101},
		"retry_pause: there is no retry":                 {Task: verify, RetryPause: engine.Second},
		"delegate_to: \"a b\" cannot name":               {Task: verify, DelegateTo: "a b"},
		"tags: \"a b\" cannot be a tag":                  {Task: change, Tags: []string{"a b"}},
		"tags: \"a\" cannot be a tag, or is there twice": {Task: change, Tags: []string{"a", "a"}},
		"tags: there are 21":                             {Task: change, Tags: make([]string, 21)},
	} {
		step.Name = "s"
		err := (&engine.Playbook{Name: "p", Steps: []engine.Step{step}}).Prepare(fstest.MapFS{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
}
