package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// dfLine is a line of "df -P": device, all, used, free, part used, mount point.
var dfLine = regexp.MustCompile(`(?m)^\S.*?\s+(\d+|-)\s+(?:\d+|-)\s+(-?\d+|-)\s+(?:\d+%|-)\s+(/.*)$`)

// fileSystem is what df says of one.
type fileSystem struct {
	mount      string
	paths      []string // that were asked for and are on it
	size, free int64    // KiB, or inodes; size 0 where it does not count them
}

// Below these a change cannot be trusted to fit, or others will soon be in trouble.
const (
	leastKiB    = 16 << 10
	leastInodes = 100
	tightKiB    = 1 << 20 // a warning, unless it is a twentieth of all
	tightPart   = 20
)

// disks asks for the room where changes are written and where masters keep what grows.
func (p *patient) disks(ctx context.Context) {
	var paths []string
	images, err := p.Look(ctx, "/etc/kubernetes", "/var/lib", "/var/log")
	if err != nil {
		p.say("disk", warning, "", "the room on its disks cannot be asked: %v", err)
		return
	}
	for i, at := range []string{"/etc/kubernetes", "/var/lib", "/var/log"} {
		if images[i].Kind == engine.Absent {
			p.say("disk", warning, "", "%s is not there", at)
			continue
		}
		paths = append(paths, at)
	}
	room, err := p.df(ctx, "-k", paths)
	inodes, again := p.df(ctx, "-i", paths)
	if err != nil || again != nil || len(room) != len(inodes) {
		p.say("disk", warning, "", "the room on its disks cannot be asked: %v, %v", err, again)
		return
	}
	for i, fs := range room {
		p.room(fs, inodes[i])
	}
}

// room judges one file system by its blocks and its inodes.
func (p *patient) room(fs, inodes fileSystem) {
	where := fmt.Sprintf("%s (for %s)", fs.mount, strings.Join(fs.paths, ", "))
	make := "make room on " + fs.mount
	switch {
	case fs.free < leastKiB:
		p.say("disk", inTheWay, make, "only %d KiB are free on %s", max(fs.free, 0), where)
	case inodes.size > 0 && inodes.free < leastInodes:
		p.say("disk", inTheWay, "remove files from "+fs.mount, "only %d more files fit on %s", max(inodes.free, 0), where)
	case fs.free < tightKiB && fs.free < fs.size/tightPart:
		p.say("disk", warning, make, "only %d MiB are free on %s", fs.free>>10, where)
	case inodes.size > 0 && inodes.free < inodes.size/tightPart:
		p.say("disk", warning, "remove files from "+fs.mount, "only %d more files fit on %s", inodes.free, where)
	default:
		p.say("disk", fine, "", "%d MiB are free on %s", fs.free>>10, where)
	}
}

// df asks about the file systems of some paths, each named once, in their order.
func (p *patient) df(ctx context.Context, what string, paths []string) ([]fileSystem, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	out, err := p.Observe(ctx, append([]string{"df", "-P", what}, paths...)...)
	if err != nil {
		return nil, err
	}
	lines := dfLine.FindAllStringSubmatch(string(out), -1)
	if len(lines) != len(paths) {
		return nil, fmt.Errorf("df answered %d lines for %d paths", len(lines), len(paths))
	}
	var all []fileSystem
	for i, m := range lines {
		at := slices.IndexFunc(all, func(fs fileSystem) bool { return fs.mount == m[3] })
		if at >= 0 {
			all[at].paths = append(all[at].paths, paths[i])
			continue
		}
		size, _ := strconv.ParseInt(m[1], 10, 64) // "-": a file system that does not count them
		free, _ := strconv.ParseInt(m[2], 10, 64)
		all = append(all, fileSystem{mount: m[3], paths: []string{paths[i]}, size: size, free: free})
	}
	return all, nil
}
