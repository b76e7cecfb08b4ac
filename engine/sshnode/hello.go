package sshnode

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"

	"github.com/hcrun/hcrun/engine"
)

// maxNoise is how much of a login shell's greetings is passed over before the hello.
const maxNoise = 64 << 10

// errSilent is why a worker that does not say hello in time is given up.
var errSilent = errors.New("no hello in time")

// openWorker starts the script and waits for its hello, at most for the timeout.
func openWorker(ctx context.Context, client *goph.Client, c Config) (*worker, error) {
	inTime, cancel := context.WithTimeoutCause(ctx, c.timeout(), errSilent)
	defer cancel()
	session, err := await(inTime, client.NewSession, func(s *ssh.Session) { s.Close() })
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if refused := new(ssh.OpenChannelError); errors.As(err, &refused) {
			return nil, c.preflight(err, "the server allows no session (%s)", clip(refused.Message))
		}
		return nil, c.gone(err)
	}
	nonce := make([]byte, 12)
	rand.Read(nonce)
	w := &worker{session: session, nonce: hex.EncodeToString(nonce), heard: &head{max: 4 << 10}}
	_, err = await(inTime, func() (struct{}, error) { return struct{}{}, w.start(c.Become) }, nil)
	if err == nil {
		return w, nil
	}
	if errors.Is(err, io.EOF) { // why it ended comes on the other stream, perhaps a moment later
		await(inTime, func() (struct{}, error) { return struct{}{}, session.Wait() }, nil)
	}
	w.abandon()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, c.noHello(err, w.heard.String())
}

// start sends the script and reads up to the hello.
func (w *worker) start(become bool) error {
	w.session.Stderr = w.heard
	in, err := w.session.StdinPipe()
	if err != nil {
		return err
	}
	out, err := w.session.StdoutPipe()
	if err != nil {
		return err
	}
	w.in, w.out = in, bufio.NewReaderSize(out, maxNoise)
	command := "exec /bin/sh -s " + w.nonce
	if become {
		command = "exec sudo -n /bin/sh -s " + w.nonce
	}
	if err := w.session.Start(command); err != nil {
		return err
	}
	go io.WriteString(w.in, script) // a server that reads nothing must not hold us here; the deadline ends it
	for noise := 0; noise < maxNoise; {
		line, err := w.out.ReadSlice('\n')
		noise += len(line)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		r, err := w.parse(string(line))
		if err != nil {
			continue
		}
		words := strings.Fields(r.text)
		switch {
		case r.status == statusLacks:
			return &lacksError{tool: r.text}
		case r.status == 0 && len(words) == 5 && words[0] == "hello" && words[1] == "1" && machinePattern.MatchString(words[4]):
			w.labels = words[3] != "-"
			w.machine = strings.TrimPrefix(words[4], "-")
			return nil
		}
	}
	return errGarbled
}

// machinePattern is how a node says which machine it is.
var machinePattern = regexp.MustCompile(`^(-|[0-9a-f]{16})$`)

// lacksError is a tool that the node does not have, or one that does not do what is needed.
type lacksError struct{ tool string }

func (e *lacksError) Error() string { return "the node lacks " + clip(e.tool) }

// noHello explains a worker that did not come up.
func (c Config) noHello(err error, heard string) error {
	if lacks, ok := errors.AsType[*lacksError](err); ok {
		return c.preflight(err, "%s", lacks)
	}
	said := ""
	if heard != "" {
		said = "; it said: " + heard
	}
	low := strings.ToLower(heard)
	switch {
	case strings.Contains(low, "password is required") || strings.Contains(low, "terminal is required"):
		return c.preflight(err, "sudo: a password is required for user %q, and nobody is there to type it: allow NOPASSWD for /bin/sh in sudoers, or log in as root%s", c.User, said)
	case c.Become && strings.Contains(low, "sudo"):
		return c.preflight(err, "sudo refused user %q%s", c.User, said)
	case errors.Is(err, errSilent):
		return c.preflight(err, "the node's shell did not answer within %s: the login shell's startup files may read standard input, or a forced command stands in front of the shell%s", c.timeout(), said)
	}
	return c.preflight(err, "the node's shell ended without an answer: the account may have no usable login shell, or a forced command%s", said)
}

// preflight is a node that cannot do what is needed.
func (c Config) preflight(cause error, format string, args ...any) error {
	return &engine.Problem{Code: engine.Preflight, What: c.Name + ": " + fmt.Sprintf(format, args...), Now: "nothing has changed on " + c.Name, Err: cause}
}

// gone is a connection that was lost before anything was asked.
func (c Config) gone(cause error) error {
	return &engine.Problem{Code: engine.Unreachable, What: fmt.Sprintf("%s (%s): the connection is gone: %s", c.Name, c.hostport(), clip(cause.Error())), Err: cause}
}
