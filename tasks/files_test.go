package tasks

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hcrun/hcrun/engine"
)

func localFiles() fstest.MapFS {
	return fstest.MapFS{
		"files/audit-policy.yaml": {Data: []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n")},
		"files/broken.json":       {Data: []byte("{\n  \"a\": 1,\n}\n")},
		"files/node.tmpl":         {Data: []byte("address: {{ .address }}\n{{ range .list }}- {{ . }}\n{{ end }}")},
		"files/bad.tmpl":          {Data: []byte("a\n{{ .x }\n")},
		"files/huge.tmpl":         {Data: []byte("{{ range 100000000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}")},
	}
}

func TestScpPrepareRefuses(t *testing.T) {
	tests := map[string]struct {
		task  Scp
		words []string
	}{
		"nothing":              {Scp{Destination: "/etc/x"}, []string{"exactly one of source, content and template"}},
		"two sources":          {Scp{Destination: "/etc/x", Source: "files/a", Content: "b"}, []string{"exactly one of"}},
		"no destination":       {Scp{Content: "x"}, []string{"destination", "is needed"}},
		"relative destination": {Scp{Content: "x", Destination: "etc/x"}, []string{"destination", "absolute", "/etc/x"}},
		"slash at the end":     {Scp{Content: "x", Destination: "/etc/x/"}, []string{"destination", `write it as "/etc/x"`}},
		"dots":                 {Scp{Content: "x", Destination: "/etc/../x"}, []string{"destination", `write it as "/x"`}},
		"a newline":            {Scp{Content: "x", Destination: "/etc/a\nb"}, []string{"destination", "control character"}},
		"the root":             {Scp{Content: "x", Destination: "/"}, []string{"destination", "root"}},
		"too long":             {Scp{Content: "x", Destination: "/" + strings.Repeat("a", 5000)}, []string{"destination", "4095"}},
		"an owner's name":      {Scp{Content: "x", Destination: "/x", Owner: "etcd"}, []string{"owner", `"etcd"`, "root", "id -u"}},
		"a group's name":       {Scp{Content: "x", Destination: "/x", Group: "adm"}, []string{"group", `"adm"`, "getent group"}},
		"no such id":           {Scp{Content: "x", Destination: "/x", Owner: "4294967295"}, []string{"owner"}},
		"set-uid":              {Scp{Content: "x", Destination: "/x", Mode: 0o4755}, []string{"mode", "4755"}},
		"vars without use":     {Scp{Content: "x", Destination: "/x", Vars: map[string]any{"a": 1}}, []string{"vars"}},
		"no such validator":    {Scp{Content: "x", Destination: "/x", Validate: "audit_policy"}, []string{"validate", `did you mean "audit-policy"?`}},
		"no such file":         {Scp{Source: "files/audit-polcy.yaml", Destination: "/x"}, []string{"source", `did you mean "files/audit-policy.yaml"?`}},
		"no such folder":       {Scp{Source: "fils/audit-policy.yaml", Destination: "/x"}, []string{"source", `no folder "fils"`}},
		"a directory":          {Scp{Source: "files", Destination: "/x"}, []string{"source", "directory", `fileset("files/**")`}},
		"invalid":              {Scp{Source: "files/broken.json", Destination: "/x", Validate: "json"}, []string{"validate", "files/broken.json:3:", "3 | }"}},
		"template syntax":      {Scp{Template: "files/bad.tmpl", Destination: "/x"}, []string{"template", "files/bad.tmpl:2"}},
		"template name":        {Scp{Template: "files/node.tmpl", Destination: "/x", Vars: map[string]any{"adress": 1}}, []string{"template", "files/node.tmpl:1", "address"}},
		"template without":     {Scp{Template: "files/node.tmpl", Destination: "/x"}, []string{"template", "address"}},
		"template null":        {Scp{Template: "files/node.tmpl", Destination: "/x", Vars: map[string]any{"address": nil, "list": nil}}, []string{"template", "line 1", "null"}},
		"template too large":   {Scp{Template: "files/huge.tmpl", Destination: "/x"}, []string{"template", "larger than"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, tt.task.Prepare(localFiles()), 0, tt.words...)
		})
	}
}

