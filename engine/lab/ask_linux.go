package lab

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Read tells what there is, whether it runs or not. It changes nothing and starts nothing; a folder
// that does not exist is a lab that was never started.
func Read(ctx context.Context, dir string) (*Status, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return home(dir).status(state{Pace: 1}), nil
	}
	return home(dir).read(ctx)
}

func (h home) read(ctx context.Context) (*Status, error) {
	a, err := h.ask(ctx, request{Do: "status"})
	if err == nil {
		return a.Status, nil
	}
	if !errors.Is(err, errNotRunning) {
		return nil, err
	}
	s, err := h.load()
	if err != nil {
		return nil, err
	}
	return h.status(s), nil
}

// status is what can be said of a lab that may not run.
func (h home) status(s state) *Status {
	st := &Status{ID: s.ID, Nodes: []NodeStatus{}, Offset: s.Offset, Pace: s.Pace,
		KnownHosts: h.path(knownHostsFile), Identity: h.path(identityFile)}
	if s.Loki != 0 {
		st.Loki = "http://" + address(s.Loki)
	}
	for _, n := range s.Nodes {
		st.Nodes = append(st.Nodes, NodeStatus{Name: n.Name, Host: "127.0.0.1", Port: n.Port,
			Root: h.node(n.Name).tree(), Broken: broken(h.node(n.Name).shared())})
	}
	return st
}

// tell sends a request to a lab that has to run.
func tell(ctx context.Context, dir string, r request) (reply, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return reply{}, err
	}
	a, err := home(dir).ask(ctx, r)
	if errors.Is(err, errNotRunning) {
		err = &engine.Problem{Code: engine.Unreachable, What: "the lab is not running", Next: "hcrun lab up", Err: err}
	}
	return a, err
}

// MoveClock moves lab time, in the nodes and for who asks Status.Clock, and returns what it is then.
// The code is Unreachable when the lab does not run.
func MoveClock(ctx context.Context, dir string, by time.Duration) (time.Time, error) {
	a, err := tell(ctx, dir, request{Do: "clock", By: by})
	return a.Time, err
}

// Break breaks a node in one of the ways of Kinds, until Mend. Kinds about Loki need no
// node and then are about all. Breaks outlive reboots, Down and Up.
func Break(ctx context.Context, dir, node, kind string) error {
	_, err := tell(ctx, dir, request{Do: "break", Node: node, Kind: kind})
	return err
}

// Mend takes back every break of a node, and that of Loki as a whole; "" means all nodes.
// What a break has already led to stays, as on a real node.
func Mend(ctx context.Context, dir, node string) error {
	_, err := tell(ctx, dir, request{Do: "mend", Node: node})
	return err
}

// Reboot cuts a node's power and starts it again: same port, same files, another boot id. It returns
// when the node answers again.
func Reboot(ctx context.Context, dir, node string) error {
	_, err := tell(ctx, dir, request{Do: "reboot", Node: node})
	return err
}
