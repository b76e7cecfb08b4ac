package lab

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

func TestOptions(t *testing.T) {
	many := make([]string, maxNodes+1)
	for i := range many {
		many[i] = fmt.Sprintf("n%d", i)
	}
	for _, tt := range []struct {
		o    Options
		want engine.Code
	}{
		{Options{Dir: "d"}, engine.Done},
		{Options{Dir: "d", Nodes: []string{"master1", "a-b", "9"}, Pace: 20}, engine.Done},
		{Options{}, engine.Invalid},
		{Options{Dir: "d", Pace: -1}, engine.Invalid},
		{Options{Dir: "d", Pace: math.NaN()}, engine.Invalid},
		{Options{Dir: "d", Pace: math.Inf(1)}, engine.Invalid},
		{Options{Dir: "d", Nodes: []string{""}}, engine.Invalid},
		{Options{Dir: "d", Nodes: []string{"../x"}}, engine.Invalid},
		{Options{Dir: "d", Nodes: []string{"Master1"}}, engine.Invalid},
		{Options{Dir: "d", Nodes: []string{"x-"}}, engine.Invalid},
		{Options{Dir: "d", Nodes: []string{strings.Repeat("x", 64)}}, engine.Invalid},
		{Options{Dir: "d", Nodes: []string{"a", "a"}}, engine.Invalid},
		{Options{Dir: "d", Nodes: many}, engine.Invalid},
	} {
		if got := engine.CodeOf(tt.o.check()); got != tt.want {
			t.Errorf("%+v: code %d, want %d", tt.o, got, tt.want)
		}
	}
}

func TestFreshOffset(t *testing.T) {
	for now, want := range map[string]string{
		"2026-11-25T10:00:00Z": "2026-12-01T01:00:00Z", // a Wednesday
		"2026-11-30T12:00:00Z": "2026-12-01T01:00:00Z", // Monday, before
		"2026-12-01T01:00:00Z": "2026-12-01T01:00:00Z", // Monday 20:00 there
		"2026-12-01T01:00:01Z": "2026-12-08T01:00:00Z", // Monday, after
		"2026-03-03T10:00:00Z": "2026-03-10T00:00:00Z", // summer time begins in between
		"2026-12-29T10:00:00Z": "2027-01-05T01:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		offset, err := freshOffset(at)
		if got := at.Add(offset).UTC().Format(time.RFC3339); err != nil || got != want {
			t.Errorf("at %s: %s %v, want %s", now, got, err, want)
		}
	}
}

func TestDateArgs(t *testing.T) {
	now := time.Unix(1700000000, 5)
	const at = "-d @1700000000.000000005"
	for args, want := range map[string]string{
		"":               at,
		"+%s":            at + " +%s",
		"-u +%F":         at + " -u +%F",
		"-Iseconds":      at + " -Iseconds",
		"-R":             at + " -R",
		"--iso-8601=ns":  at + " --iso-8601=ns",
		"-d yesterday":   "-d yesterday",
		"-ud @0":         "-ud @0",
		"--date=@0 +%s":  "--date=@0 +%s",
		"-r /etc/passwd": "-r /etc/passwd",
		"--reference f":  "--reference f",
		"-s @0":          "-s @0",
		"--version":      "--version",
	} {
		if got := strings.Join(dateArgs(strings.Fields(args), now), " "); got != want {
			t.Errorf("date %s: %q, want %q", args, got, want)
		}
	}
}

func TestIsolations(t *testing.T) {
	for _, tt := range []struct {
		euid   int
		uidMap string
		want   []isolation
	}{
		{1000, "0 0 4294967295", []isolation{{true, 1}}},
		{0, "         0          0 4294967295\n", []isolation{{true, 65536}, {false, 0}, {true, 1}}},
		{0, "0 1000 1\n", []isolation{{false, 0}, {true, 1}}},
		{0, "0 1000 1\n1 100000 65536\n", []isolation{{false, 0}, {true, 1}}},
		{0, "", []isolation{{false, 0}, {true, 1}}},
	} {
		if got := isolations(tt.euid, tt.uidMap); !slices.Equal(got, tt.want) {
			t.Errorf("uid %d, map %q: %v, want %v", tt.euid, tt.uidMap, got, tt.want)
		}
	}
}

