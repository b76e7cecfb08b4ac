package sim

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (b *bed) uid(manifest string) string {
	b.Helper()
	p, err := decodePod(b.node.Name, "/"+manifestPath, []byte(manifest))
	if err != nil {
		b.Fatal(err)
	}
	return p.UID
}

func TestRestart(t *testing.T) {
	b := newBed(t)
	old := b.read(manifestPath)
	before := b.ps()
	changed := time.Now()
	b.write(manifestPath, audited(old))
	b.until("200", func() bool { return b.count("200") == 1 })
	want := []string{"remove " + b.uid(old), "add " + b.uid(audited(old)), "exited kube-apiserver 0 137", "collected " + b.uid(old),
		"sandbox " + b.uid(audited(old)), "created kube-apiserver 0", "running kube-apiserver 0", "listening", "403", "audited", "500", "200"}
	got := b.sequence("remove", "add", "exited kube-apiserver", "collected", "sandbox "+b.uid(old), "sandbox "+b.uid(audited(old)), "created kube-apiserver", "running kube-apiserver", "listening", "403", "audited", "500", "200")
	if !slices.Equal(got, want) {
		t.Errorf("a change is\n%q, want\n%q", got, want)
	}
	after := b.ps("-a")
	equal(t, "containers", len(after), 1)
	equal(t, "another container", before[0].ID != after[0].ID, true)
	equal(t, "pod UID", after[0].Labels["io.kubernetes.pod.uid"], b.uid(audited(old)))
	ns, err := strconv.ParseInt(after[0].CreatedAt, 10, 64)
	equal(t, "createdAt is nanoseconds after the change", err == nil && time.Unix(0, ns).After(changed), true)

	b.write(manifestPath, old)
	b.seen("200", "exited kube-apiserver 0 137", "200")
	equal(t, "the old content has the old UID", b.ps()[0].Labels["io.kubernetes.pod.uid"], b.uid(old))
	equal(t, "the audit log stays", strings.Contains(b.read("var/log/kubernetes/audit.log"), `"kind":"Event"`), true)
}

func TestNoRestart(t *testing.T) {
	b := newBed(t)
	old := b.read(manifestPath)
	for _, c := range []struct{ name, file, text string }{
		{"comment", manifestPath, "# a comment\n" + old},
		{"key order and quotes", manifestPath, strings.Replace(old, "  hostNetwork: true\n  priority: 2000001000\n", "  priority: 2000001000\n  hostNetwork: true\n", 1)},
		{"empty fields", manifestPath, strings.Replace(old, "status: {}\n", "", 1)},
		{"dot file", "etc/kubernetes/manifests/.kube-apiserver.yaml.tmp", audited(old)},
	} {
		b.write(c.file, c.text)
		// A re-list and a change of another pod show that the change has been read.
		scheduler := b.read("etc/kubernetes/manifests/kube-scheduler.yaml")
		b.write("etc/kubernetes/manifests/kube-scheduler.yaml", strings.Replace(scheduler, "    - --leader-elect=true\n", "    - --leader-elect=true\n    - --v=2\n", 1))
		b.seen("remove", "add", "running kube-scheduler")
		b.mu.Lock()
		touched := strings.Contains(strings.Join(b.trace, "\n"), "kube-apiserver")
		b.mu.Unlock()
		equal(t, c.name+" restarts", touched, false)
	}
}

func TestInvalidManifest(t *testing.T) {
	b := newBed(t)
	old := b.read(manifestPath)
	b.write(manifestPath, old+"\n x: [unclosed")
	b.until("parse error", func() bool {
		_, out, _ := b.tool("journalctl", "-u", "kubelet")
		return strings.Contains(out, "couldn't parse as pod(yaml: line")
	})
	b.seen("remove "+b.uid(old), "exited kube-apiserver 0 137", "collected")
	equal(t, "containers", len(b.ps("-a")), 0)
	_, out, _ := b.tool("journalctl", "-u", "kubelet", "-n", "50", "--no-pager")
	equal(t, "log of the watch, then of the re-list", strings.Contains(out, "Unable to process watch event") && strings.Contains(out, "Could not process manifest file"), true)
	b.write(manifestPath, old)
	b.seen("add "+b.uid(old), "200")
}

func TestCrashLoop(t *testing.T) {
	b := newBed(t)
	old := b.read(manifestPath)
	bad := strings.Replace(audited(old), "maxage=14", "maxage=abc", 1)
	b.write(manifestPath, bad)
	b.seen("exited kube-apiserver 0 137", "exited kube-apiserver 0 1", "running kube-apiserver 1", "exited kube-apiserver 1 1", "failed", "exited kube-apiserver 2 1", "failed")
	b.until("logs", func() bool {
		list := b.ps("-a", "--state", "exited")
		if len(list) == 0 {
			return false
		}
		_, _, text := b.tool("crictl", "logs", "--tail", "5", list[0].ID)
		return strings.Contains(text, `Error: invalid argument "abc" for "--audit-log-maxage" flag: strconv.ParseInt: parsing "abc": invalid syntax`)
	})
	_, out, _ := b.tool("journalctl", "-u", "kubelet.service", "-n", "200")
	for _, want := range []string{"CrashLoopBackOff", "back-off 10s restarting failed container=kube-apiserver", "back-off 20s"} {
		equal(t, want, strings.Contains(out, want), true)
	}
	b.write(manifestPath, old)
	b.seen("add "+b.uid(old), "200")
	b.write(manifestPath, bad)
	b.seen("exited kube-apiserver 0 1", "failed failed to \"StartContainer\" for \"kube-apiserver\" with CrashLoopBackOff: \"back-off 40s")
	b.write(manifestPath, old)
	b.seen("add "+b.uid(old), "200")
}

