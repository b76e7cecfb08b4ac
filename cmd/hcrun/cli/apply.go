package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
	"github.com/hcrun/hcrun/inventory"
	"github.com/hcrun/hcrun/playbooks"
)

// applyFlags are what apply was told.
type applyFlags struct {
	limit     string
	plan      bool
	out       string
	yes       bool
	wait      bool
	detailed  bool
	vars      []string
	varFiles  []string
	overrides []string
	reason    string
}

func (a *app) applyCmd() *cobra.Command {
	var f applyFlags
	c := a.withInventory(&cobra.Command{
		Use:   "apply PLAYBOOK|PLANFILE",
		Short: "Carry out a playbook on the next node, or show what it would do",
		Long: `Plans the playbook on each node in order, asks the guards, shows the exact diff, asks you, writes ahead
to the journal, changes the node, and proves that the change works. Without --limit it goes on node by
node until a guard holds one.`,
		Args: exactly(1, 1, "one playbook or plan file"),
		RunE: func(c *cobra.Command, args []string) error { return a.apply(c.Context(), args[0], f) },
	})
	limitFlag(c, &f.limit)
	c.Flags().BoolVar(&f.plan, "plan", false, "show what would be done; write nothing")
	c.Flags().StringVar(&f.out, "out", "", "with --plan: write the plan to this `FILE`, for hcrun apply FILE")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.wait, "wait", false, "when a guard holds the node, wait until it opens")
	c.Flags().BoolVar(&f.detailed, "detailed-exitcode", false, "with --plan: exit 3 when there is something to change")
	a.variableFlags(c, &f)
	c.Flags().StringArrayVar(&f.overrides, "override", nil, "open this guard although it holds: order, soak, per-day, window, freeze, clean, inputs, gate, peers, machine or clock; needs --reason")
	c.Flags().StringVar(&f.reason, "reason", "", "why a guard is overridden; recorded")
	return c
}

func (a *app) variableFlags(c *cobra.Command, f *applyFlags) {
	c.Flags().StringArrayVarP(&f.vars, "var", "e", nil, "set a variable: name=value")
	c.Flags().StringArrayVar(&f.varFiles, "var-file", nil, "file of variables: name = value")
}

// check refuses flags that do not go together.
func (f applyFlags) check() error {
	switch {
	case f.out != "" && !f.plan:
		return usage("--out goes with --plan: it is the plan that is written to the file")
	case f.detailed && !f.plan:
		return usage("--detailed-exitcode goes with --plan")
	case len(f.overrides) > 0 && strings.TrimSpace(f.reason) == "":
		return usage("--override needs --reason TEXT: it is recorded with the run")
	case f.reason != "" && len(f.overrides) == 0:
		return usage("--reason goes with --override GUARD")
	case f.plan && (f.wait || f.yes):
		return usage("--plan changes nothing: --yes and --wait do not go with it")
	}
	for _, name := range f.overrides {
		if !slices.Contains(overridable(), engine.GuardName(name)) {
			return usage("--override %s: there is no such guard that can be overridden; there are %s", name, names(overridable()))
		}
	}
	return nil
}

func overridable() []engine.GuardName {
	return []engine.GuardName{engine.GuardOrder, engine.GuardSoak, engine.GuardPerDay, engine.GuardWindow, engine.GuardFreeze, engine.GuardClean, engine.GuardInputs, engine.GuardGate, engine.GuardPeers, engine.GuardMachine, engine.GuardClock}
}

func names(guards []engine.GuardName) string {
	var all []string
	for _, g := range guards {
		all = append(all, string(g))
	}
	return strings.Join(all, ", ")
}

// apply goes through the chosen nodes in order.
func (a *app) apply(ctx context.Context, path string, f applyFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if isPlanFile(path) {
		return a.applyPlanFile(ctx, path, f)
	}
	s, file, err := a.open(ctx, path, f)
	if err != nil {
		return err
	}
	defer s.close()
	ro, err := s.rollout(file, f)
	if err != nil {
		return err
	}
	if f.plan {
		return ro.plan(ctx)
	}
	if ro.store, err = a.store(); err != nil {
		return err
	}
	return ro.run(ctx)
}

// open loads the site and the playbook; nothing has been connected to.
func (a *app) open(ctx context.Context, path string, f applyFlags) (*site, book, error) {
	if err := a.there(path); err != nil {
		return nil, nil, err
	}
	s, err := a.site(ctx, beside(path))
	if err != nil {
		return nil, nil, err
	}
	file, err := a.load(path, playbooks.Options{Kinds: a.kinds, Vars: f.vars, VarFiles: f.varFiles, Env: s.env, Hide: a.veil.Hide})
	return s, file, err
}

