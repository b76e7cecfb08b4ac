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

// TestSecretsStaySecretWhereverTheyGo: the bytes of a secret path are not shown at another path either.
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
	if !steps[0].Changes[0].Secret || !steps[0].Changes[0].Inverse().Secret || steps[1].Changes[0].Secret {
		t.Errorf("secret: %v and %v, want true and false", steps[0].Changes[0].Secret, steps[1].Changes[0].Secret)
	}
}
