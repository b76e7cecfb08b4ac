package sshnode

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// defaultKeep is the folder of a node's claim and ledger.
const defaultKeep = "/var/lib/hcrun"

// Bounds of a node's record.
const (
	maxClaim  = 4 << 10
	maxLedger = 4 << 20
)

func (c Config) keep() string {
	if c.Keep == "" {
		return defaultKeep
	}
	return c.Keep
}

// held is a node with the token that its writes carry.
type held struct {
	*Node
	token string
	run   string
}

var _ engine.WritableNode = (*held)(nil)

// tokenPattern is what a token on a node may be.
var tokenPattern = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// runPattern is what the name of a run on a node may be: it is shown as part of a command to type.
var runPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// Claim makes c what the node is held by; see engine.Claimable.
func (n *Node) Claim(ctx context.Context, c, over engine.Claim) (engine.WritableNode, error) {
	text, err := json.Marshal(c)
	if err == nil && len(text) > maxClaim-100 {
		err = fmt.Errorf("the claim has %d bytes", len(text))
	}
	if err == nil {
		err = checkPath(n.config.keep())
	}
	if err == nil && !runPattern.MatchString(c.Run) {
		err = fmt.Errorf("%q cannot be the name of a run", c.Run)
	}
	if err != nil {
		return nil, n.config.preflight(err, "claim %s: %v", n.Name(), err)
	}
	token, old := rand.Text(), "-"
	if over.Token != "" {
		old = over.Token
	}
	run := c.Run
	if c.Ack {
		run = "-"
	}
	if _, err := n.record(ctx, "claim", append(text, '\n'), n.config.keep(), token, old, run); err != nil {
		return nil, err
	}
	return &held{n, token, c.Run}, nil
}

// Release gives the claim up; see engine.WritableNode.
func (h *held) Release(ctx context.Context, o *engine.Outcome) error {
	var line []byte
	if o != nil {
		var err error
		if line, err = json.Marshal(o); err != nil {
			return h.config.preflight(err, "release %s: %v", h.Name(), err)
		}
		line = append(line, '\n')
	}
	how := "gone"
	switch {
	case o == nil: // nothing came of it
		how = "void"
	case o.Ack != nil: // what copies there are belongs to others
		how = "kept"
	case o.State == engine.Landed:
		how = "landed"
	case o.State != engine.RolledBk:
		how = "kept"
	}
	_, err := h.record(ctx, "release", line, h.config.keep(), h.token, h.run, how)
	return err
}

// record has one exchange that changes the node's record; it returns what the worker says of it.
func (n *Node) record(ctx context.Context, verb string, text []byte, words ...string) (string, error) {
	return n.recorded(ctx, verb, func(bool) ([]byte, []string) { return text, words })
}

// recorded is record with what depends on whether the node has SELinux labels.
func (n *Node) recorded(ctx context.Context, verb string, request func(labels bool) ([]byte, []string)) (string, error) {
	op := verb + " of " + n.Name()
	limit, cancel := context.WithTimeoutCause(ctx, patience(0), errPatience)
	defer cancel()
	var r record
	var by []byte
	err := n.ask(limit, op, func(w *worker) error {
		var payload io.Reader
		text, words := request(w.labels)
		if len(text) > 0 {
			payload = bytes.NewReader(text)
		}
		err := w.send(verb, 0, 0, payload, int64(len(text)), words...)
		if err != nil {
			return err
		}
		if r, by, err = w.answer(); err != nil {
			return err
		}
		switch r.status {
		case statusDone, statusFailed, statusRefused, statusConflict, statusBusy, statusClaimed:
			return nil
		}
		return errGarbled
	})
	if err != nil {
		return "", err
	}
	switch r.status {
	case statusDone:
		return r.text, nil
	case statusClaimed, statusBusy:
		return "", n.elsewhere(op, r, by)
	}
	p := n.config.preflight(nil, "%s: %s: %s", op, n.config.keep(), plainly(clip(r.text))).(*engine.Problem)
	switch r.status {
	case statusRefused:
		p.Code = engine.Security
	case statusConflict:
		p.Code = engine.Stale
	}
	return "", p
}