// rollout is one playbook on the nodes of one site.
type rollout struct {
	*site
	flags  applyFlags
	source string                      // the playbook's absolute path
	books  map[string]*engine.Playbook // for every node of the group
	group  []inventory.Host            // in the order of the playbook
	chosen []inventory.Host            // those of --limit
	store  *journal.Store
	silent map[string]error  // nodes that did not say what they have on record
	clocks map[string]bool   // nodes whose clocks were asked for and, if need be, noted
	copies [][2]string       // nodes that are copies of one machine, as far as that was noted
	off    bool              // the clock of the node that is decided on holds it
	locate func(error) error // adds the playbook's line to an error
}

// rollout evaluates the playbook for every node of its group, so that what is wrong for the third
// node is known before the first is touched.
func (s *site) rollout(file book, f applyFlags) (*rollout, error) {
	group, err := s.inv.Select(file.Hosts())
	if err != nil {
		return nil, locateHosts(file, err)
	}
	ro := &rollout{site: s, flags: f, source: file.Path(), locate: func(err error) error { return locate(file, err) }}
	var nodes []playbooks.Node
	for _, h := range group {
		nodes = append(nodes, nodeOf(h))
	}
	if ro.books, err = file.All(nodes); err != nil {
		return nil, ro.locate(err)
	}
	if err := ro.arrange(group); err != nil {
		return nil, err
	}
	if ro.chosen, err = s.chosen(ro.group, f.limit); err != nil {
		return nil, err
	}
	ro.store, err = s.app.records()
	return ro, err
}

// nodeOf is what a playbook may know of a host.
func nodeOf(h inventory.Host) playbooks.Node {
	return playbooks.Node{Name: h.Name, Address: h.Address, FailureDomain: h.FailureDomain, Groups: h.Groups, Vars: h.Vars}
}

func locateHosts(file book, err error) error {
	return fmt.Errorf("%s: hosts = %q: %w", file.Path(), file.Hosts(), err)
}

// arrange brings the group into the playbook's order; nodes that it does not name come last, where the
// order guard holds them.
func (ro *rollout) arrange(group []inventory.Host) error {
	for _, h := range group {
		for _, name := range ro.books[h.Name].Schedule.Order {
			if !slices.ContainsFunc(group, func(h inventory.Host) bool { return h.Name == name }) {
				return usage("%s: schedule: order names %q, which is none of the playbook's hosts in %s", ro.source, name, ro.inv.Path)
			}
		}
	}
	rank := func(h inventory.Host) int {
		if i := slices.Index(ro.books[h.Name].Schedule.Order, h.Name); i >= 0 {
			return i
		}
		return len(group)
	}
	ro.group = slices.SortedStableFunc(slices.Values(group), func(a, b inventory.Host) int { return rank(a) - rank(b) })
	for _, pb := range ro.books {
		if len(pb.Schedule.Order) > 0 {
			continue
		}
		for _, h := range ro.group {
			pb.Schedule.Order = append(pb.Schedule.Order, h.Name)
		}
	}
	return nil
}

// chosen is the part of the group that a limit names. No limit is all; one that names nothing of
// the group is an error and never widens.
func (s *site) chosen(group []inventory.Host, limit string) ([]inventory.Host, error) {
	if limit == "" {
		return group, nil
	}
	picked, err := s.inv.Limit(limit)
	if err != nil {
		return nil, err
	}
	both := slices.DeleteFunc(slices.Clone(group), func(h inventory.Host) bool {
		return !slices.ContainsFunc(picked, func(p inventory.Host) bool { return p.Name == h.Name })
	})
	if len(both) == 0 {
		return nil, usage("--limit %s: none of these hosts is one that the playbook is for", limit)
	}
	return both, nil
}

// run carries the rollout on: every chosen node in order, until one is held. That is no failure when a node
// was changed before it and only time holds this one.
func (ro *rollout) run(ctx context.Context) error {
	done := false
	for _, h := range ro.chosen {
		changed, err := ro.node(ctx, h)
		if err != nil {
			if !done || !itsTurnComes(err) {
				return err
			}
			ro.app.note("%s is held back: %s", h.Name, err)
			ro.app.next(err)
			return nil
		}
		done = done || changed
	}
	return nil
}

// itsTurnComes reports whether nothing but time holds a node.
func itsTurnComes(err error) bool { return engine.CodeOf(err) == engine.Held && !waitFor(err).IsZero() }
