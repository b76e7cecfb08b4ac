package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/lab"
)

func (a *app) statusCmd() *cobra.Command {
	var f applyFlags
	c := a.withInventory(&cobra.Command{
		Use:   "status [PLAYBOOK]",
		Short: "Who is next, when at the earliest, and why not now",
		Long:  "With a playbook: where each of its nodes stands. Without: every run that is unfinished or waits for you; only the nodes of unfinished runs are connected to, to ask whether they have undone it by themselves.",
		Args:  exactly(0, 1, "at most one playbook"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.openRuns(c.Context())
			}
			return a.standings(c.Context(), args[0], f)
		},
	})
	a.variableFlags(c, &f)
	return c
}

// openRuns lists what needs somebody.
func (a *app) openRuns(ctx context.Context) error {
	store, err := a.records()
	if err != nil {
		return err
	}
	all, err := runs(store)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(r *engine.Run) bool { return !a.exists(r) })
	need := engine.Unacknowledged(all)
	for _, r := range all {
		if r.Dirty() {
			need = append(need, r)
		}
	}
	if a.json {
		return a.printJSON(summaries(need))
	}
	if len(need) == 0 {
		a.note("no run is unfinished, none waits for you")
		return nil
	}
	ui.Runs(a.out, need)
	if who, busy := store.Holder(); busy {
		a.note("running now: %s", who)
		return nil
	}
	for _, r := range need {
		if r.Dirty() {
			if said := a.askSwitch(ctx, r); said != "" {
				a.note("%s", said)
			}
			a.note("next: hcrun resume %s   (or: hcrun rollback %s)", r.ID, r.ID)
		} else {
			a.note("next: hcrun show %s, then: hcrun ack %s --reason TEXT", r.ID, r.ID)
		}
	}
	return nil
}

func (a *app) standings(ctx context.Context, path string, f applyFlags) error {
	s, file, err := a.open(ctx, path, f)
	if err != nil {
		return err
	}
	defer s.close()
	ro, err := s.rollout(file, f)
	if err != nil {
		return err
	}
	past, err := s.past(ro.store)
	if err != nil {
		return err
	}
	pb := ro.books[ro.group[0].Name]
	zone, err := pb.Schedule.Location()
	if err != nil {
		return err
	}
	all := engine.Standings(pb, s.clock.Now(), past)
	if a.json {
		return a.printJSON(standingsJSON(all))
	}
	room := ""
	if len(pb.Schedule.Windows)+len(pb.Schedule.Freezes) > 0 {
		room = fmt.Sprintf("; a run may take up to %s", pb.Needs())
	}
	a.note("%s: it is %s%s", pb.Name, ui.Moment(s.clock.Now(), zone), room)
	ui.Standings(a.out, a.style, all)
	return nil
}

type runJSON struct {
	Run      string       `json:"run"`
	Playbook string       `json:"playbook"`
	Node     string       `json:"node"`
	Began    time.Time    `json:"began"`
	Ended    *time.Time   `json:"ended,omitempty"`
	State    engine.State `json:"state"`
	Changed  bool         `json:"changed"`
	Clean    bool         `json:"clean"`
	Acked    bool         `json:"acked,omitempty"`
}

func summaries(all []*engine.Run) []runJSON {
	out := []runJSON{}
	for _, r := range all {
		out = append(out, *summaryJSON(r))
	}
	return out
}

func summaryJSON(r *engine.Run) *runJSON {
	if r == nil {
		return nil
	}
	j := &runJSON{Run: r.ID, Playbook: r.Playbook, Node: r.Node, Began: r.Began, State: r.State, Changed: r.Changed, Clean: r.Clean, Acked: r.Acked != nil}
	if !r.Ended.IsZero() {
		j.Ended = &r.Ended
	}
	return j
}

type standingJSON struct {
	Node     string     `json:"node"`
	Run      *runJSON   `json:"run,omitempty"`
	Held     []holdJSON `json:"held,omitempty"`
	Earliest *time.Time `json:"earliest,omitempty"`
}

type holdJSON struct {
	Guard engine.GuardName `json:"guard"`
	Why   string           `json:"why"`
	Until *time.Time       `json:"until,omitempty"`
}

func standingsJSON(all []engine.Standing) []standingJSON {
	out := []standingJSON{}
	for _, s := range all {
		j := standingJSON{Node: s.Node, Run: summaryJSON(s.Run)}
		if held, ok := errors.AsType[*engine.NotYetError](s.Hold); ok {
			for _, h := range held.Holds {
				j.Held = append(j.Held, holdJSON{h.Guard, h.Why, moment(h.Until)})
			}
			j.Earliest = moment(held.Until)
		}
		out = append(out, j)
	}
	return out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *app) printJSON(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s\n", b)
	return nil
}

// clockOf is the clock that a recorded run goes by: a lab's own for a lab's run.
func (a *app) clockOf(ctx context.Context, r *engine.Run) (engine.Clock, error) {
	if !strings.HasPrefix(r.Address, "lab:") {
		return engine.Clock{}, nil
	}
	dir, err := a.labDir()
	if err != nil {
		return engine.Clock{}, err
	}
	s, err := lab.Read(ctx, dir)
	if err != nil {
		return engine.Clock{}, fmt.Errorf("the run is of a lab: %w", err)
	}
	return s.Clock(), nil
}