// plainly puts what most often is in the way in front.
func plainly(said string) string {
	switch {
	case strings.HasSuffix(said, "Permission denied"):
		return "only root keeps a record there (become = true runs as root): " + said
	case strings.HasSuffix(said, "No space left on device"):
		return "the disk is full, or has no inodes left: " + said
	case strings.HasSuffix(said, "Read-only file system"):
		return "the file system is read-only: " + said
	}
	return said
}

// elsewhere says who else is at work.
func (n *Node) elsewhere(op string, r record, by []byte) error {
	if r.status == statusBusy {
		p := n.config.preflight(nil, "%s: %s", op, clip(r.text)).(*engine.Problem)
		p.Code = engine.Busy
		return p
	}
	if len(by) == 0 {
		return &engine.ClaimedError{Node: n.Name()}
	}
	c, err := n.claimed(by)
	if err != nil {
		return err
	}
	return &engine.ClaimedError{Node: n.Name(), By: c}
}

// claimed reads the text of a claim.
func (n *Node) claimed(text []byte) (c engine.Claim, err error) {
	token, rest, _ := bytes.Cut(text, []byte("\n"))
	if len(text) == 0 {
		return c, n.damaged("claim", errors.New("it is empty"))
	}
	if err = json.Unmarshal(rest, &c); err == nil && (!runPattern.MatchString(c.Run) || !tokenPattern.Match(token)) {
		err = fmt.Errorf("it names no run, or no token")
	}
	if err != nil {
		return c, n.damaged("claim", err)
	}
	c.Token = string(token)
	for _, text := range []*string{&c.Playbook, &c.Node, &c.By, &c.Folder} {
		*text = clip(*text)
	}
	return c, nil
}

func (n *Node) damaged(what string, err error) error {
	at := n.config.keep() + "/" + what
	p := &engine.Problem{Code: engine.Corrupt, What: fmt.Sprintf("%s: %s is damaged: %s", n.Name(), at, clip(err.Error())),
		Now: "nothing was changed by this command", Next: "look at " + at + " on " + n.Name() + "; it is kept as it is", Err: err}
	if what == "claim" {
		p.Now += "; who holds " + n.Name() + " is not known"
		p.Next = "look at " + at + " on " + n.Name() + "; when no run is at work there: rm " + at + ", on " + n.Name() + ", then the same command"
	}
	return p
}

// Ledger reads what the node has on record; see engine.Claimable.
func (n *Node) Ledger(ctx context.Context) (l engine.Ledger, err error) {
	files, err := n.Look(ctx, n.config.keep()+"/claim", n.config.keep()+"/ledger")
	if err != nil {
		return l, err
	}
	texts := [2][]byte{}
	for i, bound := range []int64{maxClaim, maxLedger} {
		switch f := files[i]; f.Kind {
		case engine.Absent:
		case engine.File:
			if texts[i], err = f.Content.Read(ctx, bound); err != nil {
				return l, err
			}
		default:
			return l, n.damaged([]string{"claim", "ledger"}[i], fmt.Errorf("it is a %s", f.Kind))
		}
	}
	if files[0].Kind == engine.File { // an empty one, too, is in everybody's way
		c, err := n.claimed(texts[0])
		if err != nil {
			return l, err
		}
		l.Claim = &c
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(texts[1], []byte("\n")), []byte("\n")) {
		if len(texts[1]) == 0 {
			break
		}
		var o engine.Outcome
		if err := json.Unmarshal(line, &o); err != nil || !runPattern.MatchString(o.Run) || o.State == "" || o.Machine != "" && !machinePattern.MatchString(o.Machine) {
			return l, n.damaged("ledger", fmt.Errorf("line %d is no outcome of a run", i+1))
		}
		l.Outcomes = append(l.Outcomes, o)
	}
	return l, nil
}

// answer reads the record that answers the request sent last, and the claim that may follow it.
func (w *worker) answer() (record, []byte, error) {
	r, err := w.receive(maxClaim)
	if err != nil || r.bytes == 0 {
		return r, nil, err
	}
	if r.status != statusClaimed {
		return r, nil, errGarbled
	}
	by := make([]byte, r.bytes)
	_, err = io.ReadFull(w.out, by)
	return r, by, err
}
