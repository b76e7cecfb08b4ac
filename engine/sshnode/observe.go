package sshnode

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// maxObserve is how long a command may take; a shorter deadline of the context counts.
const maxObserve = time.Minute

// Observe runs a command that can only read and returns its standard output, the first
// engine.MaxOutput bytes of it. A command that ends with another status than 0 is an
// *engine.ExitError; one that does not end in time is killed with its children, and the error is
// context.DeadlineExceeded.
func (n *Node) Observe(ctx context.Context, argv ...string) ([]byte, error) {
	if err := engine.ReadOnly(argv); err != nil {
		return nil, n.config.preflight(err, "refused to run a command: %v", err)
	}
	for _, w := range argv {
		if err := checkWord(w); err != nil {
			return nil, n.config.preflight(err, "run %s: %v", argv[0], err)
		}
	}
	limit := maxObserve
	if deadline, ok := ctx.Deadline(); ok {
		// The node gives up, and needs up to a second to kill, before ctx ends: so the worker stays in
		// step and need not be replaced.
		limit = min(limit, time.Until(deadline)-3*time.Second/2)
	}
	seconds := max(1, int(limit/time.Second))
	var out output
	// A daemon that the command leaves behind may hold its output open for good.
	bounded, cancel := context.WithTimeoutCause(ctx, time.Duration(seconds)*time.Second+15*time.Second, errPatience)
	defer cancel()
	err := n.read(bounded, "run "+argv[0], func(w *worker) error {
		if err := w.send("run", seconds, engine.MaxOutput, nil, 0, argv...); err != nil {
			return err
		}
		return out.read(w)
	})
	switch {
	case err != nil:
		return nil, err
	case out.timeout:
		return nil, fmt.Errorf("%s: %q did not end within %d s: %w", n.Name(), argv, seconds, context.DeadlineExceeded)
	case out.code != 0:
		return out.stdout.Bytes(), &engine.ExitError{Argv: argv, Code: out.code, Stderr: out.stderr}
	}
	return out.stdout.Bytes(), nil
}

// output is what a command has written, and how it ended.
type output struct {
	stdout  bytes.Buffer
	stderr  string
	code    int
	timeout bool
}

// read reads lines of base64 up to the record. No line of base64 begins with the record's "@".
func (o *output) read(w *worker) error {
	for {
		line, err := w.out.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line[0] == '@' {
			r, err := w.checked(string(line), 0)
			if err != nil {
				return err
			}
			return o.finish(r.text)
		}
		if o.stdout.Len()+len(line) > engine.MaxOutput+4096 {
			return errGarbled
		}
		b, err := base64.StdEncoding.AppendDecode(o.stdout.AvailableBuffer(), bytes.TrimRight(line, "\n"))
		if err != nil {
			return errors.Join(errGarbled, err)
		}
		o.stdout.Write(b)
	}
}

var marks = regexp.MustCompile(`@([a-z]+|[0-9]+)@`)

// finish reads stderr as base64 and the marks @STATUS@ and @timeout@, which may stand anywhere in it.
func (o *output) finish(text string) error {
	text = strings.ReplaceAll(text, " ", "")
	ended := false
	for _, m := range marks.FindAllStringSubmatch(text, -1) {
		if m[1] == "timeout" {
			o.timeout = true
			continue
		}
		code, err := strconv.ParseUint(m[1], 10, 8)
		if err != nil {
			return errGarbled
		}
		if code > 128 && code < 160 {
			code = 255 // a signal
		}
		o.code, ended = int(code), true
	}
	stderr, err := base64.StdEncoding.DecodeString(marks.ReplaceAllString(text, ""))
	if err != nil || !ended || len(stderr) > 4096 {
		return errGarbled
	}
	o.stderr = printable(string(stderr))
	return nil
}

// printable replaces control bytes, but keeps lines apart.
func printable(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = clip(l)
	}
	return strings.Join(lines, "\n")
}
