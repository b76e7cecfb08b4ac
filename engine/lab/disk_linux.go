package lab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const kubernetesDir = "/etc/kubernetes"

// fullDisk lays a file system without a free block over /etc/kubernetes, with the same files in it.
// What is changed there meanwhile goes when the disk is mended.
type fullDisk struct {
	filler *os.File // nil: not full. It has no name: whoever lists the folder sees only what was there.
}

func (d *fullDisk) set(full bool) error {
	switch {
	case full && d.filler == nil:
		return d.fill()
	case !full && d.filler != nil:
		err := unix.Unmount(kubernetesDir, unix.MNT_DETACH)
		return errors.Join(err, d.close())
	}
	return nil
}

func (d *fullDisk) close() error {
	err := d.filler.Close()
	d.filler = nil
	return err
}

// fill prepares the file system aside and moves it over in one step, so that nobody sees half of it.
func (d *fullDisk) fill() error {
	const stage = stateInside + "/full"
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return err
	}
	size, err := treeSize(kubernetesDir)
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("mode=0755,size=%d", size+64<<10)); err != nil {
		return err
	}
	if err = d.open(stage); err == nil {
		err = copyTree(kubernetesDir, stage) // and the times of its folders, so nothing may be made after it
	}
	if err == nil {
		err = d.occupy()
	}
	if err == nil {
		err = unix.Mount(stage, kubernetesDir, "", unix.MS_MOVE, "")
	}
	if err != nil {
		unix.Unmount(stage, unix.MNT_DETACH)
		if d.filler != nil {
			d.close()
		}
	}
	return err
}

// open makes the filler.
func (d *fullDisk) open(dir string) error {
	f, err := os.CreateTemp(dir, ".filler-")
	if err != nil {
		return err
	}
	d.filler = f
	return os.Remove(f.Name())
}

// occupy takes every free block of the file system.
func (d *fullDisk) occupy() error {
	var err error
	page := make([]byte, os.Getpagesize())
	for err == nil {
		_, err = d.filler.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// treeSize is an upper bound of what a tree takes in pages.
func treeSize(dir string) (int64, error) {
	page := int64(os.Getpagesize())
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := e.Info()
		if err == nil {
			sum += st.Size()/page*page + 2*page
		}
		return err
	})
	return sum, err
}

// copyTree copies files, folders and symlinks with modes, owners and times.
func copyTree(from, to string) error {
	type stamp struct {
		path string
		at   [2]unix.Timespec
	}
	var dirs []stamp // their times change while they are filled
	err := filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		at := filepath.Join(to, p[len(from):])
		if err := copyEntry(p, at, st); err != nil {
			return err
		}
		s := stamp{at, times(st.ModTime())}
		if e.IsDir() {
			dirs = append(dirs, s)
			return nil
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, s.path, s.at[:], unix.AT_SYMLINK_NOFOLLOW)
	})
	for _, d := range dirs {
		if err == nil {
			err = unix.UtimesNanoAt(unix.AT_FDCWD, d.path, d.at[:], 0)
		}
	}
	return err
}

func times(t time.Time) [2]unix.Timespec {
	ts := unix.NsecToTimespec(t.UnixNano())
	return [2]unix.Timespec{ts, ts}
}

func copyEntry(from, to string, st fs.FileInfo) error {
	sys := st.Sys().(*syscall.Stat_t)
	switch {
	case st.IsDir():
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
	case st.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Symlink(target, to); err != nil {
			return err
		}
		return os.Lchown(to, int(sys.Uid), int(sys.Gid))
	case st.Mode().IsRegular():
		if err := copyFile(from, to, 0o600); err != nil {
			return err
		}
	default:
		return nil // a socket or a pipe has no content that could be in the way
	}
	if err := os.Chown(to, int(sys.Uid), int(sys.Gid)); err != nil {
		return err
	}
	return os.Chmod(to, st.Mode())
}

// copyFile copies content; the target is new.
func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
