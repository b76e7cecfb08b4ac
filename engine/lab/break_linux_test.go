package lab

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const kubernetesTree = `cd /etc/kubernetes && find . -type f -exec sha256sum {} + | sort && find . -exec stat -c '%n %A %u:%g %y' {} + | sort`

func TestBreakDiskFull(t *testing.T) {
	b := newBed(t)
	was := b.sh("master1", kubernetesTree)
	b.ok(Break(t.Context(), b.dir, "master1", diskFull))
	equal(b, "what is in /etc/kubernetes", b.sh("master1", kubernetesTree), was)
	const write = `head -c 1 /dev/zero 2>/dev/null | dd of=/etc/kubernetes/new 2>&1 | grep -o 'No space left' || echo written; rm -f /etc/kubernetes/new`
	equal(b, "a new file", b.sh("master1", write), "No space left")
	equal(b, "another node", b.sh("master2", write), "written")
	equal(b, "blocks left", b.sh("master1", "stat -f -c %a /etc/kubernetes"), "0")
	b.status()
	equal(b, "status", strings.Join(b.node("master1").Broken, " "), diskFull)

	b.ok(Reboot(t.Context(), b.dir, "master1"))
	equal(b, "a new file after a reboot", b.sh("master1", write), "No space left")
	b.ok(Mend(t.Context(), b.dir, "master1"))
	equal(b, "a new file after mending", b.sh("master1", write), "written")
	b.sh("master1", "touch -r /etc/kubernetes/pki /etc/kubernetes")
	equal(b, "file systems", b.sh("master1", "grep -c ' /etc/kubernetes ' /proc/mounts || :"), "0")
}

func (b *bed) status() {
	b.Helper()
	st, err := Read(b.Context(), b.dir)
	b.ok(err)
	b.st = st
}

// silence is how long a test listens to a node that has to say nothing. It cannot fail for being too short.
const silence = 150 * time.Millisecond

func TestBreakUnreachable(t *testing.T) {
	b := newBed(t)
	c := b.client("master1")
	b.ok(Break(t.Context(), b.dir, "master1", unreachable))
	answer := make(chan error, 1)
	go func() {
		_, err := run(c, "true")
		answer <- err
	}()
	_, err := b.dial("master1", silence)
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	equal(b, "a new connection hangs", ok && timeout.Timeout(), true)
	select {
	case err := <-answer:
		t.Fatalf("the connection that stood has answered: %v", err)
	default:
	}
	b.sh("master2", "true")
	b.ok(Mend(t.Context(), b.dir, "master1"))
	b.ok(<-answer)
	b.sh("master1", "true")
}

func TestBreakUnreachableLate(t *testing.T) {
	b := newBed(t)
	c := b.client("master1")
	b.ok(Break(t.Context(), b.dir, "master1", unreachableLate))
	_, err := run(c, "true")
	b.ok(err)
	b.sh("master1", "touch /root/x")
	answer := make(chan result, 1)
	go func() {
		r, _ := run(c, "cd /etc/kubernetes/manifests; cp -p kube-apiserver.yaml .new; echo >>.new; mv .new kube-apiserver.yaml; touch /root/done; echo told")
		answer <- r
	}()
	b.until("the change is made", func() bool {
		_, err := os.Stat(filepath.Join(b.node("master1").Root, "root/done"))
		return err == nil
	})
	_, err = b.dial("master1", silence)
	equal(b, "a new connection hangs", err != nil, true)
	select {
	case r := <-answer:
		t.Fatalf("the change was told: %+v", r)
	default:
	}
	b.ok(Mend(t.Context(), b.dir, "master1"))
	equal(b, "told after mending", (<-answer).out, "told\n")
}

func TestBreakRequests(t *testing.T) {
	b := newBed(t)
	for _, tt := range []struct {
		node, kind string
		want       engine.Code
	}{
		{"master1", "no-such", engine.Invalid},
		{"master9", "policy", engine.Invalid},
		{"", "policy", engine.Invalid},
		{"master9", "loki-down", engine.Invalid},
		{"master2", "log-full", engine.Done},
		{"master3", "loki-down", engine.Done},
		{"", "loki-late", engine.Done},
		{"master2", "loki-other-node", engine.Done},
	} {
		equal(b, tt.node+" "+tt.kind, engine.CodeOf(Break(t.Context(), b.dir, tt.node, tt.kind)), tt.want)
	}
	b.status()
	equal(b, "master1", strings.Join(b.node("master1").Broken, " "), "loki-down loki-late")
	equal(b, "master2", strings.Join(b.node("master2").Broken, " "), "log-full loki-down loki-late loki-other-node")
	b.ok(Mend(t.Context(), b.dir, "master1"))
	b.status()
	equal(b, "master2 after mending master1", strings.Join(b.node("master2").Broken, " "), "log-full loki-late loki-other-node")
	b.ok(Mend(t.Context(), b.dir, ""))
	b.status()
	equal(b, "master2 after mending all", len(b.node("master2").Broken), 0)
	equal(b, "mend of an unknown node", engine.CodeOf(Mend(t.Context(), b.dir, "x")), engine.Invalid)
	equal(b, "reboot of an unknown node", engine.CodeOf(Reboot(t.Context(), b.dir, "x")), engine.Invalid)
}

// The kinds are a promise to users.
func TestKinds(t *testing.T) {
	want := strings.Fields("policy never-ready flap no-container log-mount log-full stray stray-late peer-down loki-down loki-late loki-other-node disk-full unreachable unreachable-late")
	var have []string
	for _, k := range Kinds() {
		have = append(have, k.Name)
		if k.What == "" {
			t.Errorf("%s says nothing", k.Name)
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("kinds\n%v, want\n%v", have, want)
	}
}

func TestErrnoOnLeash(t *testing.T) {
	if !errors.Is(failed(&stageError{"x", &os.PathError{Op: "mount", Path: "/", Err: syscall.EPERM}}).err(), syscall.EPERM) {
		t.Error("the errno is lost on the leash")
	}
}
