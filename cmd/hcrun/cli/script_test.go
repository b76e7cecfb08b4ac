package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hcrun/hcrun/engine/lab"
	"github.com/hcrun/hcrun/tasks"
)

func TestMain(m *testing.M) {
	if code, ok := lab.Child(os.Args); ok {
		os.Exit(code)
	}
	testscript.Main(suite{m}, map[string]func(){"hcrun": func() { Main(tasks.All()...) }})
}

// suite is all tests of this package. Two of them at a time for each processor, unless -parallel says otherwise: a lab
// waits half of its time.
type suite struct{ m *testing.M }

// scratch is a folder for what all tests share.
var scratch string

// Run makes scratch and takes it away.
func (s suite) Run() int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	}
	var err error
	if scratch, err = os.MkdirTemp("", "hcrun-tests-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return s.m.Run()
}

// repo is the root of the source tree.
func repo(t testing.TB) string {
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestScripts runs testdata/script: each has a state folder and so a lab of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	needLab(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			state := filepath.Join(e.WorkDir, "state")
			e.Setenv("HCRUN_STATE", state)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("PLAYBOOK", filepath.Join(repo(t), "playbooks", "audit-5p.hcl"))
			e.Setenv("LAB", filepath.Join(repo(t), "inventory", "lab.hcl"))
			e.Setenv("REPO", repo(t))
			e.Setenv("LOKI_ADDR", "http://127.0.0.1:1") // a lab has its own
			e.Defer(func() { lab.Down(context.Background(), filepath.Join(state, "lab")) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":        exits,
			"digest":       digestCmd,
			"until":        until,
			"onnode":       onNode,
			"sshinventory": sshInventory,
			"jumphost":     jumpHost,
		},
	})
}

// exits runs a command that has to end with the given status: exits 10 hcrun apply ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Check(err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("ended with status %d, want %d", got, want)
	}
}

// digestCmd writes the digest of a lab node's tree to a file: digest master1 FILE
func digestCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: digest NODE FILE")
	}
	text, err := treeDigest(nodeRoot(ts, args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// onNode runs a shell command in the folder that is a lab node's root: onnode master1 'echo >> etc/x'
func onNode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: onnode NODE COMMAND")
	}
	c := exec.Command("sh", "-c", args[1])
	c.Dir = nodeRoot(ts, args[0])
	if out, err := c.CombinedOutput(); err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
}

// until polls a file that a background command writes: until FILE TEXT
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE TEXT")
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(b), args[1]) {
			return
		}
	}
	ts.Fatalf("%s does not say %q within a minute", args[0], args[1])
}

// sshInventory writes inv.hcl, which reaches the lab's nodes as ordinary hosts: with an address, a port,
// a key file and known hosts of its own; and other_hosts, which knows other keys for them.
func sshInventory(ts *testscript.TestScript, neg bool, args []string) {
	s, err := lab.Read(context.Background(), filepath.Join(ts.Getenv("HCRUN_STATE"), "lab"))
	ts.Check(err)
	text := fmt.Sprintf("defaults {\n  identity_files = [%q]\n  known_hosts = [\"known_hosts\"]\n}\n", s.Identity)
	others := ""
	var names []string
	for _, n := range s.Nodes {
		others += fmt.Sprintf("[%s]:%d ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n", n.Host, n.Port)
		text += fmt.Sprintf("host %q {\n  address = %q\n  port = %d\n}\n", n.Name, n.Host, n.Port)
		names = append(names, strconv.Quote(n.Name))
	}
	text += fmt.Sprintf("group \"control_plane\" {\n  hosts = [%s]\n}\n", strings.Join(names, ", "))
	ts.Check(os.WriteFile(ts.MkAbs("other_hosts"), []byte(others), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("inv.hcl"), []byte(text), 0o600))
}

func nodeRoot(ts *testscript.TestScript, node string) string {
	s, err := lab.Read(context.Background(), filepath.Join(ts.Getenv("HCRUN_STATE"), "lab"))
	ts.Check(err)
	return rootOf(s, node)
}

func rootOf(s *lab.Status, node string) string {
	for _, n := range s.Nodes {
		if n.Name == node {
			return n.Root
		}
	}
	return filepath.Join("no such node", node)
}

// treeDigest lists what a change may touch on a node: path, mode, owner and content of everything
// below etc, root and var, but for logs, which are kept, and the simulated kubelet's own files.
func treeDigest(root string) (string, error) {
	script := `find etc root var \( -path var/log -o -path var/lib/hcrun -o -path etc/alternatives \) -prune -o -printf '%p %y %m %U:%G %l\n' -type f -exec sha256sum {} + | LC_ALL=C sort`
	c := exec.Command("sh", "-c", script)
	c.Dir = root
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, errs.String())
	}
	return string(out), nil
}

// oneLab starts and ends a lab, once for all tests.
var oneLab = sync.OnceValue(func() error {
	dir := filepath.Join(scratch, "lab")
	_, err := lab.Up(context.Background(), lab.Options{Dir: dir, Nodes: []string{"master1"}, Pace: 100})
	if err == nil {
		err = lab.Down(context.Background(), dir)
	}
	return err
})

// needLab skips where no lab can run; CI has to be able to.
func needLab(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts labs; not with -short")
	}
	err := oneLab()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no lab here: %v", err)
	}
	t.Skipf("no lab here: %v", err)
}
