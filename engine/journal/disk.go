package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hcrun/hcrun/engine"
)

// disk is what durability depends on; tests let it fail.
type disk interface {
	// open opens a file that is not a symbolic link.
	open(path string, flags int) (file, error)
	rename(from, to string) error
	// remove removes a file or an empty folder.
	remove(path string) error
	// syncDir makes the names in a folder durable.
	syncDir(path string) error
}

// file is one open file.
type file interface {
	io.ReaderAt
	io.WriterAt
	Stat() (os.FileInfo, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

type realDisk struct{}

func (realDisk) open(path string, flags int) (file, error) {
	return os.OpenFile(path, flags|syscall.O_NOFOLLOW, 0o600)
}

func (realDisk) rename(from, to string) error { return os.Rename(from, to) }

func (realDisk) remove(path string) error { return os.Remove(path) }

func (realDisk) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// makeDir makes a folder and its parents, 0700, durably: each name is synced before the next is made. The name of the
// first one that is there already may be that of a process which died before it could sync it, so that is synced, too;
// those above it were by whoever made it.
func makeDir(d disk, path string) error {
	parent := filepath.Dir(path)
	if _, err := os.Lstat(path); err == nil {
		return settled(d, parent)
	} else if !os.IsNotExist(err) || parent == path {
		return err
	}
	if err := makeDir(d, parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	return d.syncDir(parent)
}

// settled syncs the names in a folder in which nothing was made by this process. One that may not be read, or cannot be
// synced at all, has no name of ours.
func settled(d disk, folder string) error {
	err := d.syncDir(folder)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// ours refuses what others can change: a journal decides what is written to nodes as root.
func ours(path string, info os.FileInfo) error {
	refuse := func(format string, args ...any) error {
		p := engine.Problemf(engine.Security, format, args...)
		p.What = path + " " + p.What
		return p
	}
	if info.Mode()&os.ModeSymlink != 0 {
		return refuse("is a symbolic link; name the folder itself")
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return refuse("is neither a folder nor a plain file")
	}
	if m := info.Mode().Perm(); m&0o022 != 0 {
		return refuse("has mode %04o, so others can write it, and with it decide what is done to nodes; take that right away: chmod go-w %s", m, path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return refuse("belongs to user id %d and hcrun runs as %d; use a state folder of your own", st.Uid, os.Geteuid())
	}
	return nil
}

// notDurable is the problem of a state folder that cannot be written. Nothing may be sent to a node.
func notDurable(doing string, err error) *engine.Problem {
	p := engine.Problemf(engine.NotDurable, "%s: %w", doing, err)
	p.What += "\nwhat cannot be recorded first is not done to a node"
	p.Next = "make room or rights for it, or name another state folder with --state, then the same command again"
	return p
}
