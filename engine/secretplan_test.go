package engine_test

import (
	"context"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// copyOf copies one path to another, as a backup does.
type copyOf struct{ from, to string }

func (copyOf) Kind() string { return "copy" }
func (c copyOf) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	images, err := look(ctx, c.from, c.to)
	if err != nil {
		return nil, err
	}
	return []engine.Change{{At: c.to, Before: images[1], After: images[0]}}, nil
}

// put makes a file hold a text.
type put struct{ at, text string }

func (put) Kind() string { return "put" }
func (p put) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	images, err := look(ctx, p.at)
	if err != nil {
		return nil, err
	}
	return []engine.Change{{At: p.at, Before: images[0], After: engine.Image{Kind: engine.File, Mode: 0o644, Content: engine.Bytes([]byte(p.text))}}}, nil
}

func plan(t *testing.T, look engine.Look, steps ...engine.Step) []engine.PlannedStep {
	t.Helper()
	planned, err := engine.Plan(t.Context(), &engine.Playbook{Steps: steps}, look)
	if err != nil {
		t.Fatal(err)
	}
	return planned
}

// TestSecretsStaySecretWhereverTheyGo: the bytes of a secret path are not shown at another path either, and
// nothing of a path that a sensitive step has to do with, whatever other steps make of it.
func TestSecretsStaySecretWhereverTheyGo(t *testing.T) {
	tree := map[string]engine.Image{
		"/etc/kubernetes/pki/sa.key": {Kind: engine.File, Mode: 0o600, Content: engine.Bytes([]byte("key"))},
		"/etc/motd":                  {Kind: engine.File, Mode: 0o644, Content: engine.Bytes([]byte("hello"))},
	}
	look := func(_ context.Context, paths ...string) ([]engine.Image, error) {
		images := make([]engine.Image, len(paths))
		for i, at := range paths {
			if img, ok := tree[at]; ok {
				images[i] = img
			} else {
				images[i] = engine.Image{Kind: engine.Absent}
			}
		}
		return images, nil
	}
	pb := &engine.Playbook{Steps: []engine.Step{
		{Name: "a", Task: copyOf{"/etc/kubernetes/pki/sa.key", "/root/a"}},
		{Name: "b", Task: copyOf{"/etc/motd", "/root/b"}},
	}}
	steps, err := engine.Plan(t.Context(), pb, look)
	if err != nil {
		t.Fatal(err)
	}
	steps = append(steps, plan(t, look, engine.Step{Name: "k", Task: put{"/etc/app", "password"}, Sensitive: true}, engine.Step{Name: "l", Task: put{"/etc/app", "password and more"}},
		engine.Step{Name: "m", Task: put{"/etc/app", "and more"}}, engine.Step{Name: "n", Task: copyOf{"/etc/app", "/root/app"}})...)
	steps = append(steps, plan(t, look, engine.Step{Name: "o", Task: put{"/etc/motd", "hello"}, Sensitive: true}, engine.Step{Name: "p", Task: put{"/etc/motd", "hello you"}})...)
	for _, s := range steps[2:] {
		for _, c := range s.Changes {
			if !c.Secret {
				t.Errorf("%s shows %s", s.Name, c.At)
			}
		}
	}
	if !steps[0].Changes[0].Secret || !steps[0].Changes[0].Inverse().Secret || steps[1].Changes[0].Secret {
		t.Errorf("secret: %v and %v, want true and false", steps[0].Changes[0].Secret, steps[1].Changes[0].Secret)
	}
}
