package tasks

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// maxPath is Linux's PATH_MAX, without the terminating zero.
const maxPath = 4095

// checkPath refuses what cannot be the path of something on a node.
func checkPath(field, at string) error {
	var err error
	switch clean := path.Clean(at); {
	case at == "":
		err = errors.New("is needed: an absolute path on the node")
	case strings.ContainsFunc(at, func(r rune) bool { return r < ' ' || r == 0x7f }):
		err = fmt.Errorf("%q has a control character in it", at)
	case len(at) > maxPath:
		err = fmt.Errorf("is longer than the %d bytes that a path may have", maxPath)
	case !path.IsAbs(at):
		err = fmt.Errorf("%q must be an absolute path on the node, such as %q", at, path.Join("/etc", clean))
	case at != clean:
		err = fmt.Errorf("%q: write it as %q", at, clean)
	case at == "/":
		err = errors.New(`"/" is the root of the node`)
	}
	if err != nil {
		return &engine.FieldError{Field: field, Err: err}
	}
	return nil
}

// special are the mode bits that give a file another's rights, or keep its name: they are lost when it
// is replaced, and are refused instead.
const special engine.Mode = 0o7000

// plainFile refuses everything that is at a path and is neither absent nor a file that can be replaced.
func plainFile(at string, img engine.Image) error {
	switch {
	case img.Kind == engine.Link:
		return engine.Problemf(engine.Security, "%s is a symbolic link to %q; hcrun does not write through links, so name the file itself", at, img.Target)
	case img.Kind == engine.Other:
		return engine.Problemf(engine.Security, "%s is a device, pipe or socket and not a file", at)
	case img.Kind == engine.Dir:
		return engine.Problemf(engine.Preflight, "%s is a directory; name the file in it, such as %s", at, path.Join(at, "NAME"))
	case img.Kind == engine.File && img.Links > 1:
		return engine.Problemf(engine.Preflight, "%s has %d names (hard links); to replace it would change one of them and leave the others as they are", at, img.Links)
	case img.Kind == engine.File && img.Mode&special != 0:
		return engine.Problemf(engine.Preflight, "%s has mode %s; files with set-uid, set-gid or sticky bits are not replaced", at, img.Mode)
	}
	return nil
}

// inFolder refuses a folder that nothing can be made in.
func inFolder(at string, folder engine.Image) error {
	dir := path.Dir(at)
	switch folder.Kind {
	case engine.Dir:
		return nil
	case engine.Absent:
		return engine.Problemf(engine.Preflight, "%s is not there, so nothing can be made in it; put this before the task:\n  task \"mkdir\" %q {\n    path = %q\n  }", dir, taskName(dir), dir)
	case engine.Link:
		return engine.Problemf(engine.Security, "%s is a symbolic link to %q; hcrun does not write through links, so name the folder itself", dir, folder.Target)
	}
	return engine.Problemf(engine.Preflight, "%s is a %s and not a directory", dir, folder.Kind)
}

// taskName makes a name for a task out of a path.
func taskName(at string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, path.Base(at))
	name = strings.TrimLeft(name, "_0123456789")
	if !engine.ValidName(name) {
		return "folder"
	}
	return name
}
