package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
)

// TestMakeGolden writes the golden journals of a new format, from runs on the lab: once for each format, with
//
//	HCRUN_GOLDEN=$PWD/engine/journal/testdata/v3 go test -count=1 -run TestMakeGolden ./cmd/hcrun/cli
//
// Those of an older format are never written again. What names this machine is replaced; the records are
// chained anew by the store, and secrets are sealed with a key that is made for them and lies beside them.
func TestMakeGolden(t *testing.T) {
	to := os.Getenv("HCRUN_GOLDEN")
	if to == "" {
		t.Skip("only when golden journals are made")
	}
	needLab(t)
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := journal.OpenStore(to)
	if err != nil {
		t.Fatal(err)
	}
	hcrun := binary(t)
	for _, run := range []struct {
		name string // what its id ends with
		do   func(*testing.T, *bench)
	}{
		{"land", func(t *testing.T, b *bench) { b.must(0, b.apply("master1")...) }},
		{"back", func(t *testing.T, b *bench) {
			b.must(0, b.apply("master1")...)
			b.must(0, "rollback", "master1", "--yes")
		}},
		{"died", diesInAWrite},
		{"seal", sealsASecret},
	} {
		b := newBench(t, hcrun)
		run.do(t, b)
		b.keepGolden(store, run.name)
	}
	for _, name := range []string{"mark", "lock"} {
		os.Remove(filepath.Join(to, name))
	}
}

// diesInAWrite kills the flagship while the manifest is on its way.
func diesInAWrite(t *testing.T, b *bench) {
	const manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	b.up()
	r := b.start(b.apply("master1")...)
	r.waits("the write has begun", func() bool { return b.begun("intent", manifest) })
	r.cmd.Process.Kill()
	<-r.done
	if b.begun("settled", manifest) {
		t.Fatal("it was too quick; once more")
	}
}

// sealsASecret applies what only a binary of the second format does: a secret, and a check that is repeated and
// looks at another node.
func sealsASecret(t *testing.T, b *bench) {
	dir := t.TempDir()
	b.playbook = filepath.Join(dir, "token.hcl")
	for name, text := range map[string]string{"token.txt": "not-a-real-token\n", "token.hcl": `
playbook "token" {
  hosts = "control_plane"
}
secret "token" {
  file = "token.txt"
}
task "scp" "token" {
  content     = "token: ${secret.token}\n"
  destination = "/etc/kubernetes/token.yaml"
  mode        = "0600"
}
task "http-check" "neighbour" {
  url         = "https://127.0.0.1:6443/readyz"
  passes      = 1
  delegate_to = "master2"
  retry       = 2
  retry_pause = "5s"
}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.must(0, b.apply("master1")...)
}

// keepGolden copies the one run of a bench to a store.
func (b *bench) keepGolden(to *journal.Store, name string) {
	t := b.t
	t.Helper()
	from, err := journal.OpenStore(b.state)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := from.IDs()
	if err != nil || len(ids) != 1 {
		t.Fatalf("%q, %v", ids, err)
	}
	events, err := from.Read(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	id := ids[0][:len(ids[0])-len(name)] + name
	elsewhere := strings.NewReplacer(ids[0], id, b.playbook, "/home/operator/site/playbooks/"+filepath.Base(b.playbook), b.inventory, "/home/operator/site/inventory.hcl", events[0].Opened.User, "operator@laptop")
	j, err := to.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, e := range events {
		for _, c := range namedBy(e) {
			in := engine.NewContent(c.Hash(), c.Size(), func(ctx context.Context) (io.ReadCloser, error) { return from.Blob(ctx, ids[0], c) })
			if _, err := os.Stat(filepath.Join(b.state, "runs", ids[0]+".blobs", c.Hash())); err != nil {
				in = in.Secret()
			}
			if err := j.Keep(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(elsewhere.Replace(string(text)))
		host, _ := os.Hostname()
		for _, here := range []string{repo(t), os.TempDir(), "@" + host, filepath.Dir(b.state)} {
			if bytes.Contains(text, []byte(here)) {
				t.Errorf("it names %s: %s", here, text)
			}
		}
		e = engine.Event{}
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	r, err := to.Verify(id)
	t.Logf("%s: %+v, %v", id, r, err)
}

// namedBy are the contents that an event promises.
func namedBy(e engine.Event) []engine.Content {
	var all []engine.Content
	for _, c := range engine.Changes(e.Planned) {
		for _, img := range []engine.Image{c.Before, c.After} {
			if img.Kind == engine.File && !img.AnyContent && !img.Content.IsZero() {
				all = append(all, img.Content)
			}
		}
	}
	if e.Opened != nil && e.Opened.Hidden != nil {
		all = append(all, *e.Opened.Hidden)
	}
	if e.Op != nil && e.Op.Blob != nil {
		all = append(all, *e.Op.Blob)
	}
	return all
}
