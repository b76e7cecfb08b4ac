package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/engine/sshnode"
	"github.com/hcrun/hcrun/inventory"
)

// loadInventory reads the inventory: -i, or else hosts.hcl in the inventory folder beside the playbook's folder.
// Where it says so, the local ssh client is asked for the rest.
func (a *app) loadInventory(ctx context.Context, playbook string) (*inventory.Inventory, error) {
	path := a.inventory
	if path == "" {
		path = filepath.Join(filepath.Dir(playbook), "..", "inventory", "hosts.hcl")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, usage("no inventory: %s does not exist; name one with -i", path)
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	inv, err := inventory.Load(path, a.env)
	if err != nil {
		return nil, err
	}
	return inv, inv.Resolve(ctx, inventory.LocalSSH)
}

// reach is how to reach a host and those on the way to it; what its inventory does not say is as ssh has it.
func (a *app) reach(h inventory.Host) sshnode.Config {
	c := sshnode.Config{Name: h.Name, Host: h.Address, Port: h.Port, User: h.User, Become: h.Become,
		Identities: h.Identities, IdentitiesOnly: h.IdentitiesOnly, KnownHosts: h.KnownHosts, KnownAs: h.KnownAs,
		ControlPath: h.ControlPath, ConnectTimeout: h.ConnectTimeout, WeakSwitch: h.Switch == inventory.WeakSwitch}
	if c.Agent = h.AgentSocket; c.Agent == "" {
		c.Agent, _ = a.env("SSH_AUTH_SOCK")
	}
	if h.Agent != nil && !*h.Agent {
		c.Agent = ""
	}
	if len(c.Identities) == 0 && h.Origin("identity_files") != inventory.FromSSH {
		c.Identities = a.usual(".ssh/id_ed25519", ".ssh/id_ecdsa", ".ssh/id_rsa")
	}
	if len(c.KnownHosts) == 0 && h.Origin("known_hosts") != inventory.FromSSH {
		c.KnownHosts = append(a.usual(".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts")
	}
	for _, hop := range h.Jump {
		c.Jump = append(c.Jump, a.reach(hop))
	}
	return c
}

// usual are those of the named files that there are in the home folder, as ssh takes them when nothing
// else is said.
func (a *app) usual(names ...string) []string {
	home, ok := a.env("HOME")
	if !ok || home == "" {
		return nil
	}
	var files []string
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(home, name)); err == nil && info.Mode().IsRegular() {
			files = append(files, filepath.Join(home, name))
		}
	}
	return files
}

// limit is a pattern of hosts; an empty one is refused, since it would be mistaken for none.
type limit string

// limitFlag adds --limit.
func limitFlag(c *cobra.Command, to *string) {
	c.Flags().Var((*limit)(to), "limit", "only these nodes: names, groups, globs, ranges, ~regexps, !exclusions, &intersections, @FILE")
}

func (l *limit) String() string { return string(*l) }
func (l *limit) Type() string   { return "pattern" }

func (l *limit) Set(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("an empty pattern names nobody: leave the flag out for every node")
	}
	*l = limit(s)
	return nil
}
