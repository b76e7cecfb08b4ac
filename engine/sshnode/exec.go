package sshnode

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// maxSaid is how many bytes of what a command prints are kept.
const maxSaid = 4096

// exec runs the command of a change; see engine.WritableNode.Put. The node runs it under the lock of whoever writes,
// and to its end or its limit, also when nobody listens any more.
func (h *held) exec(ctx context.Context, c engine.Change) error {
	n, argv := h.Node, c.Cmd.Run
	op := "run " + engine.ShellWords(argv)
	for _, w := range argv {
		if err := checkWord(w); err != nil {
			return n.config.preflight(err, "%s: %v", op, err)
		}
	}
	seconds := max(1, int(c.Cmd.Longest().D()/time.Second))
	limit, cancel := context.WithTimeoutCause(ctx, c.Cmd.Longest().D()+patience(0), errPatience)
	defer cancel()
	var out output
	var r record
	var by []byte
	err := n.ask(limit, op, func(w *worker) (err error) {
		if err = w.send("exec", seconds, maxSaid, nil, 0, slices.Concat([]string{n.config.keep(), h.token}, argv)...); err != nil {
			return err
		}
		if r, err = out.until(w, maxClaim); err != nil || r.bytes == 0 {
			return err
		}
		by = make([]byte, r.bytes)
		_, err = io.ReadFull(w.out, by)
		return err
	})
	switch {
	case err != nil:
		return err
	case r.status == statusBusy || r.status == statusClaimed:
		return n.elsewhere(op, r, by)
	case r.status != statusDone:
		return n.config.preflight(nil, "%s: %s", op, clip(r.text))
	}
	if err := out.finish(r.text); err != nil {
		return n.lost(op, err)
	}
	said := out.stderr
	if said == "" {
		said = printable(out.stdout.String())
	}
	switch {
	case out.timeout:
		return &engine.ExitError{Argv: argv, Code: 255, Stderr: fmt.Sprintf("it did not end within %d s and was killed. %s", seconds, said)}
	case out.code != 0:
		return &engine.ExitError{Argv: argv, Code: out.code, Stderr: said}
	}
	return nil
}
