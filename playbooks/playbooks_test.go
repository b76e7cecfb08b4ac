package playbooks

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// write puts files, name and text alternating, into a folder and returns the first one's path.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, filepath.FromSlash(files[0]))
}

func load(t *testing.T, path string, o Options) *File {
	t.Helper()
	if o.Kinds == nil {
		o.Kinds = testKinds()
	}
	f, err := Load(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func master(n string) Node {
	return Node{Name: "master" + n, Address: "10.0.0." + n, FailureDomain: "rack-" + n, Groups: []string{"control_plane"}, Vars: map[string]any{"rack": "r" + n, "list": []any{"x", "y"}}}
}

const whole = `
playbook "whole" {
  description = "All there is."
  hosts       = "control_plane"
}
variable "days" {
  type    = number
  default = 14
}
locals {
  dir  = "/var/${local.base}"
  base = "log/${node.name}"
}
schedule {
  order   = ["master1", "master2"]
  soak    = "24h"
  per_day = 1
  window {
    days     = ["mon"]
    from     = "19:00"
    to       = "23:00"
    timezone = "America/New_York"
  }
}
gate "probe" "peers" {
  on         = "peers"
  url        = "https://x"
  on_failure = "eventful"
}
task "copy" "motd" {
  source      = "files/motd"
  destination = "${local.dir}/motd"
  mode        = "0640"
}
task "copy" "each" {
  for_each    = { b = "two", a = "one" }
  source      = "files/motd"
  destination = "/etc/${each.key}/${each.value}"
}
task "copy" "listed" {
  for_each    = node.vars.list
  source      = "files/motd"
  destination = "/etc/${each.value}"
}
task "copy" "other" {
  when        = node.name == "master2"
  source      = "files/${node.name}"
  destination = "/etc/other"
}
task "patch" "manifest" {
  path = "/etc/x.yaml"
  judge {}
  flags "spec.containers[name=x].command" {
    set = { maxage = var.days, on = true }
  }
}
task "probe" "ready" {
  url         = "https://${node.address}/${node.failure_domain}"
  timeout     = "90s"
  on_rollback = true
  on_failure  = "rollback"
}
`

func TestFor(t *testing.T) {
	f := load(t, write(t, "p.hcl", whole, "files/motd", "hi", "files/master2", "two"), Options{})
	if f.Name() != "whole" || f.Hosts() != "control_plane" || f.Description() != "All there is." || !filepath.IsAbs(f.Path()) {
		t.Errorf("%q %q %q %q", f.Name(), f.Hosts(), f.Description(), f.Path())
	}
	pb, err := f.For(master("1"))
	if err != nil {
		t.Fatal(err)
	}
	copyOf := func(dst string, mode engine.Mode) *copyTask {
		return &copyTask{Source: "files/motd", Destination: dst, Mode: mode, content: "hi"}
	}
	want := &engine.Playbook{
		Name: "whole", Description: "All there is.", Hosts: "control_plane",
		Schedule: engine.Schedule{Order: []string{"master1", "master2"}, Soak: 24 * engine.Hour, PerDay: 1,
			Windows: []engine.Window{{Days: []string{"mon"}, From: "19:00", To: "23:00", Zone: "America/New_York"}}},
		Gates: []engine.Gate{{Name: "peers", On: engine.Peers, Task: &probeTask{URL: "https://x"}, OnFailure: engine.Eventful}},
		Steps: []engine.Step{
			{Name: "motd", Task: copyOf("/var/log/master1/motd", 0o640)},
			{Name: "each[a]", Task: copyOf("/etc/a/one", 0)},
			{Name: "each[b]", Task: copyOf("/etc/b/two", 0)},
			{Name: "listed[x]", Task: copyOf("/etc/x", 0)},
			{Name: "listed[y]", Task: copyOf("/etc/y", 0)},
			{Name: "other", Task: &copyTask{}, Skip: true},
			{Name: "manifest", Task: &patchTask{Path: "/etc/x.yaml", Flags: []patchFlags{{At: "spec.containers[name=x].command", Set: map[string]string{"maxage": "14", "on": "true"}}}}},
			{Name: "ready", Task: &probeTask{URL: "https://10.0.0.1/rack-1", Timeout: 90 * engine.Second}, OnRollback: true},
		},
		Inputs: pb.Inputs,
	}
	if !reflect.DeepEqual(pb, want) {
		a, _ := json.MarshalIndent(pb, "", " ")
		b, _ := json.MarshalIndent(want, "", " ")
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
}

// TestInputs: the inputs are the same for every node, and change with the playbook, its files, variables
// and environment.
func TestInputs(t *testing.T) {
	text := whole + `
task "probe" "env" {
  url = env("URL")
}
`
	path := write(t, "p.hcl", text, "files/motd", "hi", "files/master2", "two")
	inputs := func(n string, o Options) map[string]string {
		t.Helper()
		if o.Env == nil {
			o.Env = env("URL", "https://a")
		}
		pb, err := load(t, path, o).For(master(n))
		if err != nil {
			t.Fatal(err)
		}
		return pb.Inputs
	}
	first := inputs("1", Options{})
	if got := slices.Sorted(maps.Keys(first)); !slices.Equal(got, []string{"environment URL", "file files/motd", "playbook", "variable days"}) {
		t.Error(got)
	}
	if again := inputs("2", Options{}); !maps.Equal(first, again) {
		t.Errorf("master2 has other inputs: %v", again)
	}
	for name, v := range first {
		if len(v) != 64 && !strings.HasPrefix(name, "environment ") {
			t.Errorf("%q is no hash", v)
		}
	}
	differs := func(name string, o Options) {
		t.Helper()
		now := inputs("1", o)
		for key := range first {
			if (first[key] != now[key]) != (key == name) {
				t.Errorf("after a change of %s: %s differs: %v", name, key, first[key] != now[key])
			}
		}
	}
	differs("variable days", Options{Vars: []string{"days=7"}})
	differs("environment URL", Options{Env: env("URL", "https://b")})
	dir := filepath.Dir(path)
	if err := os.WriteFile(filepath.Join(dir, "files/motd"), []byte("bye"), 0o600); err != nil {
		t.Fatal(err)
	}
	differs("file files/motd", Options{})
	if err := os.WriteFile(filepath.Join(dir, "files/motd"), []byte("hi"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text+"# more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	differs("playbook", Options{})
}

func TestPrecedence(t *testing.T) {
	const text = `
playbook "p" { hosts = "all" }
variable "v" {
  type    = string
  default = "default"
}
task "probe" "x" { url = var.v }
`
	path := write(t, "p.hcl", text, "one", `v = "one"`, "two", `v = "two"`)
	one, two := filepath.Join(filepath.Dir(path), "one"), filepath.Join(filepath.Dir(path), "two")
	set := env("HCRUN_VAR_v", "env")
	for _, c := range []struct {
		want string
		o    Options
	}{
		{"default", Options{}},
		{"env", Options{Env: set}},
		{"one", Options{Env: set, VarFiles: []string{one}}},
		{"two", Options{Env: set, VarFiles: []string{one, two}}},
		{"e", Options{Env: set, VarFiles: []string{one}, Vars: []string{"v=e"}}},
		{"last=e", Options{Vars: []string{"v=e", "v=last=e"}}},
		{"", Options{Vars: []string{"v="}}},
	} {
		pb, err := load(t, path, c.o).For(Node{Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		if got := pb.Steps[0].Task.(*probeTask).URL; got != c.want {
			t.Errorf("%q; want %q", got, c.want)
		}
	}
}

func TestValuesOfTheCommandLineByType(t *testing.T) {
	const text = `
playbook "p" { hosts = "all" }
variable "s" { type = string }
variable "n" { type = number }
variable "b" { type = bool }
variable "l" { type = list(string) }
variable "m" { type = map(number) }
variable "o" { type = object({ a = string, b = optional(number, 5) }) }
variable "untyped" { default = 3 }
variable "null" {
  type    = string
  default = null
}
task "probe" "x" {
  url    = "${var.s}/${var.o.a}/${var.o.b}/${var.m["k"]}/${var.untyped + 1}/${coalesce(var.null, "none")}"
  passes = var.n
  tls    = var.b
  args   = var.l
}
`
	f := load(t, write(t, "p.hcl", text), Options{Vars: []string{"s=1", "n=2", "b=true", `l=["a", "b"]`, `m={ k = 4 }`, `o={ a = "x" }`, "untyped=8"}})
	pb, err := f.For(Node{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := &probeTask{URL: "1/x/5/4/9/none", Passes: 2, TLS: &yes, Args: []string{"a", "b"}}
	if !reflect.DeepEqual(pb.Steps[0].Task, want) {
		t.Errorf("%#v", pb.Steps[0].Task)
	}
}

func TestRoot(t *testing.T) {
	const text = `
playbook "p" {
  hosts = "all"
  root  = ".."
}
task "copy" "x" {
  source      = "files/motd"
  destination = "/etc/${file("./files/motd")}"
}
`
	path := write(t, "books/p.hcl", text)
	files := filepath.Join(filepath.Dir(path), "..", "files")
	if err := os.MkdirAll(files, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(files, "motd"), []byte("hi"), 0o600); err != nil {
		t.Fatal(err)
	}
	pb, err := load(t, path, Options{}).For(Node{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	if got := pb.Steps[0].Task.(*copyTask).Destination; got != "/etc/hi" {
		t.Error(got)
	}
}

// TestJail: nothing outside the root is read, also not through a symbolic link; and a pipe does not
// make the reading wait.
func TestJail(t *testing.T) {
	path := write(t, "p.hcl", "", "files/motd", "hi")
	dir := filepath.Dir(path)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	files, err := openFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "../" + filepath.Base(dir) + "/files/motd", secret, ""} {
		_, err := files.Open(name)
		if p, ok := errors.AsType[*engine.Problem](err); !ok || p.Code != engine.Security {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := files.Open("files/../files/motd"); err != nil {
		t.Error(err)
	}
	if got := files.names(); !slices.Equal(got, []string{"files/motd"}) {
		t.Error(got)
	}
}

// TestCauses: the cause of a finding is kept beside its place.
func TestCauses(t *testing.T) {
	path := write(t, "p.hcl", `
playbook "p" { hosts = "all" }
task "copy" "x" {
  source      = "../motd"
  destination = "/etc/x"
}
`)
	_, err := Load(path, Options{Kinds: testKinds()})
	e, ok := errors.AsType[*lang.Error](err)
	if !ok {
		t.Fatal(err)
	}
	if p, ok := errors.AsType[*engine.Problem](errors.Join(e.Causes()...)); !ok || p.Code != engine.Security {
		t.Error(e.Causes())
	}
}

func TestExplain(t *testing.T) {
	path := write(t, "p.hcl", whole, "files/motd", "hi")
	f := load(t, path, Options{})
	field := func(name string) error { return &engine.FieldError{Field: name, Err: errors.New("bad")} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{&engine.StepError{Kind: "copy", Name: "motd", Err: errors.New("x")}, ":30:1\n  30 | task \"copy\" \"motd\" {"},
		{&engine.StepError{Kind: "copy", Name: "motd", Err: field("mode")}, ":33:17\n  33 |   mode        = \"0640\""},
		{&engine.StepError{Kind: "copy", Name: "each[a]", Err: field("nope")}, ":35:1\n"},
		{&engine.StepError{Kind: "patch", Name: "manifest", Err: field("flags")}, ":53:3\n"},
		{&engine.StepError{Kind: "patch", Name: "manifest", Err: field("flags.set")}, ":54:11\n"},
		{&engine.StepError{Kind: "patch", Name: "manifest", Err: field("flags[0].set")}, ":54:11\n"},
		{&engine.StepError{Kind: "probe", Name: "peers", Gate: true, Err: field("url")}, ":27:16\n"},
		{&engine.StepError{Kind: "probe", Name: "gone", Err: errors.New("x")}, ""},
		{errors.New("x"), ""},
	} {
		got := f.Explain(errors.Join(errors.New("around"), c.err))
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%v: %q; want %q", c.err, got, c.want)
		}
	}
}

// TestMissing: what is no playbook file is said as such.
func TestMissing(t *testing.T) {
	for path, want := range map[string]string{"testdata": "is a folder", "testdata/none.hcl": "there is no such file"} {
		_, err := Load(path, Options{})
		if _, ok := errors.AsType[*lang.Error](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	big := filepath.Join(t.TempDir(), "big.hcl")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 50<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, Options{}); err == nil || !strings.Contains(err.Error(), "larger than 1024 KiB") {
		t.Error(err)
	}
}

// TestManyLocals: a long chain of locals is bounded and does not hang.
func TestManyLocals(t *testing.T) {
	var b strings.Builder
	b.WriteString("playbook \"p\" { hosts = \"all\" }\nlocals {\n")
	for i := range 3000 {
		b.WriteString("a" + strings.Repeat("b", i%7) + "_" + string(rune('a'+i%26)) + strings.Repeat("c", i/26) + " = 1\n")
	}
	b.WriteString("}\n")
	_, err := Load(write(t, "p.hcl", b.String()), Options{Kinds: testKinds()})
	if err == nil || !strings.Contains(err.Error(), "more than 1000 locals") {
		t.Errorf("%.300v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(whole, "days=3")
	broken, _ := filepath.Glob("testdata/broken/*.hcl")
	for _, path := range broken {
		if b, err := os.ReadFile(path); err == nil && len(b) < 4000 {
			f.Add(string(b), "a=b")
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, arg string) {
		path := filepath.Join(dir, "p.hcl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Load(path, Options{Kinds: testKinds(), Vars: []string{arg}})
		if err == nil {
			_, err = file.For(master("1"))
		}
		if _, ok := errors.AsType[*lang.Error](err); err != nil && (!ok || err.Error() == "") {
			t.Errorf("%#v", err)
		}
	})
}
