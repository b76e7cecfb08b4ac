package sshnode

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

func file(text string, mode engine.Mode) engine.Image {
	return engine.Image{Kind: engine.File, Mode: mode, UID: os.Getuid(), GID: os.Getgid(), Content: engine.Bytes([]byte(text))}
}

func anyFile(mode engine.Mode) engine.Image {
	return engine.Image{Kind: engine.File, Mode: mode, UID: os.Getuid(), GID: os.Getgid(), AnyContent: true}
}

func dir(mode engine.Mode) engine.Image {
	return engine.Image{Kind: engine.Dir, Mode: mode, UID: os.Getuid(), GID: os.Getgid()}
}

var absent = engine.Image{Kind: engine.Absent}

// lay makes what an image describes.
func lay(t *testing.T, path, text string, i engine.Image) {
	t.Helper()
	var err error
	switch i.Kind {
	case engine.File:
		err = os.WriteFile(path, []byte(text), 0o600)
	case engine.Dir:
		err = os.Mkdir(path, 0o700)
	default:
		return
	}
	if err = errors.Join(err, syscall.Chmod(path, uint32(i.Mode))); err != nil {
		t.Fatal(err)
	}
}

// folder is a scratch folder whose path has no symbolic links.
func folder(t *testing.T) string {
	t.Helper()
	d, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

type putCase struct {
	name   string
	there  engine.Image // what is there
	text   string       // in it
	before engine.Image
	after  engine.Image
	want   string // what stands there afterwards, "" for absent
	err    string // part of the error, "" for none
}

func putCases() []putCase {
	odd := "NUL \x00, CR LF \r\n, quotes '\"`$(id), escape \x1b[31m, no newline at the end"
	return []putCase{
		{"create", absent, "", absent, file(odd, 0o600), odd, ""},
		{"create empty", absent, "", absent, file("", 0o640), "", ""},
		{"create any", absent, "", absent, anyFile(0o600), "", ""},
		{"replace", file("old", 0o644), "old", file("old", 0o644), file(odd, 0o600), odd, ""},
		{"replace by empty", file("old", 0o644), "old", file("old", 0o644), file("", 0o644), "", ""},
		{"adjust", file("old", 0o644), "old", file("old", 0o644), file("old", 0o400), "old", ""},
		{"adjust any", anyFile(0o644), "log", anyFile(0o644), anyFile(0o600), "log", ""},
		{"remove", file("old", 0o644), "old", file("old", 0o644), absent, "", ""},
		{"remove any", anyFile(0o644), "", anyFile(0o644), absent, "", ""},
		{"remove any that grew", anyFile(0o644), "log", anyFile(0o644), absent, "log", "not empty"},
		{"make directory", absent, "", absent, dir(0o750), "", ""},
		{"setgid directory", absent, "", absent, dir(0o2755), "", ""},
		{"adjust directory", dir(0o2755), "", dir(0o2755), dir(0o700), "", ""},
		{"remove directory", dir(0o755), "", dir(0o755), absent, "", ""},
		{"already", file("new", 0o600), "new", file("old", 0o644), file("new", 0o600), "new", ""},
		{"already absent", absent, "", file("old", 0o644), absent, "", ""},
		{"conflict content", file("other", 0o644), "other", file("old", 0o644), file("new", 0o600), "other", "is file 0644"},
		{"conflict mode", file("old", 0o640), "old", file("old", 0o644), file("new", 0o600), "old", "is file 0640"},
		{"conflict gone", absent, "", file("old", 0o644), file("new", 0o600), "", "is absent"},
		{"conflict appeared", file("other", 0o644), "other", absent, file("new", 0o600), "other", "is file 0644"},
		{"conflict remove", file("other", 0o644), "other", file("old", 0o644), absent, "other", "is file 0644"},
		{"never replaced", anyFile(0o644), "log", anyFile(0o644), file("new", 0o644), "log", "never replaced"},
		{"setuid", file("old", 0o644), "old", file("old", 0o644), file("new", 0o4755), "old", "setuid"},
		{"other kind", file("old", 0o644), "old", file("old", 0o644), dir(0o755), "old", "not replaced by"},
	}
}

func TestPut(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			n := serve(t, &server{shell: shell}).dial(t)
			for _, c := range putCases() {
				t.Run(c.name, func(t *testing.T) {
					for _, base := range []string{"plain.yaml", "odd ' \"$x* `\n\\name", "-dash"} {
						c.run(t, n.Node, base)
					}
				})
			}
			if s := n.Stats(); s.Conns != 1 || s.Channels != 1 {
				t.Errorf("%+v, want one connection and one channel", s)
			}
		})
	}
}

func (c putCase) run(t *testing.T, on *Node, base string) {
	t.Helper()
	n := hold(t, on)
	d := folder(t)
	at := filepath.Join(d, base)
	lay(t, at, c.text, c.there)
	err := n.Put(t.Context(), engine.Change{At: at, Before: c.before, After: c.after})
	if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
		t.Fatalf("error %v, want %q", err, c.err)
	}
	images, lookErr := n.Look(t.Context(), at)
	if lookErr != nil {
		t.Fatal(lookErr)
	}
	want := c.after
	if err != nil {
		want = c.there
	}
	if !want.Matches(images[0]) {
		t.Errorf("there is %s, want %s", images[0], want)
	}
	if b, _ := os.ReadFile(at); string(b) != c.want {
		t.Errorf("content %q, want %q", b, c.want)
	}
	if got := names(t, d); got != base && got != "" {
		t.Errorf("left in the folder: %q", got)
	}
}

func TestConformance(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := serve(t, &server{shell: shell}).connect(t)
			enginetest.TestNode(t, func(t *testing.T) (engine.Claimable, enginetest.Ground) {
				d := folder(t)
				if err := os.Chmod(d, 0o755); err != nil {
					t.Fatal(err)
				}
				return n, enginetest.Disk{Path: d}
			})
		})
	}
}
