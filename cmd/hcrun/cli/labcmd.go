package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine/lab"
)

func (a *app) labCmd() *cobra.Command {
	c := parent(&cobra.Command{
		Use:   "lab",
		Short: "Three throwaway masters on this machine",
		Long: `The lab's nodes are private views of this machine's file system with its real shell and tools, reached
over real SSH. Their kubelet, API server and Loki are simulated. They go on running until "lab down".`,
	})
	c.AddCommand(
		a.labSub("up", "start it", 0, func(ctx context.Context, dir string, _ []string) error { return a.labUp(ctx, dir) }),
		a.labSub("down", "stop it; its files stay", 0, func(ctx context.Context, dir string, _ []string) error { return lab.Down(ctx, dir) }),
		a.labSub("reset", "fresh masters, nothing broken, a Monday at 20:00", 0, func(ctx context.Context, dir string, _ []string) error { return lab.Reset(ctx, dir) }),
		a.labSub("status", "what runs, what time it is there, what is broken", 0, func(ctx context.Context, dir string, _ []string) error { return a.labStatus(ctx, dir) }),
		a.labSub("clock +DURATION", "move the lab's time: +25h, or back: -25h", 1, a.labClock),
		a.labSub("break NODE KIND", "break something; without arguments, list what can be broken", -1, a.labBreak),
		a.labSub("mend NODE", "undo every break of a node", 1, func(ctx context.Context, dir string, args []string) error { return lab.Mend(ctx, dir, args[0]) }),
		a.labSub("reboot NODE", "cut a node's power and start it again", 1, a.labReboot),
	)
	return c
}

func (a *app) labSub(use, short string, args int, run func(context.Context, string, []string) error) *cobra.Command {
	check := exactly(args, args, strings.TrimSpace(fmt.Sprintf("%d arguments", args)))
	if args < 0 {
		check = exactly(0, 2, "a node and what to break, or nothing")
	}
	return &cobra.Command{Use: use, Short: short, Args: check, RunE: func(c *cobra.Command, args []string) error {
		dir, err := a.labDir()
		if err != nil {
			return err
		}
		return run(c.Context(), dir, args)
	}}
}

// labUp starts the lab with the nodes it had, or the usual three.
func (a *app) labUp(ctx context.Context, dir string) error {
	if _, err := a.store(); err != nil {
		return err
	}
	o := lab.Options{Dir: dir, Nodes: []string{"master1", "master2", "master3"}, Pace: 20}
	if s, err := lab.Read(ctx, dir); err == nil && len(s.Nodes) > 0 {
		o.Pace, o.Nodes = s.Pace, nil
		for _, n := range s.Nodes {
			o.Nodes = append(o.Nodes, n.Name)
		}
	}
	if _, err := lab.Up(ctx, o); err != nil {
		return err
	}
	return a.labStatus(ctx, dir)
}

func (a *app) labStatus(ctx context.Context, dir string) error {
	s, err := lab.Read(ctx, dir)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(s)
	}
	if !s.Running {
		a.note("the lab is down; start it with: hcrun lab up")
		return nil
	}
	a.note("lab %s: it is %s there, waits are divided by %g", s.ID, ui.Moment(s.Clock().Now(), labZone()), s.Pace)
	for _, n := range s.Nodes {
		state := "up"
		if !n.Up {
			state = "down"
		}
		if len(n.Broken) > 0 {
			state += ", broken: " + strings.Join(n.Broken, ", ")
		}
		a.note("  %-8s %s  ssh -p %d -i %s -o UserKnownHostsFile=%s root@%s", n.Name, state, n.Port, s.Identity, s.KnownHosts, n.Host)
	}
	a.note("  loki     %s", s.Loki)
	return nil
}

// labZone is the time zone in which a fresh lab's Monday evening is.
func labZone() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		return time.UTC
	}
	return zone
}

func (a *app) labClock(ctx context.Context, dir string, args []string) error {
	by, err := time.ParseDuration(strings.TrimPrefix(args[0], "+"))
	if err != nil {
		return usage(`lab clock %s: write by how much to move it, such as +25h`, args[0])
	}
	now, err := lab.MoveClock(ctx, dir, by)
	if err != nil {
		return err
	}
	a.note("it is %s in the lab now", ui.Moment(now, labZone()))
	return nil
}

// backwards moves `-25h` behind "--" in `lab clock -25h`: no flag begins with a digit.
func backwards(args []string) []string {
	at := slices.IndexFunc(args, func(s string) bool { return len(s) > 1 && s[0] == '-' && s[1] >= '0' && s[1] <= '9' })
	if at < 0 || !slices.Contains(args[:at], "lab") || !slices.Contains(args[:at], "clock") || slices.Contains(args[:at], "--") {
		return args
	}
	return slices.Concat(args[:at], args[at+1:], []string{"--", args[at]})
}

func (a *app) labReboot(ctx context.Context, dir string, args []string) error {
	if err := lab.Reboot(ctx, dir, args[0]); err != nil {
		return err
	}
	a.note("%s is up again", args[0])
	return nil
}

func (a *app) labBreak(ctx context.Context, dir string, args []string) error {
	if len(args) != 2 {
		for _, k := range lab.Kinds() {
			a.note("%-18s %s", k.Name, k.What)
		}
		if len(args) == 1 {
			return usage("lab break takes a node and one of these")
		}
		return nil
	}
	if !slices.ContainsFunc(lab.Kinds(), func(k lab.BreakKind) bool { return k.Name == args[1] }) {
		return usage("lab break: there is no %q; `hcrun lab break` lists what there is", args[1])
	}
	return lab.Break(ctx, dir, args[0], args[1])
}
