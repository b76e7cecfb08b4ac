package trial

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/fake"
	"github.com/hcrun/hcrun/playbooks/lang"
	"github.com/hcrun/hcrun/tasks"
)

var update = flag.Bool("update", false, "write the golden files")

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func load(t *testing.T, path string, o Options) *File {
	t.Helper()
	f, err := Load(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestBroken reads every test file below testdata/broken and compares what is said of it; some are only
// found to be wrong when they are run.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*" + Suffix)
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), Suffix)
		t.Run(name, func(t *testing.T) {
			said := broken(t, path)
			if len(said) == 0 {
				t.Fatal("nothing was said of it")
			}
			compare(t, "testdata/broken/"+name+".golden", strings.Join(said, "\n")+"\n")
		})
	}
}

func broken(t *testing.T, path string) (said []string) {
	f, err := Load(path, Options{})
	if err != nil {
		if _, ok := errors.AsType[*lang.Error](err); !ok {
			t.Errorf("%v is no finding", err)
		}
		return []string{err.Error()}
	}
	defer f.Close()
	for _, one := range f.Tests {
		if r := one.Run(t.Context(), Options{Kinds: tasks.All()}); r.Bad != nil {
			said = append(said, r.Bad.Error())
		}
	}
	return said
}

// TestPasses: the stock playbook's tests, and one of every sort.
func TestPasses(t *testing.T) {
	for _, path := range []string{"../audit-5p.test.hcl", "testdata/passes.test.hcl"} {
		f := load(t, path, Options{})
		if len(f.Tests) < 10 {
			t.Errorf("%s has only %d tests", path, len(f.Tests))
		}
		for _, one := range f.Tests {
			t.Run(one.Name, func(t *testing.T) {
				r := one.Run(t.Context(), Options{Kinds: tasks.All()})
				if r.Bad != nil {
					t.Error(r.Bad)
				}
				for _, failure := range r.Failures {
					t.Error(failure)
				}
			})
		}
	}
}

// TestFails: every test of the file fails, in these words.
func TestFails(t *testing.T) {
	var b strings.Builder
	for _, one := range load(t, "testdata/fails.test.hcl", Options{}).Tests {
		r := one.Run(t.Context(), Options{Kinds: tasks.All()})
		if len(r.Failures) == 0 || r.Bad != nil {
			t.Errorf("%s: %v, %v", one.Name, r.Failures, r.Bad)
		}
		b.WriteString("== " + one.Name + "\n")
		for _, failure := range r.Failures {
			b.WriteString(failure.String() + "\n")
		}
	}
	compare(t, "testdata/fails.golden", b.String())
}