func TestScpReadsOnlyBelowThePlaybook(t *testing.T) {
	top := t.TempDir()
	for name, data := range map[string]string{"secret": "x", "book/files/a": "a"} {
		p := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../secret", filepath.Join(top, "book/files/link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(top, "book"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, source := range []string{"../secret", filepath.Join(top, "secret"), "files/../../secret", "files/link"} {
		err := (&Scp{Source: source, Destination: "/x"}).Prepare(root.FS())
		wantProblem(t, err, engine.Security, "source")
	}
	for _, source := range []string{"files/a", "./files/a"} {
		if err := (&Scp{Source: source, Destination: "/x"}).Prepare(root.FS()); err != nil {
			t.Error(err)
		}
	}
}

func TestScpPlans(t *testing.T) {
	owned := file("old\n")
	owned.Mode, owned.UID, owned.GID, owned.Label = 0o640, 7, 8, "system_u:object_r:etc_t:s0"
	tests := map[string]struct {
		task Scp
		was  map[string]engine.Image
		want []string
	}{
		"a new file": {Scp{Content: "new\n", Destination: "/etc/x"}, map[string]engine.Image{"/etc": dir()},
			[]string{"create /etc/x file 0600 0:0, 4 bytes sha256:7aa7a5359173"}},
		"rights of its own": {Scp{Content: "new\n", Destination: "/etc/x", Mode: 0o644, Owner: "5", Group: "root"}, map[string]engine.Image{"/etc": dir()},
			[]string{"create /etc/x file 0644 5:0, 4 bytes sha256:7aa7a5359173"}},
		"what is there keeps its rights": {Scp{Content: "new\n", Destination: "/etc/x"}, map[string]engine.Image{"/etc/x": owned},
			[]string{"replace /etc/x file 0640 7:8, 4 bytes sha256:7aa7a5359173"}},
		"only the mode": {Scp{Content: "old\n", Destination: "/etc/x", Mode: 0o600}, map[string]engine.Image{"/etc/x": owned},
			[]string{"adjust /etc/x file 0600 7:8, 4 bytes sha256:01d09d19c213"}},
		"nothing": {Scp{Content: "old\n", Destination: "/etc/x"}, map[string]engine.Image{"/etc/x": owned}, nil},
		"a template": {Scp{Template: "files/node.tmpl", Vars: map[string]any{"address": "10.0.0.1", "list": []any{1, "b"}}, Destination: "/etc/x"},
			map[string]engine.Image{"/etc": dir()}, []string{"create /etc/x file 0600 0:0, 26 bytes sha256:" + engine.Bytes([]byte("address: 10.0.0.1\n- 1\n- b\n")).Hash()[:12]}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tt.task.Prepare(localFiles()); err != nil {
				t.Fatal(err)
			}
			wantChanges(t, newTree(tt.was).mustPlan(t, &tt.task), tt.want...)
		})
	}
}

func TestScpKeepsTheLabel(t *testing.T) {
	was := file("old\n")
	was.Label = "system_u:object_r:etc_t:s0"
	task := &Scp{Content: "new\n", Destination: "/etc/x"}
	if err := task.Prepare(nil); err != nil {
		t.Fatal(err)
	}
	steps := newTree(map[string]engine.Image{"/etc/x": was}).mustPlan(t, task)
	if got := steps[0].Changes[0].After.Label; got != was.Label {
		t.Errorf("label %q", got)
	}
}

// refusals are what no task that writes a file at /d/x may plan on.
func refusals() map[string]struct {
	was   map[string]engine.Image
	code  engine.Code
	words []string
} {
	two, suid := file("x"), file("x")
	two.Links, suid.Mode = 2, 0o4755
	return map[string]struct {
		was   map[string]engine.Image
		code  engine.Code
		words []string
	}{
		"a link":           {map[string]engine.Image{"/d/x": {Kind: engine.Link, Target: "/etc/shadow"}}, engine.Security, []string{"/d/x", "/etc/shadow"}},
		"a device":         {map[string]engine.Image{"/d/x": {Kind: engine.Other}}, engine.Security, []string{"/d/x", "device"}},
		"a directory":      {map[string]engine.Image{"/d/x": dir()}, engine.Preflight, []string{"/d/x", "directory"}},
		"two names":        {map[string]engine.Image{"/d/x": two}, engine.Preflight, []string{"/d/x", "2 names"}},
		"set-uid":          {map[string]engine.Image{"/d/x": suid}, engine.Preflight, []string{"/d/x", "4755"}},
		"no folder":        {nil, engine.Preflight, []string{"/d is not there", `task "mkdir" "d"`, `path = "/d"`}},
		"folder is a link": {map[string]engine.Image{"/d": {Kind: engine.Link, Target: "/tmp"}}, engine.Security, []string{"/d", "/tmp"}},
		"folder is a file": {map[string]engine.Image{"/d": file("x")}, engine.Preflight, []string{"/d is a file"}},
	}
}

func TestTasksRefuseWhatTheyCannotReplace(t *testing.T) {
	for name, tt := range refusals() {
		source := file("x")
		if tt.was == nil {
			tt.was = map[string]engine.Image{}
		}
		tt.was["/s/x"] = source
		tt.was["/s/y"] = source
		patched := &Scp{Content: "y", Destination: "/s/x"}
		scp := &Scp{Content: "new", Destination: "/d/x"}
		for _, task := range []*Scp{patched, scp} {
			if err := task.Prepare(nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, list := range [][]engine.Task{
			{scp},
			{&Touch{Path: "/d/x", Mode: 0o600}},
			{&Backup{Path: "/s/x", To: "/d/x", OnDifference: "overwrite"}, patched},
		} {
			t.Run(list[0].Kind()+"/"+name, func(t *testing.T) {
				_, err := newTree(tt.was).plan(t, list...)
				wantProblem(t, err, tt.code, tt.words...)
			})
		}
	}
}

func TestAnEarlierMkdirIsSeen(t *testing.T) {
	scp := &Scp{Content: "x", Destination: "/var/log/k/x"}
	if err := scp.Prepare(nil); err != nil {
		t.Fatal(err)
	}
	n := newTree(map[string]engine.Image{"/var/log": dir()})
	steps := n.mustPlan(t, &Mkdir{Path: "/var/log/k", Mode: 0o700}, scp, &Touch{Path: "/var/log/k/y", Mode: 0o600})
	wantChanges(t, steps, "create /var/log/k directory 0700 0:0",
		"create /var/log/k/x file 0600 0:0, 1 bytes sha256:2d711642b726", "create /var/log/k/y file 0600 0:0, any content")
}

func TestScpUnprepared(t *testing.T) {
	_, err := newTree(nil).plan(t, &Scp{Content: "x", Destination: "/x"})
	wantProblem(t, err, 0, "not prepared")
}

// bigFS has one file of size bytes, which is never in memory as a whole.
type bigFS struct {
	size int64
	fill byte
}

func (b *bigFS) Open(string) (fs.File, error) { return &bigFile{bigFS: b, left: b.size}, nil }

type bigFile struct {
	*bigFS
	left int64
}

func (f *bigFile) Stat() (fs.FileInfo, error) {
	info, err := fstest.MapFS{"big": {}}.Stat("big")
	return sized{info, f.size}, err
}

func (f *bigFile) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), f.left)]
	for i := range p {
		p[i] = f.fill
	}
	f.left -= int64(len(p))
	return len(p), nil
}

