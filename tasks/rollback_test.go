package tasks

import (
	"path/filepath"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
	"github.com/hcrun/hcrun/engine/journal"
)

// controlPlane is a node with a manifest, and folders as a kubeadm master has them.
func controlPlane(t *testing.T) *enginetest.Node {
	t.Helper()
	n := enginetest.NewNode("master1")
	for _, at := range []string{"/etc", "/etc/kubernetes", "/etc/kubernetes/manifests", "/root", "/var", "/var/log"} {
		_ = n.Mkdir(at, 0o755) // some are there already
	}
	body, err := podFile("old").Content.Read(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for at, data := range map[string][]byte{theManifest: body, "/etc/kubernetes/audit-policy.yaml": []byte("old policy\n"), "/var/log/old.log": []byte("a line\n")} {
		if err := n.WriteFile(at, data, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestApplyThenRollbackIsExact carries the file tasks through the engine, with a journal on disk in
// which nothing but bytes survives between the two.
func TestApplyThenRollbackIsExact(t *testing.T) {
	n := controlPlane(t)
	before := n.Digest()
	list := changers(t)
	pb := &engine.Playbook{Name: "test"}
	for i, task := range []engine.Task{
		list["scp"], list["mkdir"], &Touch{Path: "/var/log/kubernetes/audit.log", Mode: 0o600}, &Touch{Path: "/var/log/old.log", Mode: 0o600},
		list["backup"], patch(t, theManifest, "new"), &Assert{Path: "/root/pre", Is: "file", After: true}, &Assert{Path: "/var/log", Is: "dir"},
	} {
		pb.Steps = append(pb.Steps, engine.Step{Name: string(rune('a' + i)), Task: task})
	}
	steps, err := engine.Plan(t.Context(), pb, n.Look)
	if err != nil {
		t.Fatal(err)
	}
	store, err := journal.OpenStore(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	const id = "20261125-200312-master1-aaaa"
	j, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine.Engine{Journal: j, Kinds: All()}
	r, err := e.Open(t.Context(), id, engine.Opened{Playbook: "test", Node: "master1", Address: "master1:22"}, steps)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Apply(t.Context(), n, r); err != nil {
		t.Fatal(err)
	}
	if n.Digest() == before {
		t.Fatal("nothing has changed")
	}
	if again, err := engine.Plan(t.Context(), pb, n.Look); err != nil || engine.HasChanges(again) {
		t.Errorf("the second plan: %q, %v", summary(again), err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	rollBack(t, store, id, n)
	if after := n.Digest(); after != before {
		t.Errorf("the node is not as it was:\n%s\nit was:\n%s", after, before)
	}
	if report, err := store.Verify(id); err != nil || report.Blobs == 0 || report.Records == 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// rollBack undoes a run as another process would.
func rollBack(t *testing.T, store *journal.Store, id string, n *enginetest.Node) {
	t.Helper()
	j, events, err := store.Continue(id)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r, err := engine.Fold(events)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine.Engine{Journal: j, Kinds: All()}
	if err := e.Rollback(t.Context(), n, r, "somebody", "to see"); err != nil {
		t.Fatal(err)
	}
}