// TestUpdate: --update writes the expected diff, once, and nothing else.
func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"p.hcl": "playbook \"p\" { hosts = \"all\" }\ntask \"touch\" \"x\" {\n  path = \"/etc/x\"\n  mode = \"0600\"\n}\n",
		"p.test.hcl": `test "a" {
  playbook = "p.hcl"
  node "n" { files = {} }
  expect { diff = file("golden/p.diff") }
}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden := filepath.Join(dir, "golden", "p.diff")
	for round, want := range []string{golden, ""} {
		o := Options{Kinds: tasks.All(), Update: true}
		r := load(t, filepath.Join(dir, "p.test.hcl"), o).Tests[0].Run(t.Context(), o)
		if r.Bad != nil || len(r.Failures) > 0 || r.Wrote != want {
			t.Errorf("round %d: %+v", round, r)
		}
	}
	r := load(t, filepath.Join(dir, "p.test.hcl"), Options{}).Tests[0].Run(t.Context(), Options{Kinds: tasks.All()})
	if len(r.Failures) > 0 {
		t.Error(r.Failures)
	}
	got, err := os.ReadFile(golden)
	if want := "touch.x: create /etc/x\n  before: absent\n  after:  file 0600 0:0, any content\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
}

// restless is a task that always finds something to do, and one that is refused the second time.
type restless struct {
	Path string `hcl:"path" json:"path"`
	Once bool   `hcl:"once,optional" json:"once,omitempty"`
}

func (*restless) Kind() string { return "restless" }

func (r *restless) Plan(ctx context.Context, look engine.Look) ([]engine.Change, error) {
	images, err := look(ctx, r.Path)
	if err != nil {
		return nil, err
	}
	var was []byte
	if images[0].Kind == engine.File {
		if was, err = images[0].Content.Read(ctx, 1<<20); err != nil {
			return nil, err
		}
		if r.Once {
			return nil, errors.New("it is there already")
		}
	}
	return []engine.Change{{At: r.Path, Before: images[0], After: engine.Image{Kind: engine.File, Mode: 0o600, Content: engine.Bytes(append(was, "once more\n"...))}}}, nil
}

// TestRules: what holds for every test is held for tasks that break it.
func TestRules(t *testing.T) {
	kinds := append(tasks.All(), engine.Kind{Name: "restless", New: func() engine.Task { return &restless{} }})
	dir := t.TempDir()
	for field, want := range map[string]string{"": "a second apply would change something again", "once = true": "a second apply is refused: restless.r: it is there already"} {
		for name, text := range map[string]string{
			"p.hcl":      "playbook \"p\" { hosts = \"all\" }\ntask \"restless\" \"r\" {\n  path = \"/etc/x\"\n" + field + "\n}\n",
			"p.test.hcl": "test \"a\" {\n  playbook = \"p.hcl\"\n  node \"n\" {}\n  expect { order = [\"restless.r\"] }\n}\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := load(t, filepath.Join(dir, "p.test.hcl"), Options{}).Tests[0].Run(t.Context(), Options{Kinds: kinds})
		if len(r.Failures) != 1 || !strings.HasPrefix(r.Failures[0].What, want) {
			t.Errorf("%q: %v, %v", field, r.Failures, r.Bad)
		}
	}
}

// TestBack: a node that a rollback, or a refusal, leaves otherwise than it was is a failure.
func TestBack(t *testing.T) {
	f := load(t, "testdata/passes.test.hcl", Options{})
	c := &carrying{Test: f.Tests[0], kinds: tasks.All(), script: newScript(f.Tests[0].given, tasks.All())}
	n, err := c.given.Node.build()
	if err != nil {
		t.Fatal(err)
	}
	step := engine.PlannedStep{Kind: "scp", Name: "x", Changes: []engine.Change{{At: "/etc/x", Before: engine.Image{Kind: engine.Absent},
		After: engine.Image{Kind: engine.File, Mode: 0o600, Content: engine.Bytes([]byte("x"))}}}}
	carried := func() (*engine.Engine, *engine.Run) {
		n.Journal = &fake.Journal{}
		e := &engine.Engine{Journal: n.Journal, Clock: c.clock()}
		r, err := e.Open(t.Context(), "r", engine.Opened{Node: "n"}, []engine.PlannedStep{step})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Apply(t.Context(), n, r); err != nil {
			t.Fatal(err)
		}
		return e, r
	}
	before := n.Digest()
	e, r := carried()
	if c.back(t.Context(), e, n, r, before); c.broken != nil {
		t.Error(c.broken)
	}
	e, r = carried()
	c.back(t.Context(), e, n, r, "another node\n")
	e, r = carried()
	if err := n.WriteFile("/etc/x", []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.back(t.Context(), e, n, r, before)
	if len(c.broken) != 2 || !strings.HasPrefix(c.broken[0], "a rollback does not give the node back") || !strings.HasPrefix(c.broken[1], "it cannot be rolled back") {
		t.Errorf("%q", c.broken)
	}
}

// TestSecrets: what is secret is compared, and never shown.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	const secret = "c2VjcmV0IGtleQ"
	for name, text := range map[string]string{
		"p.hcl": "playbook \"p\" { hosts = \"all\" }\ntask \"scp\" \"key\" {\n  content = \"" + secret + "\"\n  destination = \"/etc/tls.key\"\n  mode = \"0600\"\n}\n",
		"p.test.hcl": `test "a" {
  playbook = "p.hcl"
  node "n" { files = { "/etc/motd" = "" } }
  expect {
    diff = "none"
    change "/etc/tls.key" {
      equals   = "x"
      contains = ["y"]
    }
  }
}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := load(t, filepath.Join(dir, "p.test.hcl"), Options{}).Tests[0].Run(t.Context(), Options{Kinds: tasks.All()})
	b, err := json.Marshal(r.Failures)
	if err != nil || len(r.Failures) != 3 || strings.Contains(string(b), secret) || strings.Contains(r.Failures[0].String()+r.Failures[1].String()+r.Failures[2].String(), secret) {
		t.Errorf("%s, %v", b, err)
	}
}

// FuzzLoad: whatever is in a test file is met with findings, or run, but never with a panic.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*" + Suffix, "testdata/broken/*" + Suffix} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			b, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(b))
		}
	}
	dir := f.TempDir()
	book, err := os.ReadFile("testdata/playbook.hcl")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "playbook.hcl"), book, 0o600)
	}
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, "x"+Suffix)
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Load(path, Options{Kinds: tasks.All()})
		if err != nil {
			if _, ok := errors.AsType[*lang.Error](err); !ok || err.Error() == "" {
				t.Errorf("%#v", err)
			}
			return
		}
		defer file.Close()
		for _, one := range file.Tests {
			if r := one.Run(t.Context(), Options{Kinds: tasks.All()}); r.Bad != nil && r.Bad.Error() == "" {
				t.Errorf("%#v", r.Bad)
			}
		}
	})
}
