package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hcrun/hcrun/engine/lab"
)

// bench is a lab of its own, quicker than the stock one, and the binary to run against it.
type bench struct {
	t         testing.TB
	hcrun     string
	state     string
	inventory string
	playbook  string
}

const benchInventory = `
lab {
  pace = 40
}
host "master1" {
  switch = "weak"
}
host "master2" {
  switch = "weak"
}
host "master3" {
  switch = "weak"
}
group "control_plane" {
  hosts = ["master1", "master2", "master3"]
}
`

func newBench(t testing.TB, hcrun string) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, hcrun: hcrun, state: filepath.Join(dir, "state"), inventory: filepath.Join(dir, "inventory.hcl"), playbook: filepath.Join(repo(t), "playbooks", "audit-5p.hcl")}
	if err := os.WriteFile(b.inventory, []byte(benchInventory), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Down(context.Background(), b.labDir()) })
	return b
}

func (b *bench) labDir() string { return filepath.Join(b.state, "lab") }

// command is hcrun with these arguments, not started yet.
func (b *bench) command(args ...string) *exec.Cmd {
	c := exec.Command(b.hcrun, args...)
	c.Env = append(os.Environ(), "HCRUN_STATE="+b.state, "TMPDIR="+os.TempDir())
	return c
}

// run returns the exit code and all output.
func (b *bench) run(args ...string) (int, string) {
	b.t.Helper()
	var out bytes.Buffer
	c := b.command(args...)
	c.Stdout, c.Stderr = &out, &out
	return b.exit(c.Run()), out.String()
}

func (b *bench) exit(err error) int {
	b.t.Helper()
	if err == nil {
		return 0
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		b.t.Fatal(err)
	}
	if exit.Sys().(syscall.WaitStatus).Signaled() {
		return -1
	}
	return exit.ExitCode()
}

// must runs a command that has to end with a code.
func (b *bench) must(code int, args ...string) string {
	b.t.Helper()
	got, out := b.run(args...)
	if got != code {
		b.t.Fatalf("hcrun %s ended with %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// apply is the command line of the flagship on one node.
func (b *bench) apply(node string, more ...string) []string {
	return append([]string{"apply", b.playbook, "-i", b.inventory, "--limit", node, "--yes"}, more...)
}

// up starts the lab without a run.
func (b *bench) up() {
	b.t.Helper()
	b.must(0, "validate", b.playbook, "-i", b.inventory)
}

func (b *bench) root(node string) string {
	b.t.Helper()
	s, err := lab.Read(context.Background(), b.labDir())
	if err != nil {
		b.t.Fatal(err)
	}
	return rootOf(s, node)
}

func (b *bench) digest(node string) string {
	b.t.Helper()
	text, err := treeDigest(b.root(node))
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// build builds hcrun, once for all tests.
var build = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(scratch, "hcrun")
	if out, err := exec.Command("go", "build", "-o", path, "../").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// binary is hcrun as it is built.
func binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// difference is the lines that two digests do not share.
func difference(a, b string) string {
	var out strings.Builder
	for line := range strings.Lines(a) {
		if !strings.Contains(b, line) {
			fmt.Fprint(&out, "- ", line)
		}
	}
	for line := range strings.Lines(b) {
		if !strings.Contains(a, line) {
			fmt.Fprint(&out, "+ ", line)
		}
	}
	return out.String()
}
