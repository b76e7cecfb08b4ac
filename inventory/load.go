package inventory

import (
	"encoding"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/playbooks/lang"
)

// timeout is a length of time written as text: "10s".
type timeout time.Duration

var _ encoding.TextUnmarshaler = (*timeout)(nil)

// UnmarshalText reads what time.ParseDuration does; only positive lengths are welcome.
func (t *timeout) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d <= 0 {
		return fmt.Errorf(`%q is not a time: write a number and a unit, such as "10s"`, b)
	}
	*t = timeout(d)
	return nil
}

// reach is how to reach a host: what a host block and the defaults block share.
type reach struct {
	User       string         `hcl:"user,optional"`
	Port       *int           `hcl:"port,optional"`
	Identities []string       `hcl:"identity_files,optional"`
	Agent      *bool          `hcl:"agent,optional"`
	KnownHosts []string       `hcl:"known_hosts,optional"`
	Become     *bool          `hcl:"become,optional"`
	Timeout    timeout        `hcl:"connect_timeout,optional"`
	Jump       []string       `hcl:"jump,optional"`
	Control    *string        `hcl:"control_path,optional"`
	SSHConfig  *bool          `hcl:"ssh_config,optional"`
	Vars       map[string]any `hcl:"vars,optional"`
}

type hostBlock struct {
	Address       string `hcl:"address,optional"`
	FailureDomain string `hcl:"failure_domain,optional"`
	Switch        string `hcl:"switch,optional"`
}

type groupBlock struct {
	Hosts   []string       `hcl:"hosts"`
	Workers bool           `hcl:"workers,optional"`
	Vars    map[string]any `hcl:"vars,optional"`
}

type labBlock struct {
	Pace *float64 `hcl:"pace,optional"`
}

// Defaults of what an inventory does not say.
const (
	defaultPort    = 22
	defaultUser    = "root"
	defaultTimeout = 10 * time.Second
	maxPace        = 1000
)

var nameRE = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// loading is one inventory being read.
type loading struct {
	inv   *Inventory
	scope *lang.Scope

	defaults   reach
	defaultsAt *hclsyntax.Block
	ways       map[string]way            // by host: its own jump hosts, or those of the defaults
	own        map[string]map[string]any // by host: the variables of its own block
	given      map[string]string         // by "HOST VARIABLE": the group that gave it
	first      map[string]hcl.Range      // by "host NAME" and the like: where it was seen
	diags      hcl.Diagnostics
}

// Load reads an inventory; env answers the function env. It never connects. Its errors are *lang.Error:
// everything that is wrong, with file, line and column.
func Load(path string, env func(string) (string, bool)) (*Inventory, error) {
	src, err := lang.ReadFile(path)
	if err != nil {
		return nil, lang.AsError(lang.Here(hcl.Range{}, err.Error(), `name another inventory with -i`), nil)
	}
	sources := map[string][]byte{path: src}
	l := &loading{inv: &Inventory{Path: path, sources: sources, asks: map[string]hcl.Range{}}, ways: map[string]way{},
		first: map[string]hcl.Range{}, own: map[string]map[string]any{}, given: map[string]string{},
		scope: &lang.Scope{Values: map[string]cty.Value{}, Functions: lang.Functions(env), Sources: sources,
			Elsewhere: map[string]string{"var": "inventories have no variables; write env(\"NAME\")", "local": "inventories have no locals", "node": "node is known in playbooks"}}}
	body, diags := lang.Parse(path, src, `an inventory lists hosts: host "master1" { address = "..." }`)
	l.diags = diags
	if body != nil {
		l.read(body)
	}
	if err := lang.AsError(l.diags, sources); err != nil {
		return nil, err
	}
	return l.inv, nil
}

func (l *loading) report(rng hcl.Range, what, instead string) {
	l.diags = append(l.diags, lang.Diag(rng, what, instead))
}

// read goes over the blocks: the lab and the defaults first, since hosts depend on them, groups last.
func (l *loading) read(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		l.report(a.NameRange, fmt.Sprintf("%s stands outside of any block", a.Name), "what holds for every host belongs into defaults { ... }")
	}
	for _, round := range []map[string]func(*hclsyntax.Block){
		{"lab": l.lab, "defaults": l.defaultsBlock},
		{"host": l.host},
		{"group": l.group},
	} {
		for _, b := range body.Blocks {
			if f, ok := round[b.Type]; ok && l.formed(b) {
				f(b)
			}
		}
	}
	for _, b := range body.Blocks {
		if _, ok := forms()[b.Type]; !ok {
			l.report(b.TypeRange, fmt.Sprintf("unknown block %q", b.Type), lang.DidYouMean(b.Type, []string{"lab", "defaults", "host", "group"}))
		}
	}
	if len(l.inv.Hosts) == 0 && !l.diags.HasErrors() {
		l.report(hcl.Range{Filename: l.inv.Path, Start: hcl.InitialPos, End: hcl.InitialPos}, "the inventory lists no host", `write host "NAME" { address = "..." }`)
	}
	l.jumps()
	for i := range l.inv.Hosts {
		for _, g := range l.inv.Groups {
			if slices.Contains(g.Hosts, l.inv.Hosts[i].Name) {
				l.inv.Hosts[i].Groups = append(l.inv.Hosts[i].Groups, g.Name)
			}
		}
	}
}

