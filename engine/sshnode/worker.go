package sshnode

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"

	"github.com/hcrun/hcrun/engine"
)

// The protocol. The command line is only "exec /bin/sh -s NONCE" (with sudo -n where the inventory
// says become): the same words in every login shell. The script goes to its standard input; nothing
// more is sent before its hello has come, because some shells read ahead and would run what follows.
//
//	request  SEQ VERB TIMEOUT PAYLOAD CAP \n  quoted words \n  PAYLOAD bytes
//	record   @NONCE SEQ STATUS BYTES TEXT \n  BYTES bytes
//
// look is answered by one record for each path, run by lines of base64 and then a record, everything
// else by one record. Anything else on the stream ends the worker: its outcome is then unknown.

//go:embed worker.sh
var script string

// maxNoise is how much of a login shell's greetings is passed over before the hello.
const maxNoise = 64 << 10

// worker is the script running on the node.
type worker struct {
	session *ssh.Session
	nonce   string
	in      io.WriteCloser
	out     *bufio.Reader
	seq     int
	labels  bool // the node has SELinux labels
	heard   *head
}

// record is an answer of the worker; its bytes follow on the stream.
type record struct {
	status int
	bytes  int64
	text   string
}

// The statuses of records.
const (
	statusDone     = 0
	statusLacks    = 70 // a tool is missing
	statusFailed   = 75 // nothing has changed
	statusUnsure   = 76
	statusConflict = 77
	statusNotEmpty = 78
	statusRefused  = 79
)

// errGarbled is a garbled answer.
var errGarbled = errors.New("the answer is not what the protocol allows")

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
		case r.status == 0 && len(words) == 4 && words[0] == "hello" && words[1] == "1":
			w.labels = words[3] != "-"
			return nil
		}
	}
	return errGarbled
}

// send writes a request; a payload is copied in bounded memory and must have size bytes.
func (w *worker) send(verb string, timeout int, limit int64, payload io.Reader, size int64, words ...string) error {
	w.seq++
	frame := fmt.Sprintf("%d %s %d %d %d\n%s\n", w.seq, verb, timeout, size, limit, quote(words...))
	if _, err := io.WriteString(w.in, frame); err != nil {
		return err
	}
	if size == 0 {
		return nil
	}
	src := &source{Reader: payload}
	switch n, err := io.CopyN(w.in, src, size); {
	case src.err != nil:
		return &sourceError{src.err}
	case err != nil && n < size && src.ended:
		return &sourceError{io.ErrUnexpectedEOF}
	default:
		return err
	}
}

// receive reads the next record, which must not announce more than max bytes.
func (w *worker) receive(max int64) (record, error) {
	line, err := w.out.ReadSlice('\n')
	if err != nil {
		return record{}, err
	}
	return w.checked(string(line), max)
}

func (w *worker) checked(line string, max int64) (record, error) {
	r, err := w.parse(line)
	if err == nil && r.bytes > max {
		err = errGarbled
	}
	return r, err
}

// parse reads a record that answers the request sent last.
func (w *worker) parse(line string) (record, error) {
	f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 5)
	if len(f) != 5 || f[0] != "@"+w.nonce || f[1] != itoa(w.seq) {
		return record{}, errGarbled
	}
	status, err1 := strconv.ParseUint(f[2], 10, 8)
	size, err2 := strconv.ParseInt(f[3], 10, 64)
	if err1 != nil || err2 != nil || size < 0 {
		return record{}, errGarbled
	}
	return record{status: int(status), bytes: size, text: f[4]}, nil
}

// abandon ends the worker from outside; whatever waits for it gets an error. It does not wait for the
// server, which may be gone.
func (w *worker) abandon() { go w.session.Close() }

// cutShort ends a request whose payload cannot be completed: the worker sees the end, does nothing,
// cleans up and says so, which is waited for no longer than ten seconds.
func (w *worker) cutShort() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	await(ctx, func() (record, error) {
		if err := w.in.Close(); err != nil {
			return record{}, err
		}
		return w.receive(0)
	}, nil)
}

// goodbye lets an idle worker end by itself; it waits for that no longer than a second.
func (w *worker) goodbye() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	await(ctx, func() (record, error) {
		if err := w.send("bye", 0, 0, nil, 0); err != nil {
			return record{}, err
		}
		return w.receive(0)
	}, nil)
	w.abandon()
}

// source tells errors of the payload's reader from those of the connection.
type source struct {
	io.Reader
	err   error
	ended bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.ended = s.ended || err == io.EOF
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// sourceError is a payload that could not be read to its end.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// lacksError is a tool that the node does not have, or one that does not do what is needed.
type lacksError struct{ tool string }

func (e *lacksError) Error() string { return "the node lacks " + clip(e.tool) }

// head keeps the beginning of what is written to it.
type head struct {
	mu   sync.Mutex
	kept []byte
	max  int
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, p[:min(len(p), h.max-len(h.kept))]...)
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return clip(string(h.kept))
}

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