func (f *bigFile) Close() error { return nil }

// sized says how large it is, as a real file does.
type sized struct {
	fs.FileInfo
	size int64
}

func (s sized) Size() int64 { return s.size }

func TestALargeFileIsNotHeldInMemory(t *testing.T) {
	big := &bigFS{size: 64 << 20}
	task := &Scp{Source: "big", Destination: "/x"}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := task.Prepare(big); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > inMemory {
		t.Errorf("%d bytes were allocated for a file of %d", got, big.size)
	}
	if task.body.Size() != big.size {
		t.Errorf("size %d", task.body.Size())
	}
	if n, err := drain(t.Context(), task.body); n != big.size || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	big.fill = 1
	if _, err := drain(t.Context(), task.body); err == nil {
		t.Error("a file that has changed since the plan was read without an error")
	}
}

func drain(ctx context.Context, c engine.Content) (int64, error) {
	r, err := c.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, r)
}

func TestMkdir(t *testing.T) {
	no := false
	odd := engine.Image{Kind: engine.Dir, Mode: 0o711, UID: 3, GID: 4}
	tests := map[string]struct {
		task Mkdir
		was  map[string]engine.Image
		want []string
	}{
		"with its parents":            {Mkdir{Path: "/a/b/c", Mode: 0o700, Owner: "5"}, nil, []string{"create /a directory 0755 0:0", "create /a/b directory 0755 0:0", "create /a/b/c directory 0700 5:0"}},
		"the default mode":            {Mkdir{Path: "/a"}, nil, []string{"create /a directory 0755 0:0"}},
		"parents that are there stay": {Mkdir{Path: "/a/b", Mode: 0o700}, map[string]engine.Image{"/a": odd}, []string{"create /a/b directory 0700 0:0"}},
		"what is there stays":         {Mkdir{Path: "/a"}, map[string]engine.Image{"/a": odd}, nil},
		"only the mode":               {Mkdir{Path: "/a", Mode: 0o700}, map[string]engine.Image{"/a": odd}, []string{"adjust /a directory 0700 3:4"}},
		"only the owner":              {Mkdir{Path: "/a", Owner: "root"}, map[string]engine.Image{"/a": odd}, []string{"adjust /a directory 0711 0:4"}},
		"without parents":             {Mkdir{Path: "/a/b", Parents: &no}, map[string]engine.Image{"/a": odd}, []string{"create /a/b directory 0755 0:0"}},
		"sticky":                      {Mkdir{Path: "/a", Mode: 0o1777}, nil, []string{"create /a directory 1777 0:0"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantChanges(t, newTree(tt.was).mustPlan(t, &tt.task), tt.want...)
		})
	}
}

