package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Look reports what is at some paths of a node, in the order of the paths, in one round trip. It
// never follows a symbolic link at the end of a path. It is all that planning gets: inside
// Changer.Plan a path that is not fetched yet makes it return ErrLater, all such paths of all steps
// are fetched together, and Plan is called again.
type Look func(ctx context.Context, paths ...string) ([]Image, error)

// Node is a machine that can only be watched. Everything that plans or verifies gets no more.
type Node interface {
	// Name is the node's name in the inventory.
	Name() string
	// Look reports what is at the paths, in one round trip.
	Look(ctx context.Context, paths ...string) ([]Image, error)
	// Observe runs a command of the read-only table (see ReadOnly) and returns its standard output,
	// capped at MaxOutput bytes. A command that ends with another status than 0 is an *ExitError.
	Observe(ctx context.Context, argv ...string) ([]byte, error)
	// Dial opens a connection from the node itself, through the connection that is already there.
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// WritableNode is a claimed node: it can be changed. Only settle, in this package, calls Put; no task ever
// holds one.
type WritableNode interface {
	Node
	// Release confirms the run's switch, if one is armed, and gives the claim up, durably. o, unless it is nil, is
	// in the node's ledger before. The copies of what was there stay on the node when the run has landed, and all copies
	// when o is an acknowledgement. With a nil o they stay if their switch was decided before the claim. Errors:
	// *ClaimedError when the claim is no longer ours, *LostError, a *Problem as Put's.
	Release(ctx context.Context, o *Outcome) error
	// Arm makes the node put back what is listed, in that order, once so much time has passed without a
	// Release or another Arm: a switch that nobody is needed for. It returns only after the node has the copies that it
	// needs and has begun to wait. weak says that it would not survive a reboot. A switch that is armed for the run
	// that holds the claim, or was confirmed, is armed anew with the copies that it has. When it fires, the claim is no
	// longer ours. Errors: *ClaimedError, *LostError, a *Problem as Put's, one of code Stale when what is to be copied
	// is not there.
	Arm(ctx context.Context, within time.Duration, all []Restore) (weak bool, err error)
	// Put makes what is at c.At become c.After, only if c.Before is there now (compare-and-swap), and
	// returns nil only after the node has acknowledged, by hash, that c.After stands there durably.
	// When c.After is there already it does nothing and returns nil.
	//
	// Errors: *ClaimedError when the claim is no longer ours, and nothing was done; *ConflictError when
	// neither is there; ErrNotEmpty when a directory or an AnyContent file
	// that others have filled would have to be removed; *LostError when the outcome is unknown; a
	// *Problem with code Preflight when the node could not do it and nothing has changed.
	//
	// Where c has a command it runs that, whatever is there, to its end or its limit; a status other than 0 is an
	// *ExitError, and what is true then is for the probe to say.
	Put(ctx context.Context, c Change) error
}

// MaxOutput is how many bytes of a command's standard output Observe keeps, and MaxLook how many
// bytes of file contents one Look carries; larger files are read when they are opened.
const (
	MaxOutput = 8 << 20
	MaxLook   = 16 << 20
)

// ImageKind says what is at a path.
type ImageKind string

// What can be at a path.
const (
	Absent ImageKind = "absent"
	File   ImageKind = "file"
	Dir    ImageKind = "dir"
	Link   ImageKind = "link"  // a symbolic link, never followed
	Other  ImageKind = "other" // a device, pipe or socket, never opened

	Answer     ImageKind = "answer"     // not a path: what a probe says
	Unknowable ImageKind = "unknowable" // not a path: nothing tells
)

// Image is what is, or should be, at one path of a node.
type Image struct {
	Kind  ImageKind `json:"kind"`
	Mode  Mode      `json:"mode,omitempty"`
	UID   int       `json:"uid,omitempty"`
	GID   int       `json:"gid,omitempty"`
	Label string    `json:"label,omitempty"` // SELinux label, "" where the node has none

	// Content is what is in a file.
	Content Content `json:"content,omitzero"`
	// AnyContent marks a file that others go on writing, such as a log: it matches whatever is inside,
	// it is created empty and never replaced, and it is removed only while it is empty.
	AnyContent bool `json:"any_content,omitempty"`
	// Says is what a probe says.
	Says string `json:"says,omitempty"`

	// The rest is only ever seen by Look; it is neither compared nor journaled.

	Target string   `json:"-"` // where a link points
	Links  int      `json:"-"` // hard links of a file
	Names  []string `json:"-"` // names in a directory, dot-files too, sorted, at most MaxNames
}

// MaxNames is how many names of a directory Look reports.
const MaxNames = 1000

// Matches reports whether got, which was looked at, is what i describes.
func (i Image) Matches(got Image) bool {
	if i.Kind == Answer {
		return got.Kind == Unknowable || got.Kind == Answer && (i.AnyContent || i.Says == got.Says)
	}
	if i.Kind != got.Kind {
		return false
	}
	if i.Kind != File && i.Kind != Dir {
		return i.Kind == Absent
	}
	if i.Mode != got.Mode || i.UID != got.UID || i.GID != got.GID {
		return false
	}
	if i.Label != "" && got.Label != "" && i.Label != got.Label {
		return false
	}
	return i.Kind == Dir || i.AnyContent || i.Content.Same(got.Content)
}

// String describes the image in a few words, without a byte of its content.
func (i Image) String() string {
	switch i.Kind {
	case File:
		what := i.Content.String()
		if i.AnyContent {
			what = "any content"
		}
		return fmt.Sprintf("file %s %d:%d, %s", i.Mode, i.UID, i.GID, what)
	case Dir:
		return fmt.Sprintf("directory %s %d:%d", i.Mode, i.UID, i.GID)
	case Answer:
		return strconv.Quote(i.Says)
	case Link:
		return fmt.Sprintf("symbolic link to %q", i.Target)
	case "":
		return string(Absent)
	}
	return string(i.Kind)
}

// Mode is the permission bits of a file, 0 to 07777. As text it is always octal, "0600".
type Mode uint32

// String returns the four octal digits.
func (m Mode) String() string { return fmt.Sprintf("%04o", uint32(m)) }

// MarshalText returns the four octal digits.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads three or four octal digits.
func (m *Mode) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 8, 32)
	if err != nil || len(b) < 3 || len(b) > 4 || n > 0o7777 {
		return fmt.Errorf(`%q is not a mode: write three or four octal digits in quotes, such as "0600"`, b)
	}
	*m = Mode(n)
	return nil
}

// ExitError is a command on a node that ended with another status than 0.
type ExitError struct {
	Argv   []string
	Code   int    // 255 when a signal ended it
	Stderr string // at most 4 KiB
}

func (e *ExitError) Error() string {
	b, _ := json.Marshal(e.Argv)
	return fmt.Sprintf("%s ended with status %d: %s", b, e.Code, e.Stderr)
}
