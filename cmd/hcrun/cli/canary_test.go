package cli

import (
	"archive/zip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
)

// canaries are the secrets of the test, one for each place that a secret can come from.
func canaries() map[string]string {
	return map[string]string{
		"file": `canary-File"1\x<&>`, "command": "canary-Command+2/=?", "age": "canary-Age%3 äöü",
		"varfile": "canary-VarFile#4", "function": "canary-Function$5",
	}
}

const canaryPlaybook = `
playbook "canary" {
  hosts = "control_plane"
}
variable "varfile" {
  type      = string
  sensitive = true
}
variable "ok" {
  type    = bool
  default = true
}
secret "file" {
  file = "file.secret"
}
secret "command" {
  command = ["cat", "command.secret"]
}
secret "age" {
  age      = "sealed.age"
  identity = "identity"
}
locals {
  all = "${secret.file}\n${secret.command}\n${secret.age}\n${var.varfile}\n${sensitive(file("function.secret"))}\n"
}
task "scp" "inline" {
  content     = local.all
  destination = "/root/inline.conf"
}
task "scp" "template" {
  template    = "template.conf"
  vars        = { all = local.all, plain = "in the open" }
  destination = "/root/template.conf"
}
task "scp" "encoded" {
  content     = base64encode("xx${local.all}")
  destination = "/root/encoded.conf"
}
task "scp" "doc" {
  content     = "settings:\n  plain: open\n"
  destination = "/root/doc.yaml"
}
task "yaml-patch" "doc" {
  path = "/root/doc.yaml"
  set "settings.hidden" {
    value = secret.file
  }
}
task "backup" "copy" {
  path = "/root/inline.conf"
  to   = "/root/copy.conf"
}
task "assert" "told" {
  command = ["head", "-n", "9", "/root/inline.conf"]
  output  = var.ok ? "canary" : "never there"
  after   = true
}
`

// canaryFolder is a playbook whose every sensitive place holds a canary.
func canaryFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var sealed strings.Builder
	w, err := age.Encrypt(&sealed, key.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, canaries()["age"])
	w.Close()
	write("identity", key.String()+"\n")
	write("sealed.age", sealed.String())
	write("file.secret", canaries()["file"]+"\n")
	write("command.secret", canaries()["command"]+"\n")
	write("function.secret", canaries()["function"])
	write("vars", fmt.Sprintf("varfile = %q\n", canaries()["varfile"]))
	write("bad.vars", fmt.Sprintf("ok = %q\n", canaries()["varfile"]))
	write("template.conf", "{{ .plain }}\n{{ .all }}\n")
	write("p.hcl", strings.ReplaceAll(canaryPlaybook, "command.secret", filepath.Join(dir, "command.secret")))
	write("bad.hcl", strings.Replace(canaryPlaybook, `"/root/inline.conf"`, `"/root/${secret.file}"`, 1)+"locals { n = parseint(secret.command, 10) }\n")
	write("default.hcl", strings.Replace(canaryPlaybook, "sensitive = true", "sensitive = true\n  default = \""+canaries()["varfile"]+"\"\n  validation {\n    condition = var.varfile == \"\"\n    error_message = \"not ${var.varfile}\"\n  }", 1))
	return dir
}

// found names the canaries that are in a text, in whichever form.
func found(text string) []string {
	var all []string
	for name, c := range canaries() {
		j, _ := json.Marshal(c)
		forms := []string{c, strings.Trim(string(j), `"`), strings.Trim(strconv.Quote(c), `"`), url.QueryEscape(c), url.PathEscape(c),
			hex.EncodeToString([]byte(c)), strings.ToUpper(hex.EncodeToString([]byte(c)))}
		for before := range 3 { // what is before and behind it changes the first and last letters of base64
			b64 := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + c))
			forms = append(forms, b64[4:len(b64)-4], strings.NewReplacer("+", "-", "/", "_").Replace(b64[4:len(b64)-4]))
		}
		for _, f := range forms {
			if strings.Contains(text, f) {
				all = append(all, name+" as "+f)
			}
		}
	}
	return all
}