func TestMkdirRefuses(t *testing.T) {
	no := false
	tests := map[string]struct {
		task Mkdir
		was  map[string]engine.Image
		code engine.Code
		word string
	}{
		"a file":            {Mkdir{Path: "/a/b"}, map[string]engine.Image{"/a/b": file("x")}, engine.Preflight, "/a/b is there and is not a directory"},
		"a file above":      {Mkdir{Path: "/a/b"}, map[string]engine.Image{"/a": file("x")}, engine.Preflight, "/a is there and is not a directory"},
		"a link":            {Mkdir{Path: "/a/b"}, map[string]engine.Image{"/a/b": {Kind: engine.Link, Target: "/c"}}, engine.Security, "/c"},
		"a link above":      {Mkdir{Path: "/a/b"}, map[string]engine.Image{"/a": {Kind: engine.Link, Target: "/c"}}, engine.Security, "/c"},
		"a missing parent":  {Mkdir{Path: "/a/b", Parents: &no}, nil, engine.Preflight, "/a is not there"},
		"a device":          {Mkdir{Path: "/a"}, map[string]engine.Image{"/a": {Kind: engine.Other}}, engine.Preflight, "/a"},
		"an owner's name":   {Mkdir{Path: "/a", Owner: "www"}, nil, 0, "owner"},
		"a path that is no": {Mkdir{Path: "a"}, nil, 0, "absolute"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newTree(tt.was).plan(t, &tt.task)
			wantProblem(t, err, tt.code, tt.word)
		})
	}
}

func TestTouch(t *testing.T) {
	log := file("lines\n")
	tests := map[string]struct {
		task Touch
		was  map[string]engine.Image
		want []string
	}{
		"a new file":     {Touch{Path: "/l/x", Mode: 0o600, Owner: "9"}, map[string]engine.Image{"/l": dir()}, []string{"create /l/x file 0600 9:0, any content"}},
		"a wrong mode":   {Touch{Path: "/l/x", Mode: 0o600}, map[string]engine.Image{"/l/x": log}, []string{"adjust /l/x file 0600 0:0, any content"}},
		"all is well":    {Touch{Path: "/l/x", Mode: 0o644}, map[string]engine.Image{"/l/x": log}, nil},
		"only the owner": {Touch{Path: "/l/x", Mode: 0o644, Group: "4"}, map[string]engine.Image{"/l/x": log}, []string{"adjust /l/x file 0644 0:4, any content"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantChanges(t, newTree(tt.was).mustPlan(t, &tt.task), tt.want...)
		})
	}
	wantProblem(t, (&Touch{Path: "/x"}).Prepare(nil), 0, "mode", "is needed")
}

