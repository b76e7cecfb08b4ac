package tasks

import (
	"fmt"
	"strconv"

	"github.com/hcrun/hcrun/engine"
)

// rights is whose a path should be and what mode it should have. What is zero stays as it is, and is
// root's for what is made.
type rights struct {
	owner, group string
	mode         engine.Mode
}

// maxID is the largest user or group id that Linux gives away.
const maxID = 1<<32 - 2

// accountID reads an owner or group as playbooks write it.
func accountID(field, s string) (int, error) {
	if s == "root" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > maxID {
		command := "id -u"
		if field == "group" {
			command = "getent group"
		}
		return 0, &engine.FieldError{Field: field, Err: fmt.Errorf(`%q: write "root" or a number in quotes; names differ from node to node (there, %s %s tells the number)`, s, command, strconv.Quote(s))}
	}
	return int(n), nil
}

// check refuses owners that cannot be known, and modes with bits that do not belong to files of this sort.
func (r rights) check(allowed engine.Mode) error {
	for field, s := range map[string]string{"owner": r.owner, "group": r.group} {
		if s == "" {
			continue
		}
		if _, err := accountID(field, s); err != nil {
			return err
		}
	}
	if r.mode&^allowed != 0 {
		return &engine.FieldError{Field: "mode", Err: fmt.Errorf("%s: a mode of at most %s is expected; set-uid, set-gid and other special bits are not for this task", r.mode, allowed)}
	}
	return nil
}

// over is img with these rights. An img that is absent gets the mode fresh and is root's where nothing
// is asked for.
func (r rights) over(img engine.Image, fresh engine.Mode) (engine.Image, error) {
	if img.Kind == engine.Absent {
		img = engine.Image{Mode: fresh}
	}
	for _, a := range []struct {
		field, want string
		id          *int
	}{{"owner", r.owner, &img.UID}, {"group", r.group, &img.GID}} {
		if a.want == "" {
			continue
		}
		id, err := accountID(a.field, a.want)
		if err != nil {
			return img, err
		}
		*a.id = id
	}
	if r.mode != 0 {
		img.Mode = r.mode
	}
	return img, nil
}
