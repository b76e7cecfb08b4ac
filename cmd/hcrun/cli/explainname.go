package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/inventory"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// answers explains the name in whichever way it can be meant.
func (e *explaining) answers() ([]answer, error) {
	var all []answer
	bare := !strings.Contains(e.name, ".")
	if name, ok := strings.CutPrefix(e.name, "var."); e.file != nil && (ok || bare) {
		if why, found := e.file.WhyVar(name); found {
			all = append(all, answer{Why: why})
		}
	}
	if name, ok := strings.CutPrefix(e.name, "local."); e.file != nil && (ok || bare) {
		found, err := e.local(name)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if name, ok := strings.CutPrefix(e.name, "secret."); e.file != nil && (ok || bare) {
		if why, found := e.file.WhySecret(name); found {
			all = append(all, answer{Why: why})
		}
	}
	if name, ok := strings.CutPrefix(e.name, "node.vars."); ok || bare && all == nil {
		found, err := e.nodeVar(name)
		if err != nil && (ok || e.inv != nil) {
			return nil, err
		}
		all = append(all, found...)
	}
	if all == nil {
		return nil, usage("there is no %s; %s", e.name, e.similar())
	}
	return all, nil
}

// similar suggests names.
func (e *explaining) similar() string {
	var names, bare []string
	if e.file != nil {
		names = e.file.Names()
	}
	if hosts, err := e.nodes(); err == nil {
		for _, h := range hosts {
			for name := range h.Vars {
				names = append(names, "node.vars."+name)
			}
		}
	}
	for _, name := range names {
		bare = append(bare, name[strings.LastIndexByte(name, '.')+1:])
	}
	near := lang.Suggest(e.name[strings.LastIndexByte(e.name, '.')+1:], bare)
	if i := slices.Index(bare, near); near != "" && i >= 0 {
		return fmt.Sprintf("did you mean %s?", names[i])
	}
	return lang.DidYouMean(e.name, names)
}

// local explains a local: once when it is the same for any node, else for each.
func (e *explaining) local(name string) ([]answer, error) {
	why, ok, err := e.file.WhyLocal(name, nil)
	if !ok || err != nil {
		return nil, err
	}
	uses := slices.ContainsFunc(why.Uses, func(w playbooks.Why) bool { return strings.HasPrefix(w.Name, "node") })
	if !uses && why.Value.Text != playbooks.Unknown {
		return []answer{{Why: why}}, nil
	}
	hosts, err := e.nodes()
	if err != nil {
		return nil, err
	}
	var all []answer
	for _, h := range hosts {
		node := nodeOf(h)
		why, _, err := e.file.WhyLocal(name, &node)
		if err != nil {
			return nil, err
		}
		for i, used := range why.Uses {
			if v, ok := strings.CutPrefix(used.Name, "node.vars."); ok {
				if why.Uses[i].Origins, err = e.origins(h, v); err != nil {
					return nil, err
				}
			}
		}
		all = sameOn(all, why, h.Name)
	}
	return all, nil
}

// nodeVar explains a variable of the nodes, for those that have it.
func (e *explaining) nodeVar(name string) ([]answer, error) {
	hosts, err := e.nodes()
	if err != nil {
		return nil, err
	}
	var all []answer
	for _, h := range hosts {
		value, ok := h.Vars[name]
		if !ok {
			continue
		}
		why := playbooks.Why{Name: "node.vars." + name, Value: playbooks.Show(value)}
		if why.Origins, err = e.origins(h, name); err != nil {
			return nil, err
		}
		all = sameOn(all, why, h.Name)
	}
	return all, nil
}

// origins are the values that the inventory has for a variable of a host.
func (e *explaining) origins(h inventory.Host, name string) ([]playbooks.Origin, error) {
	found, err := e.inv.Origins(h.Name, e.env)
	if err != nil {
		return nil, err
	}
	var all []playbooks.Origin
	for _, o := range found[name] {
		all = append(all, playbooks.Origin{Level: playbooks.Level(o.From), At: o.At, Value: playbooks.Show(o.Value)})
	}
	return all, nil
}

// sameOn adds a node to the answer that is the same for it, or makes one.
func sameOn(all []answer, why playbooks.Why, node string) []answer {
	same := func(w playbooks.Why) string {
		b, err := json.Marshal(w)
		if err != nil {
			return node
		}
		return string(b)
	}
	for i := range all {
		if same(all[i].Why) == same(why) {
			all[i].Nodes = append(all[i].Nodes, node)
			return all
		}
	}
	return append(all, answer{why, []string{node}})
}
