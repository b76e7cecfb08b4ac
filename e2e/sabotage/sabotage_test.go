// Package sabotage removes the safety steps of hcrun, one at a time, and holds that a named test notices each.
package sabotage

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/sabotage.md anew")

// sabotage is one safety step that is removed.
type sabotage struct {
	name     string
	removed  string // what no longer holds, in one sentence
	promise  string // that it belongs to
	file     string // of the product; a pattern where the step may stand in one of several
	old, new string // old stands there exactly once, in all of them together
	pkg      string // of the product, from its root
	test     string // that must fail, with its part where there is one: "TestOrder/replace"
}

// root is the product's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sabotaged is the file that has the safety step, and its text without it.
func (s sabotage) sabotaged(root string) (file string, text []byte, err error) {
	files, err := filepath.Glob(filepath.Join(root, s.file))
	found := 0
	for _, f := range files {
		all, err := os.ReadFile(f)
		if err != nil {
			return "", nil, err
		}
		if n := bytes.Count(all, []byte(s.old)); n > 0 {
			found += n
			file, text = f, bytes.Replace(all, []byte(s.old), []byte(s.new), 1)
		}
	}
	if err == nil && found != 1 {
		err = fmt.Errorf("%s has %q %d times, and not once: what is removed has to be found anew", s.file, s.old, found)
	}
	return file, text, err
}

// TestSabotage removes each safety step from a copy that nothing but the compiler sees, and runs the test that
// has to notice. That the test passes while nothing is removed is held by the product's own tests.
func TestSabotage(t *testing.T) {
	if testing.Short() {
		t.Skip("some minutes")
	}
	root := root(t)
	for _, s := range table {
		t.Run(s.name, func(t *testing.T) {
			file, text, err := s.sabotaged(root)
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.run(t, root, file, text)
			if regexp.MustCompile(`(?m)^ *--- SKIP: `).MatchString(out) && os.Getenv("CI") != "true" {
				t.Skipf("%s is skipped on this machine:\n%s", s.test, out)
			}
			if why := caught(s.test, out, err); why != nil {
				t.Errorf("%s\nnobody noticed: %v\n%s", s.removed, why, out)
			}
		})
	}
}

// run runs the test with text in the place of the file.
func (s sabotage) run(t *testing.T, root, file string, text []byte) (string, error) {
	t.Helper()
	dir := t.TempDir()
	instead, overlay := filepath.Join(dir, filepath.Base(file)), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{file: instead}})
	if err == nil {
		err = errors.Join(os.WriteFile(instead, text, 0o600), os.WriteFile(overlay, list, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "go", "test", "-overlay="+overlay, "-vet=off", "-count=1", "-timeout=5m", "-v", "-run", pattern(s.test), "./"+s.pkg)
	c.Dir = root
	// Some tests build hcrun themselves.
	c.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	out, err := c.CombinedOutput()
	return string(out), err
}

// pattern is what -run takes to run one test, or one part of it.
func pattern(test string) string {
	var all []string
	for _, part := range strings.Split(test, "/") {
		all = append(all, "^"+regexp.QuoteMeta(part)+"$")
	}
	return strings.Join(all, "/")
}

// other is output of a run that failed for another reason than a test that noticed something.
var other = regexp.MustCompile(`(?m)^(panic: .*|fatal error: .*|.*\[build failed\].*|.*\[setup failed\].*)`)

// caught returns nil when the output is that of a test that failed by itself.
func caught(test, out string, err error) error {
	_, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return fmt.Errorf("%s passes", test)
	case !ended:
		return err
	}
	if m := other.FindString(out); m != "" {
		return fmt.Errorf("this is not a test that failed: %s", m)
	}
	if !regexp.MustCompile(`(?m)^ *--- FAIL: ` + regexp.QuoteMeta(test) + ` \(`).MatchString(out) {
		return fmt.Errorf("%s is not what failed", test)
	}
	return nil
}

// TestCaught: what counts as noticed, and what does not.
func TestCaught(t *testing.T) {
	failed := exec.Command("go", "no-such-command").Run()
	for _, c := range []struct {
		out  string
		err  error
		want string // part of why it is not noticed, "" when it is
	}{
		{"=== RUN   TestX\n--- FAIL: TestX (0.00s)\nFAIL\n", failed, ""},
		{"--- FAIL: TestX (0.00s)\n    --- FAIL: TestX/part (0.00s)\nFAIL\n", failed, ""},
		{"--- PASS: TestX (0.00s)\nok\n", nil, "passes"},
		{"testing: warning: no tests to run\nPASS\n", nil, "passes"},
		{"--- FAIL: TestXY (0.00s)\nFAIL\n", failed, "is not what failed"},
		{"FAIL\tx [build failed]\n", failed, "build failed"},
		{"FAIL\tx [setup failed]\n", failed, "setup failed"},
		{"--- FAIL: TestX (0.00s)\npanic: x [recovered]\n", failed, "panic: x"},
		{"panic: test timed out after 5m0s\nrunning tests:\n\tTestX (5m0s)\n", failed, "timed out"},
		{"", os.ErrNotExist, "not exist"},
	} {
		switch why := caught("TestX", c.out, c.err); {
		case why == nil && c.want != "", why != nil && (c.want == "" || !strings.Contains(why.Error(), c.want)):
			t.Errorf("%q: %v, want %q", c.out, why, c.want)
		}
	}
	if got := pattern("TestX/a.b(c)"); got != `^TestX$/^a\.b\(c\)$` {
		t.Error(got)
	}
}

const page = "docs/sabotage.md"

// TestTable: every old text is there once, every test has a name that its package knows, and the page is current.
func TestTable(t *testing.T) {
	root := root(t)
	names := map[string]bool{}
	for _, s := range table {
		if names[s.name] {
			t.Errorf("two sabotages are named %q", s.name)
		}
		names[s.name] = true
		_, text, err := s.sabotaged(root)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if filepath.Ext(s.file) == ".sh" { // no compiler says that a script is none any more
			c := exec.Command("sh", "-n")
			c.Stdin = bytes.NewReader(text)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", s.name, err, out)
			}
		}
		if s.old == s.new || promises[s.promise] == "" || !strings.HasSuffix(s.removed, ".") {
			t.Errorf("%s is not whole", s.name)
		}
		if name, _, _ := strings.Cut(s.test, "/"); !declared(t, filepath.Join(root, s.pkg), name) {
			t.Errorf("%s: %s has no %s", s.name, s.pkg, name)
		}
	}
	if len(table) < 30 {
		t.Errorf("only %d sabotages", len(table))
	}
	want := document()
	if *update {
		if err := os.WriteFile(filepath.Join(root, page), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(root, page)); err != nil || string(got) != want {
		t.Errorf("%s is not current (%v): in e2e/, go test ./sabotage -run TestTable -update", page, err)
	}
}

// declared reports whether a package has a test of that name.
func declared(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err != nil {
			t.Fatal(err)
		} else if bytes.Contains(text, []byte("\nfunc "+name+"(")) {
			return true
		}
	}
	return false
}

// document is the page, made from the table.
func document() string {
	var b strings.Builder
	b.WriteString(intro)
	for _, id := range order {
		fmt.Fprintf(&b, "| %s | %s |\n", id, promises[id])
	}
	b.WriteString(middle)
	for _, id := range order {
		for _, s := range table {
			if s.promise == id {
				fmt.Fprintf(&b, "| %s | %s | `%s` %s |\n", strings.ReplaceAll(strings.TrimSuffix(s.removed, "."), "|", `\|`), s.promise, s.pkg, s.test)
			}
		}
	}
	return b.String()
}
