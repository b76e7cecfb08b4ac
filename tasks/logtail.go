package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

const (
	formatJSON = "json"
	formatText = "text"
	logPoll    = 500 * time.Millisecond
	maxChunk   = 4 << 20 // of new bytes that one look takes; a longer line is no log line
)

// logMark is where a log ended.
type logMark struct {
	File   string `json:"file,omitempty"` // device and inode; "" while there is none
	Size   int64  `json:"size"`
	Inside bool   `json:"inside,omitempty"` // the file ended within a line
	Mode   uint32 `json:"mode,omitempty"`
}

const (
	modeType    = 0o170000
	modeRegular = 0o100000
	modeWide    = 0o027 // readable by others than owner and group, or writable by them
)

func (m logMark) regular() bool { return m.Mode&modeType == modeRegular }

// What a look at a log saw.
type logState int

const (
	logIdle logState = iota
	logGrowing
	logAbsent
)

// logTail reads what is added to a log, through rotation and truncation.
type logTail struct {
	w       engine.Watch
	path    string
	at      logMark
	state   logState
	trouble string // why it cannot be looked at
	warned  bool
}

// statLog looks at a log without reading it. A log that is not there is the zero mark.
func statLog(ctx context.Context, w engine.Watch, at string) (logMark, error) {
	out, err := observe(ctx, w, "stat", "-L", "-c", "%d:%i:%s:%f", at)
	if exit, ok := errors.AsType[*engine.ExitError](err); ok && exit.Code == 1 {
		return logMark{}, nil
	}
	if err != nil {
		return logMark{}, err
	}
	parts := strings.Split(strings.TrimSpace(string(out)), ":")
	if len(parts) == 4 {
		size, err1 := strconv.ParseInt(parts[2], 10, 64)
		mode, err2 := strconv.ParseUint(parts[3], 16, 32)
		if err1 == nil && err2 == nil && size >= 0 {
			return logMark{File: cut(parts[0]+":"+parts[1], 60), Size: size, Mode: uint32(mode)}, nil
		}
	}
	return logMark{}, engine.Problemf(engine.Preflight, "stat on %s answered %q, which is nothing that could be understood", w.Name(), line(string(out)))
}

// read returns the complete lines that were added since the last read, at most maxChunk bytes.
func (f *logTail) read(ctx context.Context) ([]byte, error) {
	now, err := statLog(ctx, f.w, f.path)
	if err != nil {
		return nil, f.later(ctx, err)
	}
	switch {
	case now.File == "":
		f.state, f.trouble = logAbsent, "there is no such file"
		f.w.Say(f.path + " is not there yet")
		return nil, nil
	case f.at.File == "":
	case now.File != f.at.File:
		f.w.Say(f.path + " was rotated; reading the new file from its start")
		f.at.Size, f.at.Inside = 0, false
	case now.Size < f.at.Size:
		f.w.Say(fmt.Sprintf("%s was truncated to %d bytes; reading it from its start", f.path, now.Size))
		f.at.Size, f.at.Inside = 0, false
	}
	f.at.File = now.File
	if !f.warned && now.Mode&modeWide != 0 {
		f.warned = true
		f.w.Say(fmt.Sprintf("warning: %s has mode %04o; others can reach what it logs", f.path, now.Mode&0o7777))
	}
	if now.Size == f.at.Size {
		f.state = logIdle
		return nil, nil
	}
	out, err := observe(ctx, f.w, "tail", "-c", "+"+strconv.FormatInt(f.at.Size+1, 10), f.path)
	if err != nil {
		return nil, f.later(ctx, err)
	}
	f.state = logGrowing
	return f.whole(out[:min(len(out), maxChunk)]), nil
}

// whole takes the complete lines off what was read, and moves on behind them.
func (f *logTail) whole(read []byte) []byte {
	end := bytes.LastIndexByte(read, '\n') + 1
	if end == 0 && len(read) == maxChunk {
		f.at.Inside = true // no log line is as long as that: pass over it
		f.at.Size += int64(len(read))
		return nil
	}
	lines := read[:end]
	f.at.Size += int64(end)
	if f.at.Inside && end > 0 { // the rest of a line that was begun before
		f.at.Inside = false
		lines = lines[bytes.IndexByte(lines, '\n')+1:]
	}
	return lines
}

// later passes over a look that gave nothing; only a lost node or an ended context ends the wait.
func (f *logTail) later(ctx context.Context, err error) error {
	if lost(ctx, err) {
		return err
	}
	f.state, f.trouble = logAbsent, line(err.Error())
	if exit, ok := errors.AsType[*engine.ExitError](err); ok {
		f.trouble = line(exit.Stderr)
	}
	f.w.Say(fmt.Sprintf("%s cannot be read: %s", f.path, f.trouble))
	return nil
}

// lineCount counts the lines that match, and remembers how others do not.
type lineCount struct {
	json    bool
	match   map[string]string
	pattern *regexp.Regexp

	looked                   bool // what was there at the first look is counted
	seen, matched, malformed int
	live                     int    // matched ones that came after it
	example                  string // how the last line that does not match differs
}

// take counts lines, until enough match and one of them came while somebody looked.
func (c *lineCount) take(lines []byte, enough int) {
	for l := range bytes.Lines(lines) {
		l = bytes.TrimSpace(l)
		if len(l) == 0 || c.matched >= enough && (c.live > 0 || !c.looked) {
			continue
		}
		c.seen++
		if why := c.wrong(l); why != "" {
			c.example = why
			continue
		}
		c.matched++
		if c.looked {
			c.live++
		}
	}
}

// wrong says how a line does not match; "" when it does.
func (c *lineCount) wrong(l []byte) string {
	if !c.json {
		if c.pattern.Match(l) {
			return ""
		}
		return fmt.Sprintf("begins %q", cut(string(l), 80))
	}
	obj, err := decodeLine(l)
	if err != nil {
		c.malformed++
		return "is not JSON"
	}
	return mismatch(obj, c.match)
}
