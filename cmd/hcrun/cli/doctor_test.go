package cli

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
	"github.com/hcrun/hcrun/inventory"
)

// answering is a node that can only be watched, with answers to commands by their first word.
type answering struct {
	fake    *enginetest.Node
	answers map[string]string // "!3 text" ends with status 3
}

func (n answering) Name() string { return n.fake.Name() }
func (n answering) Look(ctx context.Context, paths ...string) ([]engine.Image, error) {
	return n.fake.Look(ctx, paths...)
}
func (n answering) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}
func (n answering) Observe(_ context.Context, argv ...string) ([]byte, error) {
	if err := engine.ReadOnly(argv); err != nil {
		return nil, err
	}
	text, ok := n.answers[strings.Join(argv[:min(len(argv), 3)], " ")]
	if !ok {
		text, ok = n.answers[argv[0]]
	}
	if !ok {
		return nil, &engine.ExitError{Argv: argv, Code: 127, Stderr: "not found"}
	}
	code := 0
	if _, err := fmt.Sscanf(text, "!%d", &code); err == nil {
		return nil, &engine.ExitError{Argv: argv, Code: code, Stderr: text}
	}
	return []byte(text), nil
}

const (
	dfHead    = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
	dfRoom    = dfHead + "/dev/a 100000000 1 90000000 1% /\n/dev/b 100 1 70000000 1% /var/my lib\n/dev/a 100000000 1 90000000 1% /\n"
	dfInodes  = dfHead + "/dev/a 1000000 1 900000 1% /\n/dev/b 0 0 0 - /var/my lib\n/dev/a 1000000 1 900000 1% /\n"
	manifest1 = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\n  namespace: kube-system\nspec:\n  containers:\n  - name: a\n    image: b\n"
)

// anyCA is a certificate that nobody here has signed anything with.
func anyCA(t *testing.T) string {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// TestExamine changes one thing of a healthy node at a time, and holds what is found.
func TestExamine(t *testing.T) {
	now := time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string {
		t := now.Add(d)
		return fmt.Sprintf("%d %09d\n", t.Unix(), t.Nanosecond())
	}
	tests := map[string]struct {
		answers map[string]string
		files   map[string]string
		want    []string // "level check words", of all that is not fine
	}{
		"healthy":                       {},
		"not root":                      {answers: map[string]string{"id": "1000\n"}, want: []string{"in the way user as user id 1000"}},
		"4 s apart":                     {answers: map[string]string{"date": at(4 * time.Second)}},
		"59 s ahead":                    {answers: map[string]string{"date": at(59 * time.Second)}, want: []string{"warning clock 59s ahead"}},
		"61 s ahead":                    {answers: map[string]string{"date": at(61 * time.Second)}, want: []string{"in the way clock 1m1s ahead"}},
		"59 s behind":                   {answers: map[string]string{"date": at(-59 * time.Second)}, want: []string{"warning clock 59s behind"}},
		"61 s behind":                   {answers: map[string]string{"date": at(-61 * time.Second)}, want: []string{"in the way clock 1m1s behind"}},
		"no date":                       {answers: map[string]string{"date": "!1 no such clock"}, want: []string{"warning clock cannot be read"}},
		"25 h behind":                   {answers: map[string]string{"date": at(-25 * time.Hour)}, want: []string{"in the way clock 25h0m0s behind"}},
		"a date without nanoseconds":    {answers: map[string]string{"date": fmt.Sprintf("%d %%N\n", now.Unix())}},
		"no time":                       {answers: map[string]string{"date": "soon\n"}, want: []string{"warning clock cannot be read"}},
		"a full disk":                   {answers: map[string]string{"df -P -k": strings.Replace(dfRoom, "70000000", "100", 1)}, want: []string{"in the way disk only 100 KiB are free on /var/my lib (for /var/lib)"}},
		"a tight disk":                  {answers: map[string]string{"df -P -k": strings.ReplaceAll(dfRoom, "90000000", "900000")}, want: []string{"warning disk only 878 MiB are free on / (for /etc/kubernetes, /var/log)"}},
		"no inodes":                     {answers: map[string]string{"df -P -i": strings.ReplaceAll(dfInodes, "900000", "3")}, want: []string{"in the way disk only 3 more files fit on /"}},
		"df that cannot be read":        {answers: map[string]string{"df -P -i": "what?"}, want: []string{"warning disk cannot be asked"}},
		"a stray file":                  {files: map[string]string{manifests + "/etcd.yaml.bak": manifest1}, want: []string{"in the way pods etcd.yaml.bak is not a manifest"}},
		"a stray file where kubelet is": {files: map[string]string{kubeletConfig: "staticPodPath: /etc/pods # ours\n", "/etc/pods/etcd.yaml.bak": manifest1}, want: []string{"in the way pods /etc/pods/etcd.yaml.bak"}},
		"no static pods":                {files: map[string]string{kubeletConfig: "staticPodPath: /etc/none\n"}, want: []string{"warning pods there is no /etc/none"}},
		"kubelet is down":               {answers: map[string]string{"systemctl": "!3 inactive"}, want: []string{"in the way kubelet inactive"}},
		"no systemd":                    {answers: map[string]string{"systemctl": "!127 not found"}, want: []string{"warning kubelet cannot be asked"}},
		"no runtime":                    {answers: map[string]string{"crictl": "!1 connection error"}, want: []string{"in the way runtime connection error"}},
		"no API server":                 {files: map[string]string{manifests + "/kube-apiserver.yaml": strings.Replace(manifest1, "etcd", "kube-apiserver", 1), "/etc/kubernetes/pki/ca.crt": anyCA(t)}, want: []string{"in the way api connection refused"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := answering{fake: enginetest.NewNode("m1"), answers: map[string]string{"id": "0\n", "date": at(0), "df -P -k": dfRoom, "df -P -i": dfInodes, "systemctl": "active\n", "crictl": "a\nb\n"}}
			for k, v := range tt.answers {
				n.answers[k] = v
			}
			plantFiles(t, n.fake, map[string]string{manifests + "/etcd.yaml": manifest1, "/var/lib/x": "", "/var/log/x": ""})
			plantFiles(t, n.fake, tt.files)
			digest := n.fake.Digest()
			var got []finding
			for _, f := range examine(t.Context(), n, engine.Clock{Time: func() time.Time { return now }}) {
				if f.Level != fine {
					got = append(got, f)
				}
			}
			if len(got) != len(tt.want) {
				t.Fatalf("found %+v, want %q", got, tt.want)
			}
			for i, want := range tt.want {
				head := fmt.Sprintf("%s %s ", got[i].Level, got[i].Check)
				words, ok := strings.CutPrefix(want, head)
				if !ok || !strings.Contains(got[i].Text, words) {
					t.Errorf("found %s%q, want %q", head, got[i].Text, want)
				}
			}
			if n.fake.Digest() != digest || n.fake.Puts() != 0 {
				t.Error("something was changed")
			}
		})
	}
}

func plantFiles(t *testing.T, n *enginetest.Node, files map[string]string) {
	t.Helper()
	for at, text := range files {
		var dirs []string
		for dir := filepath.Dir(at); dir != "/"; dir = filepath.Dir(dir) {
			dirs = append([]string{dir}, dirs...)
		}
		for _, dir := range dirs {
			if err := n.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				t.Fatal(err)
			}
		}
		if err := n.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerdict(t *testing.T) {
	way := func(code engine.Code) finding { return finding{Node: "m1", Level: inTheWay, code: code} }
	tests := map[string]struct {
		found []finding
		want  engine.Code
	}{
		"nothing":      {want: engine.Done},
		"warnings":     {found: []finding{{Level: warning}, {Level: fine}}, want: engine.Done},
		"preflight":    {found: []finding{way(engine.Preflight)}, want: engine.Preflight},
		"unreachable":  {found: []finding{way(engine.Preflight), way(engine.Unreachable)}, want: engine.Unreachable},
		"wrong host":   {found: []finding{way(engine.Unreachable), way(engine.Identity), way(engine.Preflight)}, want: engine.Identity},
		"this machine": {found: []finding{{Node: here, Level: inTheWay}}, want: engine.Preflight},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := engine.CodeOf(verdict(tt.found)); got != tt.want {
				t.Errorf("code %d, want %d", got, tt.want)
			}
		})
	}
}

