package inventory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// SSH runs the local ssh client with these arguments and returns what it printed.
type SSH func(ctx context.Context, args ...string) ([]byte, error)

const (
	// askTime is how long the ssh client may think: Match exec runs commands of the operator's.
	askTime = 10 * time.Second
	// maxAnswer is how much it may print; an answer has 5 KiB or so.
	maxAnswer = 1 << 20
)

// errAnswer is an answer that is too long.
var errAnswer = fmt.Errorf("it printed more than %d KiB", maxAnswer>>10)

// LocalSSH is the ssh client of this machine, bounded in time and output. It is only ever asked what its
// configuration says.
func LocalSSH(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ssh", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // commands of Match exec end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, said := &bounded{max: maxAnswer, over: errAnswer}, &bounded{max: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, said
	err := cmd.Run()
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return nil, fmt.Errorf("it did not answer within %s", askTime)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, errAnswer) || out.full:
		return nil, errAnswer
	case err != nil && len(said.kept) > 0:
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said.kept)))
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, err
	}
	return out.kept, nil
}

// bounded keeps the beginning of what is written to it, and then passes over the rest, or ends with the
// error over.
type bounded struct {
	kept []byte
	max  int
	over error
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.max - len(b.kept)
	b.kept = append(b.kept, p[:min(len(p), room)]...)
	if len(p) > room {
		b.full = true
		return len(p), b.over
	}
	return len(p), nil
}
