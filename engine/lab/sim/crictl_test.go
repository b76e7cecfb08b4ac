package sim

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCrictl(t *testing.T) {
	b := newBed(t)
	id := b.ps()[0].ID
	pod := func() string {
		_, out, _ := b.tool("crictl", "pods", "-q", "--name", "kube-apiserver")
		return strings.TrimSpace(out)
	}()
	for _, c := range []struct {
		args string
		code int
		out  string // begins or is in stdout, in stderr where the code is 1
	}{
		{"ps", 0, "CONTAINER "},
		{"ps -q --name kube-apiserver", 0, id},
		{"ps -aq --name=^kube-apiserver$ --state running", 0, id},
		{"-r unix:///run/containerd/containerd.sock -t 10s ps --quiet --name kube-apiserver", 0, id},
		{"--runtime-endpoint=unix:///x --timeout=10s ps -q --label io.kubernetes.container.name=kube-apiserver", 0, id},
		{"ps -q --name nothing", 0, ""},
		{"ps --state exited -o json", 0, `"containers": []`},
		{"ps --state dead", 1, "--state should be one of"},
		{"ps -o yaml", 1, "unsupported output format"},
		{"ps --wrong", 1, "flag provided but not defined: -wrong"},
		{"ps --name (", 1, "missing closing"},
		{"--wrong ps", 1, "flag provided but not defined: -wrong"},
		{"ps --name", 1, "flag needs an argument"},
		{"", 1, "a command is needed"},
		{"rm x", 1, "unknown command"},
		{"inspect", 1, "ID cannot be empty"},
		{"inspect 000nothing", 1, "not found"},
		{"inspect " + id[:10], 0, `"runtimeSpec"`},
		{"inspectp " + pod, 0, `"SANDBOX_READY"`},
		{"inspectp", 1, "ID cannot be empty"},
		{"pods", 0, "POD ID"},
		{"pods -o json --name etcd", 0, `"etcd-master1"`},
		{"pods --state notready -q", 0, ""},
		{"logs 000nothing", 1, "not found"},
		{"logs --tail x " + id, 1, "invalid value"},
		{"images -o json", 0, "kube-apiserver:v1.34.4"},
		{"version", 0, "RuntimeName:  containerd"},
		{"--version", 0, "crictl version v1.34.0"},
		{"info", 0, "RuntimeReady"},
	} {
		code, out, stderr := b.tool("crictl", strings.Fields(c.args)...)
		equal(t, c.args+": code", code, c.code)
		text := out
		if c.code != 0 {
			text = stderr
		}
		if !strings.Contains(text, c.out) || c.out == "" && text != "" {
			t.Errorf("%s: %q is not in %q", c.args, c.out, text)
		}
	}
	_, out, stderr := b.tool("crictl", "logs", "--tail", "1", id)
	equal(t, "the server's log is on stderr", out == "" && strings.Count(stderr, "\n") == 1, true)
	os.Remove(b.node.State + "/" + criFile)
	code, _, stderr := b.tool("crictl", "ps")
	equal(t, "no runtime: "+stderr, code == 1 && strings.Contains(stderr, "Unavailable"), true)
}

func TestInspectShape(t *testing.T) {
	b := newBed(t)
	b.write(manifestPath, strings.Replace(audited(b.read(manifestPath)), "maxage=14", "maxage=x", 1))
	b.seen("exited kube-apiserver 0 1")
	type inspected struct {
		Status struct {
			ID, State, CreatedAt, StartedAt, FinishedAt, Reason, Message, LogPath string
			ExitCode                                                              int
			Metadata                                                              struct{ Name string }
			Labels, Annotations                                                   map[string]string
			Mounts                                                                []struct {
				ContainerPath, HostPath string
				Readonly                bool
			}
		}
		Info struct {
			SandboxID   string
			RuntimeSpec struct{ Process struct{ Args []string } }
		}
	}
	var x inspected
	b.json(&x, "inspect", "-o", "json", b.ps("-a")[0].ID)
	equal(t, "state", x.Status.State+" "+x.Status.Reason+" "+x.Status.Message, "CONTAINER_EXITED Error ")
	equal(t, "exit code", x.Status.ExitCode, 1)
	for _, at := range []string{x.Status.CreatedAt, x.Status.StartedAt, x.Status.FinishedAt} {
		when, err := time.Parse(time.RFC3339Nano, at)
		equal(t, at, err == nil && when.Year() > 2000, true)
	}
	equal(t, "argv", x.Info.RuntimeSpec.Process.Args[0], "kube-apiserver")
	equal(t, "log path", strings.HasPrefix(x.Status.LogPath, "/var/log/pods/kube-system_kube-apiserver-master1_"), true)
	equal(t, "mounts", len(x.Status.Mounts), 5)

	var y inspected
	b.json(&y, "inspect", func() string {
		_, out, _ := b.tool("crictl", "ps", "-q", "--name", "etcd")
		return strings.TrimSpace(out)
	}())
	equal(t, "a running one has not finished", y.Status.FinishedAt, "0001-01-01T00:00:00Z")
	code, out, _ := b.tool("crictl", "ps", "-a", "-o", "json")
	var raw struct{ Containers []map[string]any }
	if err := json.Unmarshal([]byte(out), &raw); err != nil || code != 0 {
		t.Fatal(err)
	}
	_, text := raw.Containers[0]["createdAt"].(string)
	equal(t, "createdAt is a string", text, true)
}

func TestJournalctl(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"-u kubelet -n 1 --no-pager", 0, " master1 kubelet[812]: "},
		{"--unit=kubelet.service -n3 -o short-iso", 0, " master1 kubelet[812]: "},
		{"-u kubelet -o cat --since -5min", 0, `"SyncLoop ADD"`},
		{"-u kubelet --since @4000000000", 0, "-- No entries --"},
		{"-u sshd", 0, "-- No entries --"},
		{"-u kubelet -n x", 1, "failed to parse lines"},
		{"-u kubelet --since tomorrow", 1, "failed to parse timestamp"},
		{"-f", 1, "flag provided but not defined"},
		{"word", 1, "matches are not understood"},
		{"-u kubelet -o json", 1, "unknown output"},
	} {
		code, out, stderr := b.tool("journalctl", strings.Fields(c.args)...)
		equal(t, c.args, code, c.code)
		equal(t, c.args+": "+out+stderr, strings.Contains(out+stderr, c.want), true)
	}
	_, out, _ := b.tool("journalctl", "-u", "kubelet", "-n", "2")
	equal(t, "lines", strings.Count(out, "\n"), 2)
}

func TestSystemctl(t *testing.T) {
	b := &bed{T: t, node: &Node{State: t.TempDir()}}
	for _, c := range []struct {
		args string
		code int
		out  string
	}{
		{"is-active kubelet", 0, "active\n"}, {"is-active --quiet kubelet.service", 0, ""}, {"is-enabled containerd", 0, "enabled\n"},
		{"is-active nginx", 3, "inactive\n"}, {"restart kubelet", 1, ""}, {"", 1, ""},
	} {
		code, out, _ := b.tool("systemctl", strings.Fields(c.args)...)
		equal(t, c.args, code, c.code)
		equal(t, c.args, out, c.out)
	}
	if _, ok := Tool("date", b.node.State, nil, nil, nil); ok {
		t.Error("date is not a tool of this package")
	}
}
