// Package enginetest has what tests of the engine and of everything that plugs into it need: fakes as
// strict as the real thing, a crash fuse, the suite that every kind of task has to pass, and the one for
// every node that can be claimed.
//
// # Testing a kind of task
//
// [TestKind] is all that a kind needs beside the tests of what is special about it. A [Sample] is a task
// filled as a playbook would fill it, and a machine in memory ([Node]) on which it has something to do:
//
//	func TestMotd(t *testing.T) {
//		enginetest.TestKind(t, motd.Kind(), enginetest.Sample{
//			Name:   "replaced",
//			Make:   func() engine.Task { return &motd.Motd{Text: "hello"} },
//			Ground: func(n *enginetest.Node) error { return n.WriteFile("/etc/motd", []byte("old"), 0o644) },
//		})
//	}
//
// A sample of a Checker has Prove and Refute as well, which make true and false what it is about; they may
// answer the commands and connections of the check with [Node].OnObserve and OnDial.
//
// # Testing with a whole run
//
// A [Node], a [Journal] and an engine.Engine are a run in memory, in which a [Fuse] can end the process at
// any point; the Node notices a write that was not announced in the Journal before. A real node
// under test is held to the same rules by [TestNode].
package enginetest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// Ground is the machine beneath a node under test, reached behind the node's back.
type Ground interface {
	// Dir is an empty folder on the node, as the node names it: absolute, clean, mode 0755, with
	// ancestors that nobody else can write.
	Dir() string
	// WriteFile makes or replaces a file behind the node's back, as all of these do; paths as the node
	// names them.
	WriteFile(path string, data []byte, mode fs.FileMode) error
	// Mkdir makes a directory.
	Mkdir(path string, mode fs.FileMode) error
	// Symlink makes a symbolic link.
	Symlink(target, path string) error
	// Remove removes a file, a link or an empty directory.
	Remove(path string) error
	// ReadFile reads a file.
	ReadFile(path string) ([]byte, error)
	// Owner is the uid and gid that new files get when they are written behind the node's back.
	Owner() (uid, gid int)
}

// Disk is a Ground whose files this process sees too, perhaps below another root.
type Disk struct {
	Root string // where the node's "/" is seen from here; "" when it is the same
	Path string // the folder, as the node names it
}

func (d Disk) here(path string) string { return filepath.Join("/", d.Root, path) }

// Dir is Path.
func (d Disk) Dir() string { return d.Path }

// WriteFile writes and sets exactly this mode, whatever the umask.
func (d Disk) WriteFile(path string, data []byte, mode fs.FileMode) error {
	if err := os.WriteFile(d.here(path), data, mode); err != nil {
		return err
	}
	return os.Chmod(d.here(path), mode)
}

// Mkdir makes one folder with exactly this mode.
func (d Disk) Mkdir(path string, mode fs.FileMode) error {
	if err := os.Mkdir(d.here(path), mode); err != nil {
		return err
	}
	return os.Chmod(d.here(path), mode)
}

// Symlink makes a symbolic link.
func (d Disk) Symlink(target, path string) error { return os.Symlink(target, d.here(path)) }

// Remove removes one file or empty folder.
func (d Disk) Remove(path string) error { return os.Remove(d.here(path)) }

// ReadFile reads a file.
func (d Disk) ReadFile(path string) ([]byte, error) { return os.ReadFile(d.here(path)) }

// Owner is this process's.
func (d Disk) Owner() (uid, gid int) { return os.Getuid(), os.Getgid() }

// TestNode runs the suite that every Claimable has to pass. open is called once for each case, gives a node
// that nobody holds, and registers its own clean-up; nodes may share a connection, each case needs a Dir of its own.
func TestNode(t *testing.T, open func(t *testing.T) (engine.Claimable, Ground)) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			n, g := open(t)
			b := bench{T: t, c: n, g: g}
			b.n = b.claim(engine.Claim{})
			t.Cleanup(b.free)
			c.run(b)
		})
	}
}
