package fake

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/hcrun/hcrun/engine"
)

// Node is a machine in memory, and at the same time the ground beneath it (enginetest.Ground). It compares
// and swaps as the real one does, and watches the engine: a Put without a durable intent is a violation.
type Node struct {
	Fuse *Fuse
	// Journal, when set, is the journal that has to hold the intent of every Put.
	Journal *Journal
	// OnPut, when set, is asked before a Put's effect and can refuse it; AfterPut runs after it and can
	// lose the acknowledgement; OnLook can fail a look.
	OnPut, AfterPut func(c engine.Change) error
	// OnUndo, when set, says why a switch that fires cannot undo a command; "" lets it.
	OnUndo func(r engine.Restore) string
	// React is what the machine itself does once a Put has had its effect.
	React  func(c engine.Change)
	OnLook func(paths []string) error
	// OnObserve answers read-only commands, and OnDial connections; nil: there are no commands, and nothing
	// listens.
	OnObserve func(argv []string) ([]byte, error)
	OnDial    func(ctx context.Context, network, addr string) (net.Conn, error)
	// Writable is cleared while only planning is allowed: a Put then is a violation.
	Writable bool

	// OnClaim, when set, is asked before a claim, a release, or an arming ("claim", "release", "arm"), and can
	// fail it.
	OnClaim func(what string) error
	// OnCopy, when set, is asked before a copy is read, and can fail it.
	OnCopy func() error

	name       string
	machine    string
	ledger     engine.Ledger
	switches   map[string]*deadman
	mu         sync.Mutex
	tree       map[string]entry
	says       map[string]string // what probes say, and which commands have run that nothing tells of, by place
	ran        []string          // the commands that ran, in order
	looks      int
	puts       int
	violations []string
}

type entry struct {
	kind     engine.ImageKind
	mode     engine.Mode
	uid, gid int
	data     string
	target   string
}

// NewNode is a node with an empty /etc, /root and /var/log.
func NewNode(name string) *Node {
	n := &Node{name: name, Writable: true, tree: map[string]entry{}}
	for _, dir := range []string{"/", "/etc", "/root", "/var", "/var/log", "/ground"} {
		n.tree[dir] = entry{kind: engine.Dir, mode: 0o755}
	}
	return n
}

// Name implements engine.Node.
func (n *Node) Name() string { return n.name }

// Machine implements engine.Claimable: it does not say, unless it was told.
func (n *Node) Machine() string { n.mu.Lock(); defer n.mu.Unlock(); return n.machine }

// SetMachine makes it another machine, with all that is on it.
func (n *Node) SetMachine(m string) { n.mu.Lock(); defer n.mu.Unlock(); n.machine = m }

// Looks is how many times the node was looked at.
func (n *Node) Looks() int { n.mu.Lock(); defer n.mu.Unlock(); return n.looks }

// Puts is how many times it was written to.
func (n *Node) Puts() int { n.mu.Lock(); defer n.mu.Unlock(); return n.puts }

// Violations is what the engine did wrong.
func (n *Node) Violations() []string { n.mu.Lock(); defer n.mu.Unlock(); return n.violations }

// Observe implements engine.Node.
func (n *Node) Observe(ctx context.Context, argv ...string) ([]byte, error) {
	if err := errors.Join(ctx.Err(), engine.ReadOnly(argv)); err != nil {
		return nil, err
	}
	n.mu.Lock()
	said, ok := n.says[engine.Probe(argv...)]
	n.mu.Unlock()
	if ok {
		return []byte(said + "\n"), nil
	}
	if n.OnObserve != nil {
		return n.OnObserve(argv)
	}
	return nil, &engine.ExitError{Argv: argv, Code: 127, Stderr: "not found"}
}

// Say makes a probe say something.
func (n *Node) Say(text string, probe ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.say(engine.Probe(probe...), text)
}

func (n *Node) say(at, text string) {
	if n.says == nil {
		n.says = map[string]string{}
	}
	n.says[at] = text
}

// Ran is the commands that ran, in order.
func (n *Node) Ran() []string { n.mu.Lock(); defer n.mu.Unlock(); return slices.Clone(n.ran) }

// Dial implements engine.Node.
func (n *Node) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n.OnDial != nil {
		return n.OnDial(ctx, network, addr)
	}
	return nil, errors.New("connection refused")
}

