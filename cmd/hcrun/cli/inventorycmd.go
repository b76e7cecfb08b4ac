package cli

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/inventory"
)

// listing is what `hcrun inventory --json` prints.
type listing struct {
	Path   string        `json:"path"`
	Lab    bool          `json:"lab"`   // its hosts are started on this machine and have no address
	Hosts  []listedHost  `json:"hosts"` // in the inventory's order
	Groups []listedGroup `json:"groups"`
}

type listedGroup struct {
	Name    string   `json:"name"`
	Hosts   []string `json:"hosts"`
	Workers bool     `json:"workers"`
}

// listedWay is how to reach a host, or a jump host on the way to it.
type listedWay struct {
	Name           string   `json:"name"`
	Address        string   `json:"address"`
	Port           int      `json:"port"`
	User           string   `json:"user"`
	IdentityFiles  []string `json:"identity_files"`
	IdentitiesOnly bool     `json:"identities_only"`
	Agent          string   `json:"agent"` // the socket, "" for none
	KnownHosts     []string `json:"known_hosts"`
	KnownAs        string   `json:"known_as,omitempty"`
	HostKeyBy      string   `json:"host_key_by"` // who checks the host's key: "hcrun" or "control master"
	ControlPath    string   `json:"control_path,omitempty"`
	ConnectTimeout string   `json:"connect_timeout"`
	SSHConfig      bool     `json:"ssh_config"`
	// From says who gave each setting: "host", "defaults", "jump" (written in the list of jump hosts),
	// "ssh_config" (the local ssh client) or "hcrun" (nobody: the built-in default).
	From map[string]string `json:"from"`
}

type listedHost struct {
	listedWay
	Jump          []listedWay    `json:"jump"` // the first to connect to in front
	Become        bool           `json:"become"`
	FailureDomain string         `json:"failure_domain"`
	Switch        string         `json:"switch,omitempty"`
	Groups        []string       `json:"groups"`
	Vars          map[string]any `json:"vars"`
}

func (a *app) inventoryCmd() *cobra.Command {
	var pattern string
	var graph bool
	c := a.withInventory(&cobra.Command{
		Use:   "inventory",
		Short: "Which hosts there are, how they are reached, and who said so",
		Long: `Lists the hosts of an inventory: address, user, port, the way there, failure domain and groups. With
--graph as a tree of groups and hosts, with --json everything that is known of each; both say where each
setting came from. Nothing is connected to; hosts with ssh_config have the local ssh client asked.`,
		Args: exactly(0, 0, "no arguments; name the inventory with -i and hosts with --limit"),
		RunE: func(c *cobra.Command, _ []string) error {
			if graph && a.json {
				return usage("--graph and --json are two forms of the same list: take one of them")
			}
			inv, err := a.loadInventory(c.Context(), filepath.Join("playbooks", "x"))
			if err != nil {
				return err
			}
			hosts := inv.Hosts
			if pattern != "" {
				if hosts, err = inv.Limit(pattern); err != nil {
					return err
				}
			}
			switch {
			case a.json:
				return a.printJSON(a.listing(inv, hosts))
			case graph:
				a.graph(inv, hosts)
			default:
				a.table(inv, hosts)
			}
			return nil
		},
	})
	limitFlag(c, &pattern)
	c.Flags().BoolVar(&graph, "graph", false, "a tree of groups and hosts")
	return c
}

func (a *app) listing(inv *inventory.Inventory, hosts []inventory.Host) listing {
	l := listing{Path: inv.Path, Lab: inv.Lab != nil, Groups: []listedGroup{}}
	for _, h := range hosts {
		one := listedHost{listedWay: a.listedWay(h), Jump: []listedWay{}, Become: h.Become, FailureDomain: h.FailureDomain,
			Switch: h.Switch, Groups: append([]string{}, h.Groups...), Vars: map[string]any{}}
		maps.Copy(one.Vars, h.Vars)
		for _, hop := range h.Jump {
			one.Jump = append(one.Jump, a.listedWay(hop))
		}
		l.Hosts = append(l.Hosts, one)
	}
	for _, g := range inv.Groups {
		if names := members(hosts, g.Name); len(names) > 0 {
			l.Groups = append(l.Groups, listedGroup{g.Name, names, g.Workers})
		}
	}
	return l
}

