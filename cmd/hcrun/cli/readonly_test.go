package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine/lab"
)

// writesRE finds system calls that change a file or create one, in the output of strace.
var writesRE = regexp.MustCompile(`^\d+ +(?:open(?:at)?\(.*(?:O_WRONLY|O_RDWR|O_CREAT)|(?:creat|rename|unlink|rmdir|mkdir|link|symlink|f?chmod|f?l?chown|f?truncate|mknod)[a-z0-9]*\()`)

// TestPlanOnReadOnlyNode plans on a node whose tree is mounted read-only, and watches every system call of
// everything that runs on the node meanwhile: nothing is written, not even in vain, but for /dev/null and
// the tools' self-test on names that cannot exist.
func TestPlanOnReadOnlyNode(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	text := b.watched("master1", func() {
		out := b.must(0, "apply", b.playbook, "-i", b.inventory, "--limit", "master1", "--plan", "--out", filepath.Join(t.TempDir(), "p"))
		if !strings.Contains(out, "+    - --audit-policy-file=/etc/kubernetes/audit-policy.yaml") {
			t.Errorf("the plan shows no diff:\n%s", out)
		}
	})
	if !bytes.Contains(text, []byte("sha256sum")) {
		t.Fatal("strace has not seen the node's tools at work")
	}
	if !writesRE.Match(regexp.MustCompile(`(?m)^.*"/dev/null", O_WRONLY.*$`).Find(text)) {
		t.Fatal("not even the known writes to /dev/null are found")
	}
}

// TestDoctorOnReadOnlyNode does the same with doctor.
func TestDoctorOnReadOnlyNode(t *testing.T) {
	needLab(t)
	b := newBench(t, binary(t))
	text := b.watched("master1", func() { b.must(0, "doctor", "-i", b.inventory, "--limit", "master1") })
	if !bytes.Contains(text, []byte(`"df"`)) || !bytes.Contains(text, []byte(`"crictl"`)) {
		t.Fatal("strace has not seen doctor's questions")
	}
}

// watched does something while a node's tree is mounted read-only, fails when anything is written on the
// node, and returns every system call that was made there.
func (b *bench) watched(node string, do func()) []byte {
	t := b.t
	t.Helper()
	for _, tool := range []string{"nsenter", "strace"} {
		if _, err := exec.LookPath(tool); err != nil || os.Geteuid() != 0 {
			if os.Getenv("CI") == "true" {
				t.Fatalf("needs root and %s", tool)
			}
			t.Skipf("needs root and %s", tool)
		}
	}
	b.up()
	pid := b.nodePID(node)
	if out, err := exec.Command("nsenter", "-t", pid, "-m", "mount", "-o", "remount,ro,bind", "/").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("nsenter", "-t", pid, "-m", "touch", "/etc/kubernetes/x").CombinedOutput(); err == nil {
		t.Fatalf("the tree is not read-only: %s", out)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	strace := exec.Command("strace", "-f", "-o", trace, "-e", "trace=%file,%desc,execve", "-e", "signal=none", "-p", pid)
	if err := strace.Start(); err != nil {
		t.Fatal(err)
	}
	attached(t, trace, pid)
	do()
	strace.Process.Signal(os.Interrupt)
	strace.Wait()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if writesRE.MatchString(line) && !strings.Contains(line, `"/dev/null"`) && !strings.Contains(line, `"/./-/`) && !simulated(line) {
			t.Errorf("written on the node: %s", line)
		}
	}
	return text
}

// simulated reports whether a call is of the simulated control plane, which goes on with its own work.
func simulated(line string) bool {
	return strings.Contains(line, `"/run/`) || strings.Contains(line, `"/var/log/pods/`)
}

// attached waits until the tracer follows every thread of the node.
func attached(t testing.TB, trace, pid string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
		if info, e := os.Stat(trace); err == nil && e == nil && info.Size() > 0 && !bytes.Contains(status, []byte("TracerPid:\t0\n")) {
			return
		}
	}
	t.Fatal("strace has not attached within 10 s")
}

// nodePID is the process that is pid 1 of a lab node, seen from outside.
func (b *bench) nodePID(node string) string {
	b.t.Helper()
	s, err := lab.Read(context.Background(), b.labDir())
	if err != nil {
		b.t.Fatal(err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.PID, s.PID))
	if err != nil {
		b.t.Fatal(err)
	}
	all := strings.Fields(string(children))
	if tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.PID)); err == nil {
		for _, task := range tasks {
			more, _ := os.ReadFile(task)
			all = append(all, strings.Fields(string(more))...)
		}
	}
	for _, pid := range all {
		args, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		if _, err := strconv.Atoi(pid); err == nil && bytes.Contains(args, []byte(strconv.Quote(node))) {
			return pid
		}
	}
	b.t.Fatalf("%s has no process", node)
	return ""
}
