package tasks

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

func TestAssertPrepareRefuses(t *testing.T) {
	yes := true
	tests := map[string]struct {
		task  Assert
		words []string
	}{
		"nothing":            {Assert{}, []string{"exactly one of that, path and command"}},
		"two":                {Assert{That: &yes, Path: "/x"}, []string{"exactly one of"}},
		"mode of nothing":    {Assert{That: &yes, Mode: 0o600}, []string{"about a path"}},
		"a relative path":    {Assert{Path: "x"}, []string{"path", "absolute"}},
		"a wrong kind":       {Assert{Path: "/x", Is: "directory"}, []string{"is", `"dir"`}},
		"absent with a mode": {Assert{Path: "/x", Is: "absent", Mode: 0o600}, []string{"is", "absent"}},
		"text in a dir":      {Assert{Path: "/x", Is: "dir", Contains: "a"}, []string{"contains"}},
		"an owner's name":    {Assert{Path: "/x", Owner: "etcd"}, []string{"owner"}},
		"a size":             {Assert{Path: "/x", Free: "1GB"}, []string{"free", "1GiB"}},
		"a huge size":        {Assert{Path: "/x", Free: "999999999TiB"}, []string{"free", "larger than any disk"}},
		"a command":          {Assert{Command: []string{"rm", "-rf", "/"}}, []string{"command", "rm"}},
		"output of nothing":  {Assert{Path: "/x", Output: "a"}, []string{"output"}},
		"no regexp":          {Assert{Command: []string{"nproc"}, Output: "("}, []string{"output", "missing closing"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { wantProblem(t, tt.task.Prepare(nil), 0, tt.words...) })
	}
}

func TestAssert(t *testing.T) {
	yes, no := true, false
	n := newTree(map[string]engine.Image{
		"/etc/key":  {Kind: engine.File, Mode: 0o600, UID: 7, Content: engine.Bytes([]byte("-----BEGIN\n"))},
		"/var/log":  dir(),
		"/etc/link": {Kind: engine.Link, Target: "key"},
	})
	n.outputs["systemctl is-active kubelet"] = "active\n"
	n.outputs["nproc"] = "warning\n4\n"
	n.outputs["df -P -k /var/log"] = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/mapper/a b 4096 1024 2097152 34% /var/my log\n"
	n.outputs["df -P -k /etc"] = "Filesystem 1024-blocks Used Available Capacity Mounted on\nnone 0 0 0 - /etc\n"
	n.outputs["df -P -k /"] = "something else\n"
	tests := map[string]struct {
		task  Assert
		words []string // none: it holds
	}{
		"true":                   {Assert{That: &yes}, nil},
		"false":                  {Assert{That: &no, Message: "not on this disk"}, []string{"not on this disk", "condition is false"}},
		"is there":               {Assert{Path: "/etc/key"}, nil},
		"is not there":           {Assert{Path: "/etc/kez", Message: "kubeadm makes it"}, []string{"kubeadm makes it", "/etc/kez is not there"}},
		"a file":                 {Assert{Path: "/etc/key", Is: "file", Mode: 0o600, Owner: "7", Contains: "BEGIN"}, nil},
		"no directory":           {Assert{Path: "/etc/key", Is: "dir"}, []string{"/etc/key", "expected is dir"}},
		"a link is no file":      {Assert{Path: "/etc/link", Is: "file"}, []string{"symbolic link", "expected is file"}},
		"another mode":           {Assert{Path: "/etc/key", Mode: 0o644}, []string{"0600", "0644"}},
		"another owner":          {Assert{Path: "/etc/key", Owner: "root"}, []string{"user id 7", "root"}},
		"other text":             {Assert{Path: "/etc/key", Contains: "END"}, []string{"does not contain", "END"}},
		"text of a directory":    {Assert{Path: "/var/log", Contains: "x"}, []string{"dir and not a file"}},
		"absent":                 {Assert{Path: "/etc/kez", Is: "absent"}, nil},
		"not absent":             {Assert{Path: "/etc/key", Is: "absent"}, []string{"is there", "expected is absent"}},
		"a command":              {Assert{Command: []string{"systemctl", "is-active", "kubelet"}, Output: "^active$"}, nil},
		"a line of its output":   {Assert{Command: []string{"nproc"}, Output: "^[0-9]+$"}, nil},
		"a command that fails":   {Assert{Command: []string{"systemctl", "is-active", "etcd"}}, []string{"systemctl is-active etcd", "status 1", "no such thing"}},
		"other output":           {Assert{Command: []string{"nproc"}, Output: "^8$"}, []string{`"warning\n4"`, "^8$"}},
		"room":                   {Assert{Path: "/var/log", Free: "2GiB"}, nil},
		"room for what will be":  {Assert{Path: "/var/log/a/b", Free: "1.5GiB"}, nil},
		"no room":                {Assert{Path: "/var/log", Free: "2.1GiB", Message: "logs grow"}, []string{"logs grow", "2.0GiB", "/var/my log", "2.1GiB"}},
		"no room at all":         {Assert{Path: "/etc", Free: "1KiB"}, []string{"0KiB"}},
		"room, but no file":      {Assert{Path: "/var/log/a", Free: "1GiB", Is: "dir"}, []string{"/var/log/a is not there"}},
		"df that cannot be read": {Assert{Path: "/srv", Free: "1GiB"}, []string{"df answered", "something else"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tt.task.Prepare(nil); err != nil {
				t.Fatal(err)
			}
			again := rebuild(t, &tt.task)
			mark, err := again.Mark(t.Context(), watch(n), nil)
			if len(tt.words) == 0 {
				if err := errors.Join(err, again.Check(t.Context(), watch(newTree(nil)), mark)); err != nil {
					t.Error(err)
				}
				return
			}
			wantProblem(t, err, engine.Preflight, tt.words...)
		})
	}
}

// rebuild is the check as resume gets it: from its journaled fields alone.
func rebuild(t *testing.T, task *Assert) engine.Checker {
	t.Helper()
	fields, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&engine.Engine{Kinds: All()}).Checker("assert", fields)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAssertAfterIsAskedInItsPlace(t *testing.T) {
	c := rebuild(t, &Assert{Path: "/etc/x", After: true, Message: "written by the step before"})
	n := newTree(nil)
	mark, err := c.Mark(t.Context(), watch(n), nil)
	if err != nil || n.looks != 0 {
		t.Fatalf("asked too early: %v", err)
	}
	err = c.Check(t.Context(), watch(n), mark)
	if f, ok := errors.AsType[*engine.Failed](err); !ok || f.Why != "written by the step before (/etc/x is not there)" {
		t.Errorf("got %v", err)
	}
	n.at["/etc/x"] = file("x")
	if err := c.Check(t.Context(), watch(n), mark); err != nil {
		t.Error(err)
	}
}
