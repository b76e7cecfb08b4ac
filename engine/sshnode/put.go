package sshnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// Put makes what is at c.At become c.After, only if c.Before is there now; see engine.WritableNode.
//
// A mode and an owner of a directory or of an AnyContent file change in place, one after the other:
// such a file is never replaced. Everything else appears complete, by one rename or link.
func (h *held) Put(ctx context.Context, c engine.Change) error {
	if c.Cmd != nil {
		return h.exec(ctx, c)
	}
	n := h.Node
	op := "put " + c.At
	job, err := planPut(c)
	if err != nil {
		return n.config.preflight(err, "%s: %v", op, err)
	}
	var payload io.ReadCloser
	if job.size > 0 {
		// Opened before the worker's turn is taken: the bytes may have to come from this very node.
		if payload, err = c.After.Content.Open(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return n.config.preflight(err, "%s: the content to write cannot be opened: %s", op, clip(err.Error()))
		}
		defer payload.Close()
	}
	limit, cancel := context.WithTimeoutCause(ctx, patience(job.size), errPatience)
	defer cancel()
	var r record
	var by []byte
	err = n.ask(limit, op, func(w *worker) error {
		err := w.send("put", 0, 0, payload, job.size, append([]string{n.config.keep(), h.token}, job.words(w.labels)...)...)
		if _, ok := errors.AsType[*sourceError](err); ok {
			w.cutShort()
		}
		if err != nil {
			return err
		}
		if r, by, err = w.answer(); err != nil {
			return err
		}
		return job.valid(r)
	})
	if err != nil {
		return err
	}
	return n.outcome(op, c, r, by)
}

// outcome turns the worker's record into Put's result.
func (n *Node) outcome(op string, c engine.Change, r record, by []byte) error {
	switch r.status {
	case statusClaimed, statusBusy:
		return n.elsewhere(op, r, by)
	case statusDone:
		return nil
	case statusConflict:
		f, err := parseFound(r.text)
		if err != nil {
			return n.lost(op, err)
		}
		if f.Kind == engine.File {
			f.Content = engine.NewContent(f.hash, f.size, n.opener(c.At, f.size))
		}
		return &engine.ConflictError{At: c.At, Change: c, Got: f.Image}
	case statusNotEmpty:
		return engine.ErrNotEmpty
	case statusRefused:
		p := n.config.preflight(nil, "%s: refused: %s", op, clip(r.text)).(*engine.Problem)
		if !strings.Contains(r.text, "hard links") {
			p.Code = engine.Security
		}
		return p
	case statusFailed:
		return n.config.preflight(nil, "%s: %s", op, plain(c, clip(r.text)))
	}
	return n.lost(op, fmt.Errorf("the write was begun and cannot be vouched for: %s", clip(r.text)))
}

// plain puts what the node's tools say about common obstacles in front in plain words.
func plain(c engine.Change, said string) string {
	for _, known := range []struct{ end, words string }{
		{"No space left on device", "the disk is full, or has no inodes left"},
		{"Disk quota exceeded", "the disk quota is used up"},
		{"Read-only file system", "the file system is read-only"},
		{"Device or resource busy", "it is a mount point"},
		{"Operation not permitted", "the node does not permit it (an immutable file or directory, or no right)"},
		{"Permission denied", "the login user has no right to (become = true runs as root)"},
		{"Invalid argument", fmt.Sprintf("the node does not accept it (owner %d:%d may not exist in its user namespace)", c.After.UID, c.After.GID)},
		{"No such file or directory", "the parent directory, or a part of it, does not exist"},
		{"Not a directory", "a part of the path is not a directory"},
		{"File name too long", "the name is too long"},
	} {
		if strings.HasSuffix(said, known.end) {
			return known.words + ": " + said
		}
	}
	return said
}

// putJob is a change as the worker does it.
type putJob struct {
	change engine.Change
	how    string // the worker's word
	size   int64  // of the payload
}

