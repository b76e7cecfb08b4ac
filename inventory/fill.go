package inventory

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// fill says how to reach a host: by its own word, which came from there, else the defaults', else the usual.
func (l *loading) fill(h *Host, own reach, from string) {
	h.User, h.Port, h.ConnectTimeout, h.From = defaultUser, defaultPort, defaultTimeout, map[string]string{}
	for _, r := range []struct {
		reach
		from string
	}{{l.defaults, FromDefaults}, {own, from}} {
		set := func(setting string, given bool, to func()) {
			if given {
				to()
				h.From[setting] = r.from
			}
		}
		set("user", r.User != "", func() { h.User = r.User })
		set("port", r.Port != nil, func() { h.Port = *r.Port })
		set("connect_timeout", r.Timeout != 0, func() { h.ConnectTimeout = time.Duration(r.Timeout) })
		set("become", r.Become != nil, func() { h.Become = *r.Become })
		set("agent", r.Agent != nil, func() { h.Agent = r.Agent })
		set("identity_files", r.Identities != nil, func() { h.Identities = l.files(r.Identities) })
		set("known_hosts", r.KnownHosts != nil, func() { h.KnownHosts = l.files(r.KnownHosts) })
		set("ssh_config", r.SSHConfig != nil, func() { h.SSHConfig = *r.SSHConfig })
		for k, v := range r.Vars {
			setVar(h, k, v)
		}
	}
}

func setVar(h *Host, name string, value any) {
	if h.Vars == nil {
		h.Vars = map[string]any{}
	}
	h.Vars[name] = value
}

// groupVars gives the hosts of a group its variables: before the defaults', behind the host's own. Two
// groups that give one host different values are an error: which of them counts is not to be guessed.
func (l *loading) groupVars(b *hclsyntax.Block, g Group, vars map[string]any) {
	for i := range l.inv.Hosts {
		h := &l.inv.Hosts[i]
		if !slices.Contains(g.Hosts, h.Name) {
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(vars)) {
			if _, own := l.own[h.Name][k]; own {
				continue
			}
			key := h.Name + " " + k
			if other, ok := l.given[key]; ok && !reflect.DeepEqual(h.Vars[k], vars[k]) {
				l.report(b.Body.Attributes["vars"].Expr.Range(), fmt.Sprintf("host %q gets another %s from group %q", h.Name, k, other), fmt.Sprintf("write %s in the host's own vars, or in one of the groups", k))
				continue
			}
			l.given[key] = g.Name
			setVar(h, k, vars[k])
		}
	}
}

// files are paths as the inventory means them: "~" is the home folder, others are relative to the
// inventory's own folder.
func (l *loading) files(names []string) []string {
	var out []string
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, "~/"); ok {
			if home, err := os.UserHomeDir(); err == nil {
				name = filepath.Join(home, rest)
			}
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(l.inv.Path), name)
		}
		out = append(out, name)
	}
	return out
}