func (a *app) listedWay(h inventory.Host) listedWay {
	c := a.reach(h)
	w := listedWay{Name: h.Name, Address: h.Address, Port: h.Port, User: h.User, IdentityFiles: append([]string{}, c.Identities...),
		IdentitiesOnly: h.IdentitiesOnly, Agent: c.Agent, KnownHosts: append([]string{}, c.KnownHosts...), KnownAs: h.KnownAs, HostKeyBy: "hcrun",
		ControlPath: h.ControlPath, ConnectTimeout: h.ConnectTimeout.String(), SSHConfig: h.SSHConfig, From: map[string]string{}}
	if h.ControlPath != "" {
		w.HostKeyBy = "control master"
	}
	for _, setting := range []string{"address", "port", "user", "identity_files", "agent", "known_hosts", "jump", "control_path", "connect_timeout", "ssh_config", "become"} {
		w.From[setting] = h.Origin(setting)
	}
	return w
}

// members are the names of those hosts that are in a group, "" for those that are in none.
func members(hosts []inventory.Host, group string) []string {
	var names []string
	for _, h := range hosts {
		if slices.Contains(h.Groups, group) || group == "" && len(h.Groups) == 0 {
			names = append(names, h.Name)
		}
	}
	return names
}

func (a *app) table(inv *inventory.Inventory, hosts []inventory.Host) {
	tw := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tADDRESS\tUSER\tPORT\tVIA\tDOMAIN\tGROUPS")
	for _, h := range hosts {
		address, user, port := h.Address, h.User, strconv.Itoa(h.Port)
		if inv.Lab != nil {
			address, user, port = "lab", "-", "-"
		}
		row := []string{h.Name, address, user, port, cmp.Or(via(h), "-"), cmp.Or(h.FailureDomain, "-"), cmp.Or(strings.Join(h.Groups, ","), "-")}
		for i := range row {
			row[i] = ui.Line(row[i])
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	tw.Flush()
}

// via is the way to a host in words, "" for the direct one.
func via(h inventory.Host) string {
	if h.ControlPath != "" {
		return "control socket " + h.ControlPath + " (its master checks host keys)"
	}
	var names []string
	for _, hop := range h.Jump {
		names = append(names, hop.Name)
	}
	return strings.Join(names, " > ")
}

// graph prints the tree that ansible-inventory --graph has made familiar.
func (a *app) graph(inv *inventory.Inventory, hosts []inventory.Host) {
	fmt.Fprintln(a.out, "@all:")
	branch := func(name, group string) {
		names := members(hosts, group)
		if len(names) == 0 {
			return
		}
		fmt.Fprintf(a.out, "  |--@%s:\n", name)
		for _, h := range hosts {
			if slices.Contains(names, h.Name) {
				fmt.Fprintf(a.out, "  |  |--%s\n", ui.Line(leaf(inv, h)))
			}
		}
	}
	for _, g := range inv.Groups {
		branch(g.Name, g.Name)
	}
	branch("ungrouped", "")
}

// leaf is a host in the tree: how it is reached, and who gave which setting.
func leaf(inv *inventory.Inventory, h inventory.Host) string {
	if inv.Lab != nil {
		return h.Name + " lab"
	}
	text := fmt.Sprintf("%s %s@%s", h.Name, h.User, net.JoinHostPort(h.Address, strconv.Itoa(h.Port)))
	if v := via(h); v != "" {
		text += " via " + v
	}
	if h.FailureDomain != "" {
		text += " in " + h.FailureDomain
	}
	by := map[string][]string{}
	for _, setting := range slices.Sorted(maps.Keys(h.From)) {
		by[h.From[setting]] = append(by[h.From[setting]], setting)
	}
	for _, from := range []string{inventory.FromHost, inventory.FromDefaults, inventory.FromSSH} {
		if len(by[from]) > 0 {
			text += fmt.Sprintf(" [%s: %s]", from, strings.Join(by[from], ", "))
		}
	}
	return text
}
