package sim

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Every break leaves the running API server alone, shows itself after the change, and ends when the old
// manifest is back, or with the mending.
func TestBreaks(t *testing.T) {
	for _, c := range []struct {
		kind  string
		steps []string // after the change
		then  func(*bed)
	}{
		{breakPolicy, []string{"exited kube-apiserver 0 137", "exited kube-apiserver 0 1", "exited kube-apiserver 1 1"}, func(b *bed) {
			b.until("the log", func() bool {
				return strings.Contains(b.allLogs(), "loading audit policy file: failed decoding: yaml: line 5")
			})
		}},
		{breakNeverReady, []string{"exited kube-apiserver 0 137", "audited", "500"}, func(b *bed) {
			b.until("readyz 500", func() bool {
				code, text, _ := b.get("/readyz", nil)
				return code == http.StatusInternalServerError && strings.Contains(text, "[-]poststarthook/start-apiextensions-controllers failed")
			})
			b.until("livez 200", func() bool { code, _, _ := b.get("/livez", nil); return code == http.StatusOK })
		}},
		{breakFlap, []string{"exited kube-apiserver 0 137", "200"}, func(b *bed) {
			for _, want := range []int{500, 200, 500, 200} {
				b.until("the next turn", func() bool { code, _, _ := b.get("/readyz", nil); return code == want })
			}
		}},
		{breakNoContainer, []string{"exited kube-apiserver 0 137", "sandbox", "failed"}, func(b *bed) {
			equal(b, "containers", len(b.ps("-a")), 0)
			b.until("the log", func() bool { return strings.Contains(b.allLogs(), "CreateContainerError") })
		}},
		{breakLogMount, []string{"exited kube-apiserver 0 137", "audited", "200"}, func(b *bed) {
			if _, err := os.Stat(b.path("var/log/kubernetes/audit.log")); err == nil {
				b.Error("there is a log on the node")
			}
		}},
		{breakLogFull, []string{"exited kube-apiserver 0 137", "audited", "200"}, func(b *bed) {
			b.until("the log", func() bool { return strings.Contains(b.allLogs(), "no space left on device") })
			equal(b, "lines before the disk was full", strings.Count(b.read("var/log/kubernetes/audit.log"), "\n"), fullAfter)
		}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			old := b.read(manifestPath)
			b.brk(c.kind)
			code, _, _ := b.get("/readyz", nil)
			equal(t, "readyz before the change", code, http.StatusOK)
			b.write(manifestPath, audited(old))
			b.seen(c.steps...)
			c.then(b)
			b.write(manifestPath, old)
			b.seen("add "+b.uid(old), "200")
			equal(t, "audit flags after the restore", strings.Contains(b.argv(), "--audit-"), false)

			b.write(manifestPath, audited(old))
			b.seen(c.steps...)
			b.mend(c.kind)
			b.until("ready with audit logging", func() bool {
				code, _, _ := b.get("/readyz", nil)
				return code == http.StatusOK && strings.Contains(b.argv(), "--audit-log-path")
			})
		})
	}
}

func TestPeerDown(t *testing.T) {
	b := newBed(t)
	b.brk(breakPeerDown)
	b.seen("exited kube-apiserver 0 1", "exited kube-apiserver 1 1")
	code, text, _ := b.get("/readyz", nil)
	equal(t, "answer", code, 0)
	equal(t, "refused", strings.Contains(text, "refused"), true)
	b.mend(breakPeerDown)
	b.seen("200")
}

// A flag that was set before a reboot is about the pod of before it.
func TestBreakOverReboot(t *testing.T) {
	b := newBed(t)
	old := b.read(manifestPath)
	b.brk(breakNeverReady)
	b.until("remembered", func() bool {
		text, err := os.ReadFile(b.node.Breaks + "/" + breakNeverReady)
		return err == nil && strings.TrimSpace(string(text)) == b.uid(old)
	})
	b.stop()
	b.write(manifestPath, audited(old))
	b.boot()
	b.seen("500")
	b.write(manifestPath, old)
	b.seen("add "+b.uid(old), "200")
}

func TestKinds(t *testing.T) {
	for _, k := range Kinds() {
		equal(t, k.Name+" is described", len(k.What) > 20 && len(k.What) < 200, true)
	}
	equal(t, "kinds", len(Kinds()), 12)
}

// The baseline is the pod that was wanted when the flag was set, however late it is asked for.
func TestBaseline(t *testing.T) {
	b := newBreaks(t.TempDir())
	b.wanted("first")
	if err := os.WriteFile(b.dir+"/"+breakFlap, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	set := time.Now()
	if err := os.Chtimes(b.dir+"/"+breakFlap, set, set); err != nil {
		t.Fatal(err)
	}
	b.history = append(b.history, podSeen{set.Add(time.Millisecond), "second"})
	equal(t, "first", b.on(breakFlap, "first"), false)
	equal(t, "second", b.on(breakFlap, "second"), true)
	equal(t, "no pod", b.on(breakFlap, ""), false)
	equal(t, "another kind", b.on(breakPolicy, "second"), false)
}