// watchProcesses collects the command lines and environments of all processes until stop is called.
func watchProcesses() (stop func() string) {
	var seen sync.Map
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			files, _ := filepath.Glob("/proc/[0-9]*/*")
			for _, f := range files {
				if base := filepath.Base(f); base == "cmdline" || base == "environ" {
					if b, err := os.ReadFile(f); err == nil {
						seen.Store(string(b), f)
					}
				}
			}
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() string {
		close(done)
		<-ended
		var all strings.Builder
		seen.Range(func(text, _ any) bool {
			all.WriteString(text.(string) + "\n")
			return true
		})
		return all.String()
	}
}

func newestChanged(store *journal.Store) (*engine.Run, error) {
	all, err := runs(store)
	for _, r := range slices.Backward(all) {
		if r.Changed {
			return r, err
		}
	}
	return nil, errors.Join(err, errors.New("there is none"))
}

// TestCanary: secrets in every place that may hold one appear in no output, file, argument or environment,
// whatever becomes of the run.
func TestCanary(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	dir := canaryFolder(t)
	p := filepath.Join(dir, "p.hcl")
	with := func(more ...string) []string {
		return append([]string{"-i", b.inventory, "--limit", "master1"}, more...)
	}
	vars := []string{"--var-file", filepath.Join(dir, "vars")}
	check := func(code int, args ...string) {
		t.Helper()
		if f := found(b.must(code, args...)); len(f) > 0 {
			t.Errorf("hcrun %s shows %q", strings.Join(args, " "), f)
		}
	}
	apply := func(p string, more ...string) []string {
		return append(append(append([]string{"apply", p}, with()...), vars...), more...)
	}
	stop := watchProcesses()
	check(2, apply(filepath.Join(dir, "bad.hcl"), "--yes")...)
	check(2, "validate", filepath.Join(dir, "default.hcl"), "-i", b.inventory)
	check(2, append(apply(p, "--yes"), "--var-file", filepath.Join(dir, "bad.vars"))...)
	check(0, apply(p, "--plan")...)
	check(0, apply(p, "--plan", "--json")...)
	plan := filepath.Join(t.TempDir(), "plan")
	check(0, apply(p, "--plan", "--out", plan)...)
	check(21, apply(p, "--yes", "-e", "ok=false")...) // what the check says quotes the file
	check(0, "show", "master1")
	check(0, "show", "master1", "--json")
	check(0, "ack", "master1", "--reason", "seen")
	check(0, "apply", plan, "--yes")
	for want, name := range map[string]string{
		canaries()["file"] + "\n" + canaries()["command"]: "inline.conf", "in the open\n" + canaries()["file"]: "template.conf",
	} {
		if text, err := os.ReadFile(filepath.Join(b.root("master1"), "root", name)); err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s on the node is %q, %v", name, text, err)
		}
	}
	check(0, apply(p, "--yes")...) // nothing to change
	check(0, "rollback", "master1", "--plan")
	check(0, "show", "master1", "--json")
	check(0, "history", "--json")
	if f := found(stop()); len(f) > 0 {
		t.Errorf("a process's arguments or environment hold %q", f)
	}
	// A later process hides the same.
	store, err := journal.OpenStore(b.state)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newestChanged(store)
	if err != nil {
		t.Fatal(err)
	}
	later := &app{veil: &engine.Veil{}}
	if err := later.unveil(t.Context(), store, r); err != nil {
		t.Fatal(err)
	}
	for _, c := range canaries() {
		if got := later.veil.Text(c); got != engine.Hidden {
			t.Errorf("after a crash, %q would be shown as %q", c, got)
		}
	}
	unzipped := t.TempDir()
	archive, err := zip.OpenReader(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(unzipped, archive); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{b.state, unzipped} {
		filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && path == b.labDir() {
				return filepath.SkipDir // the nodes
			}
			if text, err := os.ReadFile(path); err == nil && len(found(string(text))) > 0 {
				t.Errorf("%s holds %q", path, found(string(text)))
			}
			return nil
		})
	}
}
