package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
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
	cmd.WaitDelay = time.Second // a command of Match exec may hold the output open
	out, said := &bounded{max: maxAnswer}, &bounded{max: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, said
	err := cmd.Run()
	switch {
	case ctx.Err() == context.DeadlineExceeded:
		return nil, fmt.Errorf("it did not answer within %s", askTime)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case out.over:
		return nil, errAnswer
	case err != nil && said.Len() > 0:
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, err
	}
	return out.Bytes(), nil
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	bytes.Buffer
	max  int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.max - b.Len()
	b.over = b.over || len(p) > room
	b.Buffer.Write(p[:min(len(p), room)])
	return len(p), nil
}
