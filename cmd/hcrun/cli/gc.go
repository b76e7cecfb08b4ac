package cli

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/journal"
)

// gcFlags are what gc was told.
type gcFlags struct {
	keep     string
	plan     bool
	evenUndo bool
}

func (a *app) gcCmd() *cobra.Command {
	var f gcFlags
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove journals that are past their keep and that nothing is decided on any more",
		Long: `Removes runs with all that was kept of them. What stays, whatever its age: every unfinished run, every run
that waits for an ack, every run that a guard of a playbook goes by, those of the last two days, and, but for
--even-undo, every run that could be rolled back as things stand: of several that changed the same file the
newest one. What stood before an older one goes with it. It says what it removes, and what stays and why;
with --json in one object: plan, removed and kept (runs as in history, with bytes and why), bytes, leftovers.`,
		Example: `  hcrun gc --plan            # shows what would go; removes nothing
  hcrun gc --keep 90d        # by age: the default
  hcrun gc --keep 20         # the newest 20 of each playbook on each node`,
		Args: exactly(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.gc(c.Context(), f) },
	}
	c.Flags().StringVar(&f.keep, "keep", "90d", "how long a run is kept: an age (90d, 36h), or a number of runs of each playbook on each node")
	c.Flags().BoolVar(&f.plan, "plan", false, "show what would be removed; remove nothing")
	c.Flags().BoolVar(&f.evenUndo, "even-undo", false, "remove runs although they could still be rolled back")
	return c
}

// parseKeep reads "90d", "36h" or "20".
func parseKeep(s string) (engine.Keep, error) {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return engine.Keep{Newest: n}, nil
	}
	text := s
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n < 100_000 {
			text = fmt.Sprint(24*n, "h")
		}
	}
	if age, err := time.ParseDuration(text); err == nil && age > 0 {
		return engine.Keep{Age: age}, nil
	}
	return engine.Keep{}, usage(`--keep %q: write an age, such as "90d" or "36h", or a number of runs above 0`, s)
}

// doomed is a run that gc removes, or one that stays.
type doomed struct {
	run   *engine.Run
	bytes int64
	why   string // it stays
}

func (a *app) gc(ctx context.Context, f gcFlags) error {
	keep, err := parseKeep(f.keep)
	if err != nil {
		return err
	}
	keep.EvenUndo = f.evenUndo
	store, err := a.records()
	if err != nil {
		return err
	}
	ids, err := store.IDs()
	if err != nil {
		return err
	}
	left, err := store.Leftovers()
	if err != nil {
		return err
	}
	if !f.plan && len(ids)+len(left) > 0 {
		lock, err := store.Lock("gc")
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	gone, stays, err := a.judge(ctx, store, keep)
	if err != nil {
		return err
	}
	if left, err = store.Leftovers(); err != nil { // under the lock: nobody begins a run meanwhile
		return err
	}
	if !f.plan {
		for _, d := range gone {
			if err := store.Remove(d.run.ID); err != nil {
				return err
			}
		}
		for _, id := range left {
			if err := store.Remove(id); err != nil {
				return err
			}
		}
	}
	return a.showGC(f, gone, stays, len(left))
}

// judge says which runs are past their keep and which stay, each by its own clock.
func (a *app) judge(ctx context.Context, store *journal.Store, keep engine.Keep) (gone, stays []doomed, err error) {
	all, err := runs(store)
	if err != nil {
		return nil, nil, err
	}
	var real, labs, lost []*engine.Run
	for _, r := range all {
		switch {
		case !strings.HasPrefix(r.Address, "lab:"):
			real = append(real, r)
		case a.exists(r):
			labs = append(labs, r)
		default:
			lost = append(lost, r)
		}
	}
	why := keep.Stays(time.Now(), real)
	if len(labs) > 0 {
		clock, err := a.clockOf(ctx, labs[0])
		if err != nil {
			return nil, nil, err
		}
		maps.Copy(why, keep.Stays(clock.Now(), labs))
	}
	for _, r := range lost {
		why[r.ID] = ofNoMore(r, keep)
	}
	for _, r := range all {
		d := doomed{run: r, why: why[r.ID]}
		if d.bytes, err = store.Size(r.ID); err != nil {
			return nil, nil, err
		}
		if d.why == "" {
			gone = append(gone, d)
		} else {
			stays = append(stays, d)
		}
	}
	return gone, stays, nil
}

// ofNoMore says why a run on a lab that is no more stays: nobody asks about it, and nothing can be undone.
func ofNoMore(r *engine.Run, keep engine.Keep) string {
	switch {
	case r.Dirty():
		return "unfinished, on a lab that is no more"
	case keep.Age > 0 && time.Since(r.Latest) < keep.Age:
		return engine.Within
	}
	return ""
}

type gcJSON struct {
	Plan      bool       `json:"plan,omitempty"` // nothing was removed
	Removed   []goneJSON `json:"removed"`
	Bytes     int64      `json:"bytes"`
	Leftovers int        `json:"leftovers"`
	Kept      []goneJSON `json:"kept"`
}

type goneJSON struct {
	runJSON
	Bytes int64  `json:"bytes"`
	Why   string `json:"why,omitempty"`
}

// showGC says what went, and what stays and why.
func (a *app) showGC(f gcFlags, gone, stays []doomed, left int) error {
	out := gcJSON{Plan: f.plan, Removed: asJSON(gone), Kept: asJSON(stays), Leftovers: left}
	for _, d := range gone {
		out.Bytes += d.bytes
	}
	if a.json {
		return a.printJSON(out)
	}
	verb := map[bool]string{true: "would be removed", false: "removed"}[f.plan]
	for _, d := range gone {
		a.note("%s  %s  %s on %s, %s, %s", verb, d.run.ID, d.run.Playbook, d.run.Node, ui.RunState(d.run), ui.Moment(d.run.Latest, ui.Zone(d.run)))
	}
	within := 0
	for _, d := range stays {
		if d.why == engine.Within {
			within++
			continue
		}
		a.note("stays  %s  %s on %s: %s", d.run.ID, d.run.Playbook, d.run.Node, d.why)
	}
	if within > 0 {
		a.note("stays  %d within the keep of %s", within, f.keep)
	}
	if left > 0 {
		a.note("%s: what %d runs without a record have left behind", verb, left)
	}
	a.note("%d runs %s, %d KiB; %d stay", len(gone), verb, out.Bytes>>10, len(stays))
	return nil
}

func asJSON(all []doomed) []goneJSON {
	out := []goneJSON{}
	for _, d := range all {
		out = append(out, goneJSON{*summaryJSON(d.run), d.bytes, d.why})
	}
	return out
}
