package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// bench is the team's binary, built, and a lab of its own.
type bench struct {
	t     *testing.T
	hcrun string
	env   []string
}

// newBench builds the binary and starts its lab; where no lab can run the test is skipped, but under CI.
func newBench(t *testing.T) *bench {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a lab; not with -short")
	}
	dir := t.TempDir()
	b := &bench{t: t, env: append(os.Environ(), "HCRUN_STATE="+filepath.Join(dir, "state"), "HOME="+dir)}
	b.hcrun = b.build(".")
	t.Cleanup(func() { b.run("lab", "down") })
	code, out := b.run("validate", "playbooks/kernel-limits.hcl", "-i", "inventory/lab.hcl") // starts it
	switch {
	case code == 0:
	case os.Getenv("CI") == "true" && runtime.GOOS == "linux":
		t.Fatalf("no lab here: %s", out)
	default:
		t.Skipf("no lab here: %s", out)
	}
	return b
}

// build is the binary of a package.
func (b *bench) build(pkg string) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "hcrun")
	if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		b.t.Fatalf("%v: %s", err, out)
	}
	return path
}

// run returns the exit code and all output.
func (b *bench) run(args ...string) (int, string) {
	b.t.Helper()
	c := exec.Command(b.hcrun, args...)
	c.Env = b.env
	out, err := c.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return 0, string(out)
}

// must runs a command that has to end with a code and say these words.
func (b *bench) must(code int, line string, words ...string) string {
	b.t.Helper()
	got, out := b.run(strings.Fields(line)...)
	if got != code {
		b.t.Fatalf("hcrun %s ended with %d, want %d:\n%s", line, got, code, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			b.t.Errorf("hcrun %s does not say %q:\n%s", line, w, out)
		}
	}
	return out
}

// running is what this machine's kernel, which the lab's masters share, has for vm.max_map_count.
func running(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil {
		t.Skipf("no kernel to ask: %v", err)
	}
	return string(bytes.TrimSpace(b))
}

// TestOnTheLab carries the playbook out, from its file and from the binary.
func TestOnTheLab(t *testing.T) {
	b := newBench(t)
	is := " -i inventory/lab.hcl -e max_map_count=" + running(t)
	const wrong = " -i inventory/lab.hcl -e max_map_count=7"

	b.must(0, "--help", "go:kernel-limits", "Keep the kernel limits")
	b.must(0, "doc sysctl-live", "Proves that the running kernel", "default \"5s\"")
	b.must(2, "apply go:kernel-limit -i inventory/lab.hcl", `did you mean "go:kernel-limits"?`)
	b.must(2, "apply go:kernel-limits -i inventory/lab.hcl -e max=1", `has no variable "max"`)
	b.must(2, "apply go:kernel-limits -i inventory/lab.hcl -e max_map_count=x;y", `sysctl "limits": values: `)

	for _, playbook := range []string{"playbooks/kernel-limits.hcl", "go:kernel-limits"} {
		b.must(3, "apply "+playbook+is+" --limit master1 --plan --detailed-exitcode", "create /etc/sysctl.d/60-limits.conf")
		b.must(0, "apply "+playbook+is+" --limit master1 --yes", "master1 landed")
		b.must(0, "apply "+playbook+is+" --limit master1 --yes", "nothing to change")
		b.must(0, "rollback --yes", "is as it was")
		b.must(3, "apply "+playbook+is+" --limit master1 --plan --detailed-exitcode", "create /etc/sysctl.d/60-limits.conf")
	}

	// What the kernel does not have undoes the run.
	b.must(21, "apply go:kernel-limits"+wrong+" --limit master1 --yes", `expected is "7"`, "is as it was before")
	b.must(0, "ack master1 --reason tried")
}

// TestRolloutOnTheLab: guards and plan files treat a compiled playbook as they treat a file.
func TestRolloutOnTheLab(t *testing.T) {
	b := newBench(t)
	is := " -i inventory/lab.hcl -e max_map_count=" + running(t)
	const wrong = " -i inventory/lab.hcl -e max_map_count=7"
	plan := filepath.Join(t.TempDir(), "plan")

	b.must(0, "apply go:kernel-limits"+is+" --limit master1 --plan --out "+plan, "plan written")
	b.must(0, "apply "+plan+" --yes", "master1 landed")
	b.must(10, "apply go:kernel-limits"+is+" --limit master2 --yes", "soaks for 1h")
	b.must(0, "status go:kernel-limits"+is, "master2", "soak")
	b.must(0, "lab clock +2h")
	b.must(12, "apply go:kernel-limits"+wrong+" --limit master2 --yes", "playbook for master1", "variable max_map_count")
	b.must(12, "apply playbooks/kernel-limits.hcl"+is+" --limit master2 --yes", "playbook")
	b.must(0, "apply go:kernel-limits"+is+" --limit master2 --yes", "master2 landed")
}

// TestKilledOnTheLab kills the binary while its own check waits; resume carries the record to its end.
func TestKilledOnTheLab(t *testing.T) {
	b := newBench(t)
	c := exec.Command(b.hcrun, strings.Fields("apply go:kernel-limits -i inventory/lab.hcl -e max_map_count=7 -e loaded_within=2m --limit master1 --yes")...)
	c.Env = b.env
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var said []byte
	for piece := make([]byte, 4096); !bytes.Contains(said, []byte(`expected is "7"`)); {
		n, err := out.Read(piece)
		if said = append(said, piece[:n]...); err != nil {
			t.Fatalf("it ended before its check waited: %v\n%s", err, said)
		}
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	b.must(0, "status", "master1", "hcrun resume")

	team := b.hcrun
	b.hcrun = b.build("github.com/hcrun/hcrun/cmd/hcrun") // which does not know the check
	b.must(2, "resume", `"sysctl-live" is not a check that this binary knows`)
	b.hcrun = team
	b.must(21, "resume", `expected is "7"`, "is as it was before")
}