func forms() map[string]string {
	return map[string]string{"lab": "lab { ... }", "defaults": "defaults { ... }", "host": `host "NAME" { ... }`, "group": `group "NAME" { ... }`}
}

// formed checks a block's labels, and that its name is not taken.
func (l *loading) formed(b *hclsyntax.Block) bool {
	want := 0
	if b.Type == "host" || b.Type == "group" {
		want = 1
	}
	if len(b.Labels) != want {
		l.report(b.DefRange(), fmt.Sprintf("%s has %d names; it takes %d", b.Type, len(b.Labels), want), "write "+forms()[b.Type])
		return false
	}
	key := b.Type
	if want == 1 {
		name := b.Labels[0]
		if !nameRE.MatchString(name) {
			l.report(b.LabelRanges[0], fmt.Sprintf("%q cannot be a name", name), `write ASCII letters, digits, "_", "." and "-", beginning with a letter, at most 64`)
			return false
		}
		if name == "all" {
			l.report(b.LabelRanges[0], `"all" is the group of every host already`, "choose another name")
			return false
		}
		key = "name " + name // hosts and groups share their names, so that a limit means one thing
	}
	if first, ok := l.first[key]; ok {
		l.report(b.DefRange(), fmt.Sprintf("%s: the name is taken", lang.Header(b)), fmt.Sprintf("the other one is on line %d", first.Start.Line))
		return false
	}
	l.first[key] = b.DefRange()
	return true
}

func (l *loading) decode(b *hclsyntax.Block, into ...any) {
	_, diags := lang.Decode(b, l.scope, into...)
	l.diags = append(l.diags, diags...)
}

func (l *loading) lab(b *hclsyntax.Block) {
	var lb labBlock
	l.decode(b, &lb)
	pace := 1.0
	if lb.Pace != nil {
		pace = *lb.Pace
	}
	if pace < 1 || pace > maxPace {
		l.report(b.Body.Attributes["pace"].Expr.Range(), fmt.Sprintf("pace divides every wait: from 1 to %d", maxPace), "")
	}
	l.inv.Lab = &Lab{Pace: pace}
}

func (l *loading) defaultsBlock(b *hclsyntax.Block) {
	l.decode(b, &l.defaults)
	l.checkReach(b, l.defaults)
	l.defaultsAt = b
}

func (l *loading) host(b *hclsyntax.Block) {
	var hb hostBlock
	var own reach
	l.decode(b, &hb, &own)
	l.checkReach(b, own)
	if hb.Switch != "" && hb.Switch != WeakSwitch {
		l.report(b.Body.Attributes["switch"].Expr.Range(), fmt.Sprintf("switch is %q", hb.Switch), `write "weak" for a host without systemd, or leave it out`)
	}
	h := Host{Name: b.Labels[0], Address: hb.Address, FailureDomain: hb.FailureDomain, Switch: hb.Switch}
	l.own[h.Name] = own.Vars
	l.fill(&h, own, FromHost)
	if b.Body.Attributes["address"] != nil {
		h.From["address"] = FromHost
	}
	l.address(b, h)
	l.way(&h, own, b)
	l.inv.Hosts = append(l.inv.Hosts, h)
}

func (l *loading) group(b *hclsyntax.Block) {
	var gb groupBlock
	l.decode(b, &gb)
	g := Group{Name: b.Labels[0], Workers: gb.Workers}
	for i, name := range gb.Hosts {
		rng := b.Body.Attributes["hosts"].Expr.Range()
		if list, ok := b.Body.Attributes["hosts"].Expr.(*hclsyntax.TupleConsExpr); ok && i < len(list.Exprs) {
			rng = list.Exprs[i].Range()
		}
		if _, ok := l.inv.Host(name); !ok {
			l.report(rng, fmt.Sprintf("there is no host %q", name), lang.DidYouMean(name, l.inv.hostNames()))
			continue
		}
		if slices.Contains(g.Hosts, name) {
			l.report(rng, fmt.Sprintf("%q is in the group twice", name), "once is enough")
			continue
		}
		g.Hosts = append(g.Hosts, name)
	}
	if len(gb.Hosts) == 0 && b.Body.Attributes["hosts"] != nil {
		l.report(b.DefRange(), lang.Header(b)+" has no hosts", "a group that names nobody is a mistake")
	}
	l.groupVars(b, g, gb.Vars)
	l.inv.Groups = append(l.inv.Groups, g)
}
