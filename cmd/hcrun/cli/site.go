package cli

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
	"github.com/hcrun/hcrun/engine/lab"
	"github.com/hcrun/hcrun/engine/sshnode"
	"github.com/hcrun/hcrun/inventory"
)

// site is where a command works: the inventory, the lab behind it if it is one, the clock, and the
// connections made so far, at most one a node.
type site struct {
	app   *app
	inv   *inventory.Inventory
	lab   *lab.Status // nil on real machines
	clock engine.Clock
	nodes map[string]*sshnode.Node
}

// stateDir is the folder of journals and the lab.
func (a *app) stateDir() (string, error) {
	dir := a.state
	if dir == "" {
		dir, _ = a.env("HCRUN_STATE")
	}
	if dir == "" {
		if base, ok := a.env("XDG_STATE_HOME"); ok && filepath.IsAbs(base) {
			dir = filepath.Join(base, "hcrun")
		}
	}
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", usage("no state folder: name one with --state or $HCRUN_STATE (%v)", err)
		}
		dir = filepath.Join(home, ".local", "state", "hcrun")
	}
	return filepath.Abs(dir)
}

func (a *app) labDir() (string, error) {
	dir, err := a.stateDir()
	return filepath.Join(dir, "lab"), err
}

func (a *app) store() (*journal.Store, error) {
	dir, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	return journal.OpenStore(dir)
}

// records is the store for those who only read in it: it makes no state folder.
func (a *app) records() (*journal.Store, error) {
	dir, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	return journal.ReadStore(dir)
}

// site opens the inventory: -i, or else hosts.hcl in the inventory folder beside the playbook's
// folder. A lab is started if it is not running.
func (a *app) site(ctx context.Context, playbook string) (*site, error) {
	inv, err := a.loadInventory(ctx, playbook)
	if err != nil {
		return nil, err
	}
	s := &site{app: a, inv: inv, nodes: map[string]*sshnode.Node{}}
	if inv.Lab == nil {
		return s, nil
	}
	dir, err := a.labDir()
	if err != nil {
		return nil, err
	}
	if _, err := a.store(); err != nil { // makes the state folder, or says what is wrong with it
		return nil, err
	}
	var names []string
	for _, h := range inv.Hosts {
		names = append(names, h.Name)
	}
	if s.lab, err = lab.Up(ctx, lab.Options{Dir: dir, Nodes: names, Pace: inv.Lab.Pace}); err != nil {
		return nil, err
	}
	s.clock = s.lab.Clock()
	return s, nil
}

// refresh reads the lab's clock again; somebody may have moved it.
func (s *site) refresh(ctx context.Context) error {
	if s.lab == nil {
		return nil
	}
	dir, err := s.app.labDir()
	if err != nil {
		return err
	}
	if s.lab, err = lab.Read(ctx, dir); err != nil {
		return err
	}
	s.clock = s.lab.Clock()
	return nil
}

// env is the environment that playbooks see: in a lab, LOKI_ADDR is the lab's own.
func (s *site) env(name string) (string, bool) {
	if name == "LOKI_ADDR" && s.lab != nil {
		return s.lab.Loki, true
	}
	return s.app.env(name)
}

// pace is by how much waits are shortened; 1 on real machines.
func (s *site) pace() float64 {
	if s.lab == nil {
		return 0
	}
	return s.lab.Pace
}

func (s *site) labNode(name string) (lab.NodeStatus, bool) {
	if s.lab != nil {
		for _, n := range s.lab.Nodes {
			if n.Name == name {
				return n, true
			}
		}
	}
	return lab.NodeStatus{}, false
}

// address is what a run remembers of where it went: a run on another address says nothing about this
// host, whatever its name.
func (s *site) address(h inventory.Host) string {
	if s.lab != nil {
		return "lab:" + s.lab.ID + "/" + h.Name
	}
	return net.JoinHostPort(h.Address, strconv.Itoa(h.Port))
}

// config is how to reach a host.
func (s *site) config(h inventory.Host) sshnode.Config {
	c := s.app.reach(h)
	if n, ok := s.labNode(h.Name); ok {
		c.Host, c.Port, c.User, c.Agent, c.Pace = n.Host, n.Port, "root", "", s.pace()
		c.Identities, c.KnownHosts = []string{s.lab.Identity}, []string{s.lab.KnownHosts}
		c.ConnectTimeout = max(s.clock.Real(c.ConnectTimeout), 2*time.Second)
	}
	return c
}

// dial connects to a host, once for the whole command.
func (s *site) dial(ctx context.Context, h inventory.Host) (*sshnode.Node, error) {
	if n := s.nodes[h.Name]; n != nil && n.Alive() {
		return n, nil
	}
	n, err := sshnode.Dial(ctx, s.config(h))
	if err != nil {
		return nil, err
	}
	s.nodes[h.Name] = n
	return n, nil
}

// close ends all connections and writes to the log file what they cost.
func (s *site) close() {
	log, done := s.app.logFile()
	defer done()
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		n.Close()
		cost := n.Stats()
		log.Info().Time("at", s.clock.Now()).Str("event", "disconnected").Str("node", name).
			Int("connections", cost.Conns).Int("channels", cost.Channels).Int("round_trips", cost.RoundTrips).Send()
	}
	clear(s.nodes)
}

// peers connects to the given hosts but one, for gates.
func (s *site) peers(group []inventory.Host, but string) func(context.Context) ([]engine.Node, map[string]error) {
	return func(ctx context.Context) ([]engine.Node, map[string]error) {
		var nodes []engine.Node
		down := map[string]error{}
		for _, h := range group {
			if h.Name == but {
				continue
			}
			n, err := s.dial(ctx, h)
			if err != nil {
				down[h.Name] = err
				continue
			}
			nodes = append(nodes, n)
		}
		return nodes, down
	}
}

// peersOf is peers for a recorded run. When the inventory no longer says who they are, gates get that for
// an answer: a gate that asks nobody would pass.
func (s *site) peersOf(r *engine.Run) func(context.Context) ([]engine.Node, map[string]error) {
	group, err := s.inv.Select(r.Group)
	if err != nil {
		return func(context.Context) ([]engine.Node, map[string]error) { return nil, map[string]error{r.Group: err} }
	}
	return s.peers(group, r.Node)
}

// other connects to any node of the inventory, for checks that are delegated to it.
func (s *site) other(ctx context.Context, name string) (engine.Node, error) {
	h, ok := s.inv.Host(name)
	if !ok {
		return nil, fmt.Errorf("%s has no host of that name", s.inv.Path)
	}
	return s.dial(ctx, h)
}

// me is who runs hcrun, for the record.
func me() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if sudo := os.Getenv("SUDO_USER"); sudo != "" && sudo != name {
		name = sudo + " as " + name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s@%s", name, host)
}