// What keeps the container from being, or the new API server from running, and how that is told.
func TestFaultyChanges(t *testing.T) {
	for _, c := range []struct {
		name, old, new string // in the audited manifest
		policy         string
		before         func(*bed)
		steps          []string
		log            string // in the container's log, else in the kubelet's
	}{
		{name: "policy is not YAML", policy: "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [\n", steps: []string{"exited kube-apiserver 0 1"},
			log: `loading audit policy file: failed decoding: yaml: line `},
		{name: "no policy mount", old: "    - mountPath: /etc/kubernetes/audit-policy.yaml\n      name: audit-policy\n      readOnly: true\n", steps: []string{"exited kube-apiserver 0 1"},
			log: `failed to read file path \"/etc/kubernetes/audit-policy.yaml\": open /etc/kubernetes/audit-policy.yaml: no such file or directory`},
		{name: "log mount read only", old: "name: audit-log\n    - mountPath", new: "name: audit-log\n      readOnly: true\n    - mountPath", steps: []string{"exited kube-apiserver 0 1"},
			log: "ensureLogFile: open /var/log/kubernetes/audit.log: read-only file system"},
		{name: "unknown flag", old: "--audit-log-maxage", new: "--audit-log-maxages", steps: []string{"exited kube-apiserver 0 1"}, log: "Error: unknown flag: --audit-log-maxages"},
		{name: "policy is not there", before: func(b *bed) { os.Remove(b.path("etc/kubernetes/audit-policy.yaml")) }, steps: []string{"mount"},
			log: "hostPath type check failed: /etc/kubernetes/audit-policy.yaml is not a file"},
		{name: "log directory is a file", before: func(b *bed) { b.write("var/log/kubernetes", "") }, steps: []string{"sandbox", "failed"}, log: "CreateContainerError"},
		{name: "image", old: "kube-apiserver:v1.34.4", new: "kube-apiserver:v1.99.0", steps: []string{"sandbox", "failed", "failed"}, log: "ImagePullBackOff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			old := b.read(manifestPath)
			if c.policy != "" {
				b.write("etc/kubernetes/audit-policy.yaml", c.policy)
			}
			if c.before != nil {
				c.before(b)
			}
			b.write(manifestPath, strings.Replace(audited(old), c.old, c.new, 1))
			b.seen(append([]string{"exited kube-apiserver 0 137"}, c.steps...)...)
			b.until("log", func() bool { return strings.Contains(b.allLogs(), c.log) })
			b.write(manifestPath, old)
			b.seen("add "+b.uid(old), "200")
		})
	}
}

// allLogs is the kubelet's log and that of every API server container that is left.
func (b *bed) allLogs() string {
	b.Helper()
	_, text, _ := b.tool("journalctl", "-u", "kubelet")
	for _, c := range b.ps("-a") {
		_, _, log := b.tool("crictl", "logs", c.ID)
		text += log
	}
	return text
}

// A copy beside the manifest is run instead of it, at once and again at the re-list after every change.
func TestStray(t *testing.T) {
	b := newBed(t)
	old := b.read(manifestPath)
	b.brk(breakStray)
	b.seen("remove "+b.uid(old), "add", "200")
	equal(t, "pods of that name", len(b.ps("-a")), 1)
	stray := b.ps()[0].Labels["io.kubernetes.pod.uid"]
	equal(t, "another pod", stray != b.uid(old), true)
	b.write(manifestPath, audited(old))
	b.seen("add "+b.uid(audited(old)), "remove "+b.uid(audited(old)), "add "+stray, "200")
	b.write(manifestPath, old)
	b.mend(breakStray)
	b.seen("add "+b.uid(old), "sandbox "+b.uid(old), "200")
	if _, err := os.Stat(b.path(manifestPath + ".bak")); err == nil {
		t.Error("mending leaves the stray file")
	}
}

func TestStrayLate(t *testing.T) {
	b := newBed(t)
	old := b.read(manifestPath)
	b.brk(breakStrayLate)
	b.write(manifestPath, audited(old))
	b.seen("add "+b.uid(audited(old)), "audited", "200", "remove "+b.uid(audited(old)), "add", "200")
	equal(t, "the old manifest runs", strings.Contains(b.argv(), "--audit-"), false)
	equal(t, "the false evidence is there", strings.Contains(b.read("var/log/kubernetes/audit.log"), "Event"), true)
	b.write(manifestPath, old)
	b.seen("add "+b.uid(old), "sandbox "+b.uid(old), "200")
	if _, err := os.Stat(b.path(manifestPath + ".bak")); err == nil {
		t.Error("the old manifest is back and the stray file still there")
	}
}

func (b *bed) argv() string {
	b.Helper()
	var x struct {
		Info struct {
			RuntimeSpec struct{ Process struct{ Args []string } }
		}
	}
	b.json(&x, "inspect", b.ps()[0].ID)
	return strings.Join(x.Info.RuntimeSpec.Process.Args, " ")
}
