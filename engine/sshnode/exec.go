package sshnode

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hcrun/hcrun/engine"
)

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
	var r record
	var by []byte
	err := n.ask(limit, op, func(w *worker) (err error) {
		if err = w.send("exec", seconds, 0, nil, 0, slices.Concat([]string{n.config.keep(), h.token}, argv)...); err != nil {
			return err
		}
		r, by, err = w.answer()
		return err
	})
	if err != nil {
		return err
	}
	switch r.status {
	case statusDone:
		return nil
	case statusBusy, statusClaimed:
		return n.elsewhere(op, r, by)
	case statusFailed, statusRefused:
		return n.config.preflight(nil, "%s: it was not begun: %s", op, clip(r.text))
	case statusExit:
		word, said, _ := strings.Cut(r.text, " ")
		code, err := strconv.ParseUint(word, 10, 8)
		switch {
		case word == "late":
			return &engine.ExitError{Argv: argv, Code: 255, Stderr: clip(fmt.Sprintf("it did not end within %d s and was killed. %s", seconds, said))}
		case err == nil && code > 0:
			if code > 128 && code < 160 {
				code = 255 // a signal
			}
			return &engine.ExitError{Argv: argv, Code: int(code), Stderr: clip(said)}
		}
	}
	return n.lost(op, errGarbled)
}
