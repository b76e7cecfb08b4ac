package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine/lab"
	"github.com/hcrun/hcrun/inventory"
	"github.com/hcrun/hcrun/playbooks"
)

// precedence is which value counts when a name has several; docs/precedence.md says the same.
const precedence = `A variable of a playbook (var.NAME) has the first of these values that there is:
  1. -e NAME=VALUE                of several, the last on the command line
  2. --var-file FILE              of several files, the last; it holds NAME = VALUE
  3. HCRUN_VAR_NAME               in the environment
  4. default                      in the variable's block

A variable of a node (node.vars.NAME) has the first of these:
  1. host "NAME" { vars }         in the inventory
  2. group "NAME" { vars }        two groups that give one host different values are an error
  3. defaults { vars }

The two never mix: var.NAME is the same for every node, node.vars.NAME comes from the inventory alone. Locals
(local.NAME) are worked out from both, for each node, and nothing can be put in their place.`

func (a *app) explainCmd() *cobra.Command {
	var f applyFlags
	c := a.withInventory(&cobra.Command{
		Use:   "explain NAME [PLAYBOOK]",
		Short: "Why a variable, local or variable of a node has its value",
		Long: `Says what var.NAME, local.NAME, secret.NAME or node.vars.NAME is (a secret stays hidden), where that comes from, and which values it hides; for a
local, its expression and what that refers to. NAME alone means all of that name. Nothing is connected to.

` + precedence + `

PLAYBOOK can be left out where the folder playbooks has only one.`,
		Args: exactly(1, 2, "a name and at most one playbook"),
		RunE: func(c *cobra.Command, args []string) error {
			e := &explaining{app: a, ctx: c.Context(), flags: f, name: args[0]}
			if len(args) == 2 {
				e.path = args[1]
			}
			return e.explain()
		},
	})
	limitFlag(c, &f.limit)
	a.variableFlags(c, &f)
	return c
}

// explaining answers for one name. The inventory is read when it is asked for.
type explaining struct {
	*app
	ctx   context.Context
	flags applyFlags
	name  string
	path  string // the playbook; "" when there is none
	file  *playbooks.File
	inv   *inventory.Inventory
}

// answer is a value with its reasons, on some nodes.
type answer struct {
	playbooks.Why
	Nodes []string `json:"nodes,omitempty"` // none: it does not depend on the node
}

func (e *explaining) explain() error {
	if e.path == "" {
		if err := e.only(); err != nil {
			return err
		}
	}
	if e.inventory != "" { // a lab answers env("LOKI_ADDR")
		if _, err := e.nodes(); err != nil {
			return err
		}
	}
	if e.path != "" {
		var err error
		if e.file, err = playbooks.Load(e.path, playbooks.Options{Kinds: e.kinds, Vars: e.flags.vars, VarFiles: e.flags.varFiles, Env: e.environment(), Hide: e.veil.Hide}); err != nil {
			return err
		}
	}
	answers, err := e.answers()
	if err != nil {
		return err
	}
	for i, one := range answers {
		if i > 0 && !e.json {
			fmt.Fprintln(e.out)
		}
		e.show(one)
	}
	return nil
}

// only finds the playbook when there is no choice.
func (e *explaining) only() error {
	found, err := filepath.Glob(filepath.Join("playbooks", "*.hcl"))
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(path string) bool {
		b, err := os.ReadFile(path)
		return err != nil || !strings.Contains("\n"+string(b), "\nplaybook ")
	})
	switch {
	case len(found) == 1:
		e.path = found[0]
	case strings.HasPrefix(e.name, "node.vars."):
	case len(found) == 0:
		return usage("which playbook? there is none in the folder playbooks: hcrun explain %s PLAYBOOK", e.name)
	default:
		return usage("which playbook? hcrun explain %s PLAYBOOK, one of: %s", e.name, strings.Join(found, ", "))
	}
	return nil
}

// environment is what env() finds: in a lab that runs, LOKI_ADDR is the lab's own, as for apply.
func (e *explaining) environment() func(string) (string, bool) {
	if e.inv == nil || e.inv.Lab == nil {
		return e.env
	}
	dir, err := e.labDir()
	if err != nil {
		return e.env
	}
	status, err := lab.Read(e.ctx, dir)
	if err != nil {
		return e.env // the lab is not running
	}
	return (&site{app: e.app, lab: status}).env
}

// nodes are the hosts that the answer is for; nil when no inventory was named and the usual one is not
// there.
func (e *explaining) nodes() ([]inventory.Host, error) {
	if e.inv == nil {
		path := e.inventory
		if path == "" {
			path = filepath.Join(filepath.Dir(e.path), "..", "inventory", "hosts.hcl")
			if e.path == "" {
				path = filepath.Join("inventory", "hosts.hcl")
			}
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				return nil, usage("no inventory: %s does not exist; name one with -i", path)
			}
		}
		var err error
		if e.inv, err = inventory.Load(path, e.env); err != nil {
			return nil, err
		}
	}
	group := e.inv.Hosts
	if e.file != nil {
		var err error
		if group, err = e.inv.Select(e.file.Hosts()); err != nil {
			return nil, locateHosts(e.file, err)
		}
	}
	return (&site{app: e.app, inv: e.inv}).chosen(group, e.flags.limit)
}

// show prints one answer.
func (e *explaining) show(a answer) {
	if e.json {
		e.showJSON(a)
		return
	}
	head := e.style.Bold(ui.Line(a.Name)) + " = " + ui.Clean(a.Value.Text)
	if a.Nodes != nil {
		head += e.style.Dim("   on " + strings.Join(a.Nodes, ", "))
	}
	fmt.Fprintln(e.out, head)
	if a.Description != "" {
		fmt.Fprintln(e.out, "  "+e.style.Dim(ui.Line(a.Description)))
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 3, ' ', 0)
	row := func(word, what string, o playbooks.Origin) {
		fmt.Fprintf(w, "  %s\t%s%s\n", word, ui.Line(what), strings.TrimRight("\t"+ui.Line(place(o))+"\t"+ui.Line(o.Expression), "\t"))
	}
	for i, o := range a.Origins {
		word := "hides"
		if i == 0 {
			word = "from"
		}
		row(word, o.Value.Text, o)
	}
	if a.Expression != "" {
		row("from", strings.Join(strings.Fields(a.Expression), " "), playbooks.Origin{At: a.At})
	}
	for _, used := range a.Uses {
		from := playbooks.Origin{At: used.At}
		if len(used.Origins) > 0 {
			from = used.Origins[0]
		}
		row("uses", used.Name+" = "+used.Value.Text, from)
	}
	w.Flush()
}

func (e *explaining) showJSON(a answer) {
	e.events = true
	if b, err := json.Marshal(struct {
		Kind string `json:"kind"`
		answer
	}{"explain", a}); err == nil {
		fmt.Fprintf(e.out, "%s\n", b)
	}
}

// place is where a value comes from.
func place(o playbooks.Origin) string {
	if o.Level == "" || o.Level == playbooks.ByArg || o.Level == playbooks.ByEnv {
		return o.At
	}
	return string(o.Level) + ", " + o.At
}
