package playbooks

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// GoPrefix marks the name of a compiled playbook on the command line: "go:NAME".
const GoPrefix = "go:"

// Compiled is a playbook written in Go and compiled into a team's binary. The command line, the journal
// and every guard treat it as they treat a file.
type Compiled struct {
	// Name is what stands behind "go:" on the command line, and the playbook's name in every record.
	Name string
	// Description is one sentence for the list of compiled playbooks.
	Description string
	// Hosts is a group or pattern of the inventory.
	Hosts string
	// Vars are the variables that -e, --var-file and HCRUN_VAR_name set, with their defaults. All are
	// text; what is in one is For's to check.
	Vars map[string]string
	// Files is what the tasks read their local files from, such as an embed.FS; nil: there are none.
	Files fs.FS
	// For makes the playbook for one node. It is called once for every node of the group, before any
	// connection, and has to give the same for the same: what it makes is how hcrun knows that the
	// playbook did not change between two nodes. Name and Hosts may be left out of what it returns.
	For func(Given) (*engine.Playbook, error)
}

// Given is what a compiled playbook is made from. Nothing else should decide what is in it.
type Given struct {
	Node
	// Vars has every name of Compiled.Vars.
	Vars map[string]string
	// Env is the environment variable of a name, or otherwise where it is not set. In a lab LOKI_ADDR is
	// the lab's own.
	Env func(name, otherwise string) string
}

// Bound is a compiled playbook whose variables have their values.
type Bound struct {
	of    Compiled
	vars  map[string]string
	asked *asked
	files *readFiles
	hide  func(...engine.Secret)
}

// Bind gives the variables their values. The error is a *lang.Error with all that was found.
func (c Compiled) Bind(o Options) (*Bound, error) {
	vars, err := c.settle(o)
	return &Bound{of: c, vars: vars, asked: &asked{lookup: o.Env}, files: &readFiles{from: c.Files, read: map[string]bool{}}, hide: o.Hide}, err
}

// settle is resolve for variables that are all text and have no block.
func (c Compiled) settle(o Options) (map[string]string, error) {
	sources := map[string][]byte{}
	vs := &variables{given: map[string]given{}, sources: sources, scope: &lang.Scope{Sources: sources}, hide: o.Hide}
	for _, name := range slices.Sorted(maps.Keys(c.Vars)) {
		literal := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(c.Vars[name])}
		vs.all = append(vs.all, &variable{name: name, ty: cty.String, Default: literal})
	}
	for _, v := range vs.all {
		vs.fromEnv(v, o.Env)
	}
	for _, path := range o.VarFiles {
		vs.fromFile(path)
	}
	for _, arg := range o.Vars {
		vs.fromArg(arg)
	}
	vars := map[string]string{}
	for _, v := range vs.all {
		switch value := vs.settle(v); {
		case value.IsNull():
			vs.report(vs.given[v.name].from, fmt.Sprintf("variable %q is text and cannot be null", v.name), "")
		case value.IsKnown():
			vars[v.name] = value.AsString()
		}
	}
	return vars, lang.AsError(vs.diags, sources)
}

// Name is the playbook's name.
func (b *Bound) Name() string { return b.of.Name }

// Path is how the command line names the playbook: "go:NAME".
func (b *Bound) Path() string { return GoPrefix + b.of.Name }

// Hosts is the pattern of nodes that the playbook is for.
func (b *Bound) Hosts() string { return b.of.Hosts }

// All makes and prepares the playbook for every node of its group, by the node's name. Errors are a
// *engine.Problem with code Invalid or Security.
func (b *Bound) All(group []Node) (map[string]*engine.Playbook, error) {
	books, inputs := map[string]*engine.Playbook{}, map[string]string{}
	for _, n := range group {
		pb, err := b.one(n)
		if err == nil {
			inputs["playbook for "+n.Name], err = fingerprint(pb)
		}
		if err != nil {
			return nil, refused(b.Path()+" for "+n.Name, err)
		}
		books[n.Name] = pb
	}
	for name, value := range b.vars {
		inputs["variable "+name] = hashOf([]byte(value))
	}
	maps.Copy(inputs, b.asked.hashes())
	if err := b.files.hashes(inputs); err != nil {
		return nil, refused(b.Path(), err)
	}
	for _, pb := range books {
		pb.Inputs = maps.Clone(inputs)
	}
	return books, nil
}

func (b *Bound) one(n Node) (*engine.Playbook, error) {
	pb, err := b.of.For(Given{Node: n, Vars: maps.Clone(b.vars), Env: func(name, otherwise string) string {
		if v, ok := b.asked.env(name); ok {
			return v
		}
		return otherwise
	}})
	if pb != nil && b.hide != nil {
		b.hide(pb.Secrets...)
	}
	switch {
	case err != nil:
		return nil, err
	case pb == nil:
		return nil, errors.New("its function returned no playbook")
	}
	own := *pb // what For returns may be one playbook for all nodes
	own.Name, own.Hosts, own.Description = cmp.Or(own.Name, b.of.Name), cmp.Or(own.Hosts, b.of.Hosts), cmp.Or(own.Description, b.of.Description)
	own.Schedule.Order = slices.Clone(own.Schedule.Order)
	switch {
	case own.Name != b.of.Name:
		return nil, fmt.Errorf("it is compiled in as %q, but its function calls it %q", b.of.Name, own.Name)
	case own.Hosts != b.of.Hosts:
		return nil, fmt.Errorf("it is for %q, but its function makes one for %q", b.of.Hosts, own.Hosts)
	case len(own.Steps) == 0:
		return nil, errors.New("it has no steps")
	}
	return &own, own.Prepare(b.files)
}

// All evaluates the playbook for every node of its group, by the node's name. The error is a *lang.Error.
func (f *File) All(group []Node) (map[string]*engine.Playbook, error) {
	books := map[string]*engine.Playbook{}
	for _, n := range group {
		pb, err := f.For(n)
		if err != nil {
			return nil, err
		}
		books[n.Name] = pb
	}
	return books, nil
}

// refused makes an error of a compiled playbook one with an exit code.
func refused(what string, err error) error {
	code := engine.Invalid
	for _, cause := range flatten(err) {
		if engine.CodeOf(cause) == engine.Security {
			code = engine.Security
		}
	}
	return engine.Problemf(code, "%s: %w", what, err)
}
