package sshnode

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
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
var workerSource string

//go:embed files.sh
var filesSource string

// script is what runs on the node.
var script = withFiles(workerSource)

// withFiles puts the functions for files where a script wants them.
func withFiles(s string) string { return strings.Replace(s, "#files#\n", filesSource, 1) }

// worker is the script running on the node.
type worker struct {
	session *ssh.Session
	nonce   string
	in      io.WriteCloser
	out     *bufio.Reader
	seq     int
	labels  bool   // the node has SELinux labels
	machine string // which one the node is, "" where it does not say
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
	statusBusy     = 73 // another worker writes
	statusClaimed  = 74 // by somebody else, whose claim follows
	statusFailed   = 75 // nothing has changed
	statusUnsure   = 76
	statusConflict = 77
	statusNotEmpty = 78
	statusRefused  = 79
	statusExit     = 80 // a command has ended with another status than 0
)

// errGarbled is a garbled answer.
var errGarbled = errors.New("the answer is not what the protocol allows")

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
