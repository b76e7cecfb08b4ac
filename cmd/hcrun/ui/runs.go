package ui

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hcrun/hcrun/engine"
)

// Runs shows one line a run, oldest first.
func Runs(w io.Writer, runs []*engine.Run) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "RUN\tPLAYBOOK\tNODE\tBEGAN\tSTATE")
	for _, r := range runs {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Playbook, r.Node, Moment(r.Began, Zone(r)), RunState(r))
	}
	tw.Flush()
}

// Zone is the time zone of a run's schedule, in which its times are shown.
func Zone(r *engine.Run) *time.Location {
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// RunState is how a run stands, in a few words.
func RunState(r *engine.Run) string {
	words := []string{string(r.State)}
	switch {
	case r.Open() && !r.Dirty():
		words = []string{"not started"}
	case r.State == engine.Landed && !r.Changed:
		words = append(words, "nothing to change")
	case r.State == engine.Landed && !r.Clean:
		words = append(words, "eventful")
	}
	if r.Acked != nil {
		words = append(words, "acknowledged")
	}
	if len(r.Overrides) > 0 {
		words = append(words, "guard overridden")
	}
	if len(r.LeftPaths) > 0 {
		words = append(words, fmt.Sprintf("%d left", len(r.LeftPaths)))
	}
	return strings.Join(words, ", ")
}

// Moment is a time as people write it, with its zone.
func Moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "-"
	}
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format("Mon 2 Jan 2006 15:04 MST")
}

// Standings shows where every node of a rollout stands: who is next, when at the earliest, why not now.
func Standings(w io.Writer, st Style, all []engine.Standing) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NODE\tSTATE\tMAY START")
	for _, s := range all {
		state := "not yet"
		if s.Run != nil {
			state = RunState(s.Run) + ", " + s.Run.ID
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", s.Node, state, mayStart(s))
	}
	tw.Flush()
	next := nextNode(all)
	if next == nil {
		return
	}
	held, ok := next.Hold.(*engine.NotYetError)
	switch {
	case next.Run != nil && next.Run.Dirty():
		fmt.Fprintf(w, "\nnext: hcrun resume %s   (or: hcrun rollback %s)\n", next.Run.ID, next.Run.ID)
		return
	case !ok:
		fmt.Fprintf(w, "\nnext: %s, now\n", next.Node)
	case held.Until.IsZero():
		fmt.Fprintf(w, "\nnext: %s, but waiting alone does not open it:\n", next.Node)
	default:
		fmt.Fprintf(w, "\nnext: %s, at the earliest %s:\n", next.Node, Moment(held.Until, held.Until.Location()))
	}
	if ok {
		for _, h := range held.Holds {
			fmt.Fprintf(w, "  %s: %s\n", st.Warn(string(h.Guard)), Line(h.Why))
		}
	}
}

func mayStart(s engine.Standing) string {
	switch {
	case s.Run != nil && s.Run.State == engine.Landed:
		return "-"
	case s.Run != nil && s.Run.Dirty():
		return "unfinished"
	}
	held, ok := s.Hold.(*engine.NotYetError)
	switch {
	case !ok:
		return "now"
	case held.Until.IsZero():
		return "held: " + string(held.Holds[0].Guard)
	}
	return Moment(held.Until, held.Until.Location())
}

// nextNode is the first node in order that has not landed.
func nextNode(all []engine.Standing) *engine.Standing {
	for i, s := range all {
		if s.Run == nil || s.Run.State != engine.Landed {
			return &all[i]
		}
	}
	return nil
}