func TestTouchAllowsTheLogToGrow(t *testing.T) {
	n := newTree(map[string]engine.Image{"/l/x": file("one\n")})
	steps, err := n.plan(t, &Touch{Path: "/l/x", Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	if c := steps[0].Changes[0]; !c.Before.Matches(file("one\ntwo\n")) || !c.Before.Content.IsZero() || !c.After.Content.IsZero() {
		t.Errorf("%+v holds the log to what it was", c)
	}
}

const theManifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"

func podFile(text string) engine.Image {
	img := file("apiVersion: v1\nkind: Pod\nmetadata: {name: " + text + "}\n")
	img.Mode = 0o600
	return img
}

// patch stands for the step that changes the manifest.
func patch(t *testing.T, at, text string) *Scp {
	t.Helper()
	body, err := podFile(text).Content.Read(t.Context(), 1<<20)
	task := &Scp{Content: string(body), Destination: at}
	if err := errors.Join(err, task.Prepare(nil)); err != nil {
		t.Fatal(err)
	}
	return task
}

func TestBackupIsMadeWhenALaterStepChangesTheFile(t *testing.T) {
	n := newTree(map[string]engine.Image{theManifest: podFile("old"), "/root": dir()})
	backup := &Backup{Path: theManifest, To: "/root/kube-apiserver.yaml.pre-audit"}
	steps := n.mustPlan(t, backup, patch(t, theManifest, "new"))
	if len(steps[0].Changes) != 1 || len(steps[1].Changes) != 1 {
		t.Fatalf("planned %q", summary(steps))
	}
	if c := steps[0].Changes[0]; c.At != backup.To || !c.After.Matches(podFile("old")) {
		t.Errorf("the copy is %s", c.After)
	}
	// mustPlan has planned again: the copy differs from the manifest by now, and that is fine.
}

func TestBackupIsNotMadeForNothing(t *testing.T) {
	other := patch(t, "/etc/other", "x")
	tests := map[string][]engine.Task{
		"nothing follows":           {&Backup{Path: theManifest, To: "/root/x"}},
		"another file changes":      {&Backup{Path: theManifest, To: "/root/x"}, other},
		"the change comes before":   {patch(t, theManifest, "new"), &Backup{Path: theManifest, To: "/root/x"}},
		"the file is as it will be": {&Backup{Path: theManifest, To: "/root/x"}, patch(t, theManifest, "old")},
		"even its error is nothing": {&Backup{Path: "/etc/absent", To: "/root/x"}, other},
	}
	for name, list := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTree(map[string]engine.Image{theManifest: podFile("old"), "/root": dir()})
			steps := n.mustPlan(t, list...)
			for _, c := range engine.Changes(steps) {
				if c.At == "/root/x" {
					t.Errorf("planned %q", summary(steps))
				}
			}
		})
	}
}

func TestBackupWithAnEarlierCopy(t *testing.T) {
	tests := map[string]struct {
		task  Backup
		there string
		want  string // what the copy is in the end, "" for an error
	}{
		"the same":             {Backup{}, "old", "old"},
		"another":              {Backup{}, "older", ""},
		"another, refused":     {Backup{OnDifference: "refuse"}, "older", ""},
		"another, kept":        {Backup{OnDifference: "keep"}, "older", "older"},
		"another, overwritten": {Backup{OnDifference: "overwrite"}, "older", "old"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTree(map[string]engine.Image{theManifest: podFile("old"), "/root/x": podFile(tt.there)})
			tt.task.Path, tt.task.To = theManifest, "/root/x"
			steps, err := n.plan(t, &tt.task, patch(t, theManifest, "new"))
			if tt.want == "" {
				wantProblem(t, err, engine.Preflight, "/root/x", "differs", "on_difference")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n.apply(t, steps)
			if got := n.at["/root/x"]; !podFile(tt.want).Matches(got) {
				t.Errorf("the copy is %s", got)
			}
		})
	}
}

func TestBackupRefuses(t *testing.T) {
	kubelet := map[string]engine.Image{
		"/var/lib/kubelet/config.yaml": file("kind: KubeletConfiguration\nstaticPodPath: /srv/pods/\n"),
		"/srv/pods":                    dir(), "/root": dir(), "/opt/m/a.yaml": podFile("old"), theManifest: podFile("old"),
	}
	kubelet["/etc/link"] = engine.Image{Kind: engine.Link, Target: "x"}
	tests := map[string]struct {
		task  Backup
		words []string
	}{
		"kubeadm's folder":         {Backup{Path: theManifest, To: theManifest + ".bak"}, []string{"to", "kubelet runs every file", "/root/kube-apiserver.yaml.bak"}},
		"below kubeadm's folder":   {Backup{Path: theManifest, To: "/etc/kubernetes/manifests/old/x"}, []string{"kubelet"}},
		"the kubelet's own folder": {Backup{Path: theManifest, To: "/srv/pods/x"}, []string{"/srv/pods", "kubelet"}},
		"beside another manifest":  {Backup{Path: "/opt/m/a.yaml", To: "/opt/m/a.yaml.bak"}, []string{"/opt/m", "kubelet"}},
		"no such file":             {Backup{Path: "/etc/absent", To: "/root/x"}, []string{"/etc/absent is not there"}},
		"a link":                   {Backup{Path: "/etc/link", To: "/root/x"}, []string{"/etc/link is a symbolic link"}},
		"itself":                   {Backup{Path: theManifest, To: theManifest}, []string{"to", "the file itself"}},
		"a word":                   {Backup{Path: theManifest, To: "/root/x", OnDifference: "kep"}, []string{"on_difference", `did you mean "keep"?`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tt.task.Plan(t.Context(), newTree(kubelet).Look)
			wantProblem(t, err, 0, tt.words...)
		})
	}
}
