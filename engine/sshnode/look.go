package sshnode

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// Look reports what is at the paths, in one round trip. Contents come along until they are
// engine.MaxLook together; larger ones are fetched when they are opened. Errors are *engine.Problem,
// *engine.LostError, or ctx's own.
func (n *Node) Look(ctx context.Context, paths ...string) ([]engine.Image, error) {
	images := make([]engine.Image, len(paths))
	missing := make([]int, len(paths))
	for i, p := range paths {
		if err := checkPath(p); err != nil {
			return nil, n.config.preflight(nil, "look: %v", err)
		}
		missing[i] = i
	}
	// A file that grew between its hash and its bytes is asked for again, the last time without bytes.
	for try := 0; len(missing) > 0; try++ {
		budget := int64(engine.MaxLook)
		if try == 3 {
			budget = 0
		}
		again, err := n.look(ctx, budget, paths, missing, images)
		if err != nil {
			return nil, err
		}
		missing = again
	}
	return images, nil
}

// look fills the images at the wanted indexes and returns the indexes that did not hold still.
func (n *Node) look(ctx context.Context, budget int64, paths []string, want []int, images []engine.Image) ([]int, error) {
	words := []string{strconv.FormatInt(budget, 10)}
	for _, i := range want {
		words = append(words, paths[i])
	}
	var again []int
	var refused error
	limit, cancel := context.WithTimeoutCause(ctx, patience(0), errPatience)
	defer cancel()
	err := n.read(limit, "look at "+summary(words[1:]), func(w *worker) error {
		if err := w.send("look", 0, 0, nil, 0, words...); err != nil {
			return err
		}
		left := int64(engine.MaxLook)
		for _, i := range want {
			r, err := w.receive(max(left, maxListing))
			if err != nil {
				return err
			}
			if r.status != statusDone && r.bytes == 0 {
				refused = n.config.preflight(nil, "look at %s: %s", paths[i], clip(r.text))
				continue
			}
			data := make([]byte, r.bytes)
			if _, err := io.ReadFull(w.out, data); err != nil {
				return err
			}
			f, err := parseFound(r.text)
			if err != nil {
				return err
			}
			if f.Kind == engine.File {
				left -= r.bytes
			}
			still, err := n.fill(&f, paths[i], data, r.bytes == f.size && budget > 0)
			if err != nil {
				return err
			}
			images[i] = f.Image
			if !still {
				again = append(again, i)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return again, refused
}

// maxListing is more than a directory's 1000 names, or a link's target, can have.
const maxListing = 1000 * 256

func summary(paths []string) string {
	if len(paths) > 1 {
		return fmt.Sprintf("%s and %d more", paths[0], len(paths)-1)
	}
	return strings.Join(paths, "")
}

// found is what the worker's see found.
type found struct {
	engine.Image
	size int64
	hash string
}

var foundPattern = regexp.MustCompile(`^([0-9]+) ([!-~]+) ([0-9a-f]{4}) ([0-9]+) ([0-9]+) ([0-9]+)(?: ([0-9a-f]{64}))?$`)

// parseFound reads "-" or "LINKS LABEL RAWMODE UID GID SIZE [SHA256]".
func parseFound(s string) (found, error) {
	if s == "-" {
		return found{Image: engine.Image{Kind: engine.Absent}}, nil
	}
	m := foundPattern.FindStringSubmatch(s)
	if m == nil {
		return found{}, errGarbled
	}
	links, err1 := strconv.Atoi(m[1])
	raw, err2 := strconv.ParseUint(m[3], 16, 32)
	uid, err3 := strconv.Atoi(m[4])
	gid, err4 := strconv.Atoi(m[5])
	size, err5 := strconv.ParseInt(m[6], 10, 64)
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			return found{}, errGarbled
		}
	}
	f := found{Image: engine.Image{Mode: engine.Mode(raw & 0o7777), UID: uid, GID: gid}, size: size, hash: m[7]}
	if m[2] != "-" && m[2] != "?" {
		f.Label = m[2]
	}
	switch raw &^ 0o7777 {
	case 0o100000:
		f.Kind, f.Links = engine.File, links
	case 0o040000:
		f.Kind = engine.Dir
	case 0o120000:
		f.Kind = engine.Link
	default:
		f.Kind = engine.Other
	}
	if (f.Kind == engine.File) != (f.hash != "") {
		return found{}, errGarbled
	}
	return f, nil
}

// fill adds content, target or names; it reports whether hash and bytes belong together.
func (n *Node) fill(f *found, path string, data []byte, inline bool) (bool, error) {
	switch f.Kind {
	case engine.File:
		if !inline {
			if len(data) > 0 {
				return false, errGarbled
			}
			f.Content = engine.NewContent(f.hash, f.size, n.opener(path, f.size))
			return true, nil
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.hash {
			return false, nil
		}
		f.Content = engine.Bytes(data)
	case engine.Link:
		f.Target = string(data)
	case engine.Dir:
		names := strings.Split(string(data), "/")
		f.Names = names[:len(names)-1]
		if len(f.Names) > engine.MaxNames {
			return false, errGarbled
		}
		slices.Sort(f.Names)
	}
	return true, nil
}

// opener fetches a file's bytes into an unlinked temporary file: whoever reads them, however slowly
// and even while writing to this node, does not hold the worker.
func (n *Node) opener(path string, size int64) engine.Opener {
	return func(ctx context.Context) (io.ReadCloser, error) {
		spool, err := os.CreateTemp("", "hcrun-")
		if err != nil {
			return nil, err
		}
		os.Remove(spool.Name())
		if err := n.fetch(ctx, path, size, spool); err != nil {
			spool.Close()
			return nil, err
		}
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			spool.Close()
			return nil, err
		}
		return spool, nil
	}
}

// fetch copies the bytes of a file that must still have this size.
func (n *Node) fetch(ctx context.Context, path string, size int64, to io.Writer) error {
	var local error
	limit, cancel := context.WithTimeoutCause(ctx, patience(size), errPatience)
	defer cancel()
	err := n.read(limit, "read "+path, func(w *worker) error {
		if err := w.send("look", 0, 0, nil, 0, strconv.FormatInt(size, 10), path); err != nil {
			return err
		}
		r, err := w.receive(math.MaxInt64)
		if err != nil {
			return err
		}
		if r.bytes != size {
			local = fmt.Errorf("read %s on %s: it is not the file that was looked at any more", path, n.Name())
			if r.bytes > max(size, maxListing) {
				return errGarbled
			}
			_, err := io.CopyN(io.Discard, w.out, r.bytes)
			return err
		}
		// A local disk that is full must not put the stream out of step.
		_, err = io.CopyN(&sink{w: to, err: &local}, w.out, size)
		return err
	})
	if err == nil {
		err = local
	}
	return err
}

// sink swallows what it cannot write and remembers why.
type sink struct {
	w   io.Writer
	err *error
}

func (s *sink) Write(p []byte) (int, error) {
	if *s.err == nil {
		_, *s.err = s.w.Write(p)
	}
	return len(p), nil
}