// Look implements engine.Node.
func (n *Node) Look(ctx context.Context, paths ...string) ([]engine.Image, error) {
	n.Fuse.burn("before look")
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n.OnLook != nil {
		if err := n.OnLook(paths); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	n.looks++
	var images []engine.Image
	for _, at := range paths {
		images = append(images, n.image(at))
	}
	n.mu.Unlock()
	n.Fuse.burn("after look")
	return images, nil
}

func (n *Node) image(at string) engine.Image {
	e, ok := n.tree[at]
	if !ok {
		return engine.Image{Kind: engine.Absent}
	}
	img := engine.Image{Kind: e.kind, Mode: e.mode, UID: e.uid, GID: e.gid}
	switch e.kind {
	case engine.File:
		img.Content, img.Links = engine.Bytes([]byte(e.data)), 1
	case engine.Dir:
		img.Names = n.names(at)
	case engine.Link:
		img.Target = e.target
	}
	return img
}

func (n *Node) names(dir string) []string {
	var names []string
	for at := range n.tree {
		if at != dir && path.Dir(at) == dir {
			names = append(names, path.Base(at))
		}
	}
	slices.Sort(names)
	return names
}

// Claim implements engine.Claimable.
func (n *Node) Claim(ctx context.Context, c, over engine.Claim) (engine.WritableNode, error) {
	if err := n.toHold(ctx, "claim", over.Token); err != nil {
		return nil, err
	}
	n.mu.Lock()
	c.Token = rand.Text()
	n.ledger.Claim = &c
	if !c.Ack {
		n.decideOthers(c.Run)
	}
	n.mu.Unlock()
	n.Fuse.burn("after claim")
	return &held{n, c.Token, c.Run}, nil
}

// Ledger implements engine.Claimable.
func (n *Node) Ledger(ctx context.Context) (engine.Ledger, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := engine.Ledger{Outcomes: slices.Clone(n.ledger.Outcomes)}
	if n.ledger.Claim != nil {
		c := *n.ledger.Claim
		l.Claim = &c
	}
	return l, ctx.Err()
}

// toHold is what comes before a claim is made or given up.
func (n *Node) toHold(ctx context.Context, what, token string) error {
	n.Fuse.burn("before " + what)
	if err := ctx.Err(); err != nil {
		return &engine.LostError{Node: n.name, Op: what, Err: err}
	}
	if n.OnClaim != nil {
		if err := n.OnClaim(what); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.holds(token)
}

// holds compares a token with the claim; whoever calls it has the lock.
func (n *Node) holds(token string) error {
	switch c := n.ledger.Claim; {
	case c == nil && token == "", c != nil && c.Token == token:
		return nil
	case c == nil:
		return &engine.ClaimedError{Node: n.name}
	default:
		return &engine.ClaimedError{Node: n.name, By: *c}
	}
}

// held is the node as whoever has claimed it gets it.
type held struct {
	*Node
	token string
	run   string
}

var _ engine.WritableNode = (*held)(nil)

// Put implements engine.WritableNode.
func (h *held) Put(ctx context.Context, c engine.Change) error { return h.put(ctx, c, h.token) }

// Release implements engine.WritableNode.
func (h *held) Release(ctx context.Context, o *engine.Outcome) error {
	if err := h.toHold(ctx, "release", h.token); err != nil {
		return err
	}
	h.mu.Lock()
	h.ledger.Claim = nil
	decided := h.switches[h.run] != nil && h.switches[h.run].state != engine.Armed
	h.confirm(h.run, o == nil && decided || o != nil && (o.Ack != nil || o.State != engine.RolledBk))
	if o != nil {
		h.ledger.Outcomes = append(h.ledger.Outcomes, *o)
	}
	h.mu.Unlock()
	h.Fuse.burn("after release")
	return nil
}

func (n *Node) put(ctx context.Context, c engine.Change, token string) error {
	n.Fuse.burn("before put " + c.At)
	if err := ctx.Err(); err != nil {
		return &engine.LostError{Node: n.name, Op: "put " + c.At, Err: err}
	}
	n.watch(c)
	if n.OnPut != nil {
		if err := n.OnPut(c); err != nil {
			return err
		}
	}
	if err := n.swap(ctx, c, token); err != nil {
		return err
	}
	if n.React != nil {
		n.React(c)
	}
	n.Fuse.burn("after put " + c.At)
	if n.AfterPut != nil {
		return n.AfterPut(c)
	}
	return nil
}

func (n *Node) swap(ctx context.Context, c engine.Change, token string) error {
	var data []byte
	if c.After.Kind == engine.File && !c.After.Content.IsZero() {
		r, err := c.After.Content.Open(ctx)
		if err != nil {
			return err
		}
		defer r.Close()
		if data, err = io.ReadAll(r); err != nil {
			return err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.holds(token); err != nil {
		return err
	}
	n.puts++
	if c.Cmd != nil {
		n.ran = append(n.ran, engine.ShellWords(c.Cmd.Run))
		n.say(c.At, c.After.Says)
		return nil
	}
	got := n.image(c.At)
	switch parent := n.tree[path.Dir(c.At)]; {
	case got.Kind == engine.Link:
		return engine.Problemf(engine.Security, "%s is a symbolic link", c.At)
	case c.After.Matches(got):
		return nil
	case !c.Before.Matches(got):
		return &engine.ConflictError{At: c.At, Change: c, Got: got}
	case parent.kind != engine.Dir:
		return engine.Problemf(engine.Preflight, "%s is not a directory", path.Dir(c.At))
	case parent.mode&0o022 != 0:
		return engine.Problemf(engine.Security, "%s can be written by others", path.Dir(c.At))
	}
	if c.After.Kind == engine.Absent {
		filled := got.Kind == engine.Dir && len(got.Names) > 0 || c.Before.AnyContent && got.Content.Size() > 0
		if filled {
			return engine.ErrNotEmpty
		}
		delete(n.tree, c.At)
		return nil
	}
	e := entry{kind: c.After.Kind, mode: c.After.Mode, uid: c.After.UID, gid: c.After.GID, data: string(data)}
	if c.After.AnyContent {
		e.data = n.tree[c.At].data
	}
	n.tree[c.At] = e
	return nil
}

// watch is the write-ahead checker: what a crash would leave in the journal must hold the intent of
// exactly this change, and both its contents.
func (n *Node) watch(c engine.Change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.Writable {
		n.violations = append(n.violations, "put "+c.At+" while only watching is allowed")
	}
	if n.Journal == nil {
		return
	}
	for _, img := range []engine.Image{c.Before, c.After} {
		if img.Kind == engine.File && !img.AnyContent && !n.Journal.Has(img.Content) {
			n.violations = append(n.violations, "put "+c.At+": its contents are not kept")
		}
	}
	if err := intended(n.Journal.Durable(), c); err != nil {
		n.violations = append(n.violations, "put "+c.At+": "+err.Error())
	}
}

func intended(events []engine.Event, c engine.Change) error {
	var steps []engine.PlannedStep
	var intent *engine.OpEvent
	for _, e := range events {
		switch e.Kind {
		case engine.EvPlanned:
			steps = e.Planned
		case engine.EvIntent:
			intent = e.Op
		case engine.EvSettled, engine.EvTurned:
			intent = nil
		}
	}
	if intent == nil {
		return errors.New("no durable intent")
	}
	want := steps[intent.Step].Changes[intent.Change]
	if intent.Down {
		want = want.Inverse()
	}
	if want.At != c.At || want.Before.String() != c.Before.String() || want.After.String() != c.After.String() {
		return fmt.Errorf("the durable intent is another: %s from %s to %s", want.At, want.Before, want.After)
	}
	return nil
}

// Digest is the whole tree with modes, owners and contents.
func (n *Node) Digest() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	for _, at := range slices.Sorted(maps.Keys(n.tree)) {
		e := n.tree[at]
		fmt.Fprintf(&b, "%s %s %s %d:%d %.12x %s\n", at, e.kind, e.mode, e.uid, e.gid, sha256.Sum256([]byte(e.data)), e.target)
	}
	for _, at := range slices.Sorted(maps.Keys(n.says)) {
		if n.says[at] != "not run" {
			fmt.Fprintf(&b, "%s %q\n", at, n.says[at])
		}
	}
	return b.String()
}

// Dir implements enginetest.Ground.
func (n *Node) Dir() string { return "/ground" }

// Owner implements enginetest.Ground.
func (n *Node) Owner() (uid, gid int) { return 0, 0 }

// WriteFile implements enginetest.Ground.
func (n *Node) WriteFile(at string, data []byte, mode fs.FileMode) error {
	return n.set(at, entry{kind: engine.File, mode: engine.Mode(mode), data: string(data)})
}

// Mkdir implements enginetest.Ground.
func (n *Node) Mkdir(at string, mode fs.FileMode) error {
	return n.set(at, entry{kind: engine.Dir, mode: engine.Mode(mode)})
}

// Symlink implements enginetest.Ground.
func (n *Node) Symlink(target, at string) error {
	return n.set(at, entry{kind: engine.Link, target: target})
}

func (n *Node) set(at string, e entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tree[path.Dir(at)].kind != engine.Dir {
		return fmt.Errorf("%s: %w", path.Dir(at), fs.ErrNotExist)
	}
	n.tree[at] = e
	return nil
}

// Remove implements enginetest.Ground.
func (n *Node) Remove(at string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tree, at)
	return nil
}

// ReadFile implements enginetest.Ground.
func (n *Node) ReadFile(at string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.tree[at]
	if !ok || e.kind != engine.File {
		return nil, fs.ErrNotExist
	}
	return []byte(e.data), nil
}

// Chmod changes a mode behind the node's back.
func (n *Node) Chmod(at string, mode engine.Mode) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.tree[at]
	if !ok {
		return fs.ErrNotExist
	}
	e.mode = mode
	n.tree[at] = e
	return nil
}

// Chown changes an owner behind the node's back.
func (n *Node) Chown(at string, uid, gid int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.tree[at]
	if !ok {
		return fs.ErrNotExist
	}
	e.uid, e.gid = uid, gid
	n.tree[at] = e
	return nil
}