func TestDiagnose(t *testing.T) {
	for _, tt := range []struct {
		stage   string
		errno   syscall.Errno
		euid    int
		sysctls map[string]string
		what    string // in What
		next    string // in Next
	}{
		{"clone", syscall.ENOSPC, 1000, map[string]string{"user.max_user_namespaces": "0"}, "user.max_user_namespaces is 0", "or run hcrun as root"},
		{"clone", syscall.ENOSPC, 0, map[string]string{"user.max_user_namespaces": "9", "user.max_net_namespaces": "0"}, "user.max_net_namespaces is 0", "sysctl -w user.max_net_namespaces=15000"},
		{"clone", syscall.EPERM, 1000, map[string]string{"kernel.unprivileged_userns_clone": "0"}, "unprivileged_userns_clone is 0", "sysctl -w kernel.unprivileged_userns_clone=1"},
		{"clone", syscall.EPERM, 0, nil, "seccomp", "--privileged"},
		{"clone", syscall.EUSERS, 0, nil, "nested too deep", "machine itself"},
		{"clone", syscall.EINVAL, 0, nil, "built without", ""},
		{"clone", syscall.EACCES, 0, nil, "noexec", "--state"},
		{"mount /proc", syscall.EPERM, 0, nil, "parts of this one are hidden", "unmasked /proc"},
		{"make mounts private", syscall.EACCES, 1000, map[string]string{"kernel.apparmor_restrict_unprivileged_userns": "1"}, "apparmor_restrict_unprivileged_userns is 1", "or run hcrun as root"},
		{"bind the root", syscall.EACCES, 1000, nil, "security module", ""},
		{"start SSH", syscall.ENOENT, 1000, nil, "start SSH", ""},
	} {
		err := &stageError{tt.stage, &os.PathError{Op: "fork/exec", Path: "x", Err: tt.errno}}
		p := diagnose(err, tt.euid, func(n string) string { return tt.sysctls[n] })
		if p.Code != engine.Preflight || !strings.Contains(p.What, tt.what) || !strings.Contains(p.Next, tt.next) || !errors.Is(p, tt.errno) {
			t.Errorf("%s %v: code %d\n%s\nnext: %s", tt.stage, tt.errno, p.Code, p.What, p.Next)
		}
	}
}

func TestStartTime(t *testing.T) {
	if born, ok := startTime(os.Getpid()); !ok || born == 0 {
		t.Errorf("this process: %d %v", born, ok)
	}
	if _, ok := startTime(math.MaxInt32); ok {
		t.Error("a process that cannot be has a start time")
	}
}

func TestChildIsNotForOthers(t *testing.T) {
	for _, argv := range [][]string{nil, {"hcrun"}, {"hcrun", "lab", "up"}, {"hcrun-lab"}, {"hcrun-lab", "x", "y"}, {"/usr/bin/crictl", "ps"}, {"date"}} {
		if _, ok := Child(argv); ok {
			t.Errorf("%q was taken for a child", argv)
		}
	}
}

func TestDamagedState(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/state.json", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(t.Context(), Options{Dir: dir}); engine.CodeOf(err) != engine.Preflight {
		t.Errorf("up: %v", err)
	}
	if err := Reset(t.Context(), dir); err != nil {
		t.Error(err)
	}
	if st, err := Read(t.Context(), dir); err != nil || st.Running {
		t.Errorf("after reset: %+v %v", st, err)
	}
}

func TestFolderOfSomebodyElse(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/usr", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]engine.Code{"link": engine.Security, "file": engine.Preflight, "new/deep": engine.Done} {
		if _, err := openHome(dir + "/" + name); engine.CodeOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