// planPut chooses how to do a change, and refuses what is never done.
func planPut(c engine.Change) (putJob, error) {
	job := putJob{change: c}
	if err := checkPath(c.At); err != nil {
		return job, err
	}
	if c.At == "/" || strings.HasPrefix(path.Base(c.At), ".hcrun-") {
		return job, fmt.Errorf("%q is not written", c.At)
	}
	for _, i := range []engine.Image{c.Before, c.After} {
		if err := checkImage(i); err != nil {
			return job, err
		}
	}
	b, a := c.Before, c.After
	switch {
	case a.Kind == engine.Absent && b.Kind == engine.Dir:
		job.how = "rmdir"
	case a.Kind == engine.Absent && b.AnyContent:
		job.how = "dropany"
	case a.Kind == engine.Absent:
		job.how = "drop"
	case a.Kind == engine.Dir && b.Kind == engine.Absent:
		job.how = "dir"
	case a.Kind == engine.Dir && b.Kind == engine.Dir, a.AnyContent && b.Kind == engine.File:
		job.how = "meta"
	case a.Kind != engine.File || b.Kind == engine.Dir:
		return job, fmt.Errorf("a %s is not replaced by a %s", b.Kind, a.Kind)
	case b.AnyContent:
		return job, errors.New("a file that others write to is never replaced")
	case b.Kind == engine.File && b.Content.Same(a.Content):
		job.how = "copy"
	default:
		job.how = "file"
		if !a.AnyContent {
			job.size = a.Content.Size()
		}
	}
	return job, nil
}

var (
	labelPattern = regexp.MustCompile(`^[A-Za-z0-9_.:,-]+$`)
	hashPattern  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func checkImage(i engine.Image) error {
	switch {
	case i.Kind == engine.Absent:
		return nil
	case i.Kind != engine.File && i.Kind != engine.Dir:
		return fmt.Errorf("a %s is neither replaced nor made", i.Kind)
	case i.Mode > 0o7777 || i.UID < 0 || i.GID < 0:
		return fmt.Errorf("mode %s, owner %d:%d is not possible", i.Mode, i.UID, i.GID)
	case i.Kind == engine.File && i.Mode&0o6000 != 0:
		return fmt.Errorf("a setuid or setgid file (mode %s) is not written", i.Mode)
	case i.Label != "" && !labelPattern.MatchString(i.Label):
		return fmt.Errorf("%q is not an SELinux label", i.Label)
	case i.Kind == engine.File && !i.AnyContent && (!hashPattern.MatchString(i.Content.Hash()) || i.Content.Size() < 0):
		return errors.New("the content is not known")
	}
	return nil
}

// words are the worker's arguments.
func (j putJob) words(labels bool) []string {
	b, a := j.change.Before, j.change.After
	label := "-"
	if labels && a.Label != "" && a.Label != b.Label {
		label = a.Label
	}
	return []string{path.Dir(j.change.At), path.Base(j.change.At), j.how, pattern(b, labels), pattern(a, labels),
		octal(a.Mode), owner(a), label, octal(b.Mode), owner(b)}
}

// octal has five digits: with fewer, GNU chmod keeps a directory's setgid bit.
func octal(m engine.Mode) string { return "0" + m.String() }

func owner(i engine.Image) string { return itoa(i.UID) + ":" + itoa(i.GID) }

// pattern is the shell pattern that exactly what matches i matches, in the words of the worker's see.
func pattern(i engine.Image, labels bool) string {
	if i.Kind == engine.Absent {
		return "-"
	}
	label, raw, rest := "*", 0o100000, "*"
	if labels && i.Label != "" {
		label = i.Label
	}
	if i.Kind == engine.Dir {
		raw = 0o040000
	} else if !i.AnyContent {
		rest = strconv.FormatInt(i.Content.Size(), 10) + " " + i.Content.Hash()
	}
	return fmt.Sprintf("* %s %04x %d %d %s", label, raw|int(i.Mode), i.UID, i.GID, rest)
}

// valid refuses a record that put does not give.
func (j putJob) valid(r record) error {
	switch r.status {
	case statusDone:
		if r.text != "done" && r.text != "already" {
			return errGarbled
		}
	case statusFailed, statusUnsure, statusConflict, statusNotEmpty, statusRefused, statusBusy, statusClaimed:
	default:
		return errGarbled
	}
	return nil
}