// TestExamineHere changes one thing of this machine at a time.
func TestExamineHere(t *testing.T) {
	hosts := []inventory.Host{{Name: "m1", Address: "192.0.2.1", Port: 22}}
	tests := map[string]struct {
		prepare func(t *testing.T, home, state string)
		agent   string
		want    string // "level check words", the first that is not fine
	}{
		"nothing there":     {want: "in the way keys no SSH agent and no key file"},
		"a key, no hosts":   {prepare: func(t *testing.T, home, _ string) { key(t, home) }, want: "warning known none of"},
		"a dead agent":      {agent: "/nonexistent/agent", want: "warning keys nobody answers"},
		"all well":          {prepare: func(t *testing.T, home, _ string) { key(t, home); known(t, home, 0o600) }},
		"others write it":   {prepare: func(t *testing.T, home, _ string) { key(t, home); known(t, home, 0o666) }, want: "in the way known others can make any host"},
		"others write runs": {prepare: func(t *testing.T, home, state string) { key(t, home); known(t, home, 0o600); chmod(t, state, 0o777) }, want: "in the way state chmod go-w"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			home, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
			if tt.prepare != nil {
				tt.prepare(t, home, state)
			}
			a := &app{state: state, env: func(name string) (string, bool) {
				v := map[string]string{"HOME": home, "SSH_AUTH_SOCK": tt.agent}[name]
				return v, v != ""
			}}
			found, _ := a.examineHere(&site{app: a, inv: &inventory.Inventory{Hosts: hosts}}, hosts)
			got := ""
			for _, f := range found {
				if f.Level != fine && got == "" {
					got = fmt.Sprintf("%s %s %s; %s", f.Level, f.Check, f.Text, f.Do)
				}
			}
			words := strings.SplitN(strings.Replace(tt.want, "in the way", "in_the_way", 1), " ", 3)
			got = strings.Replace(got, "in the way", "in_the_way", 1)
			if !strings.HasPrefix(got, strings.Join(words[:min(2, len(words))], " ")) || !strings.Contains(got, words[len(words)-1]) || tt.want == "" && got != "" {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func key(t *testing.T, home string) { file(t, filepath.Join(home, ".ssh", "id_ed25519"), 0o600) }
func known(t *testing.T, home string, mode os.FileMode) {
	file(t, filepath.Join(home, ".ssh", "known_hosts"), mode)
}

func file(t *testing.T, at string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, nil, mode), os.Chmod(at, mode)); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
}
