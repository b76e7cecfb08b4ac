package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/sshnode"
	"github.com/hcrun/hcrun/inventory"
)

// level is how much a finding matters.
type level string

const (
	fine     level = "ok"
	warning  level = "warning"
	inTheWay level = "in the way"
)

// here is the name under which findings about this machine are shown.
const here = "(here)"

// finding is one thing that doctor has looked at.
type finding struct {
	Node  string `json:"node"`
	Check string `json:"check"`
	Level level  `json:"level"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"` // what to do about it

	code engine.Code // of what is in the way
}

func (a *app) doctorCmd() *cobra.Command {
	var limit string
	c := a.withInventory(&cobra.Command{
		Use:   "doctor",
		Short: "What is in the way of a change, on each node and here; nothing is written",
		Long: `Looks at this machine (state folder, keys, known hosts) and at each node: host key, login, sudo and tools, which
machine it is, the clock, room on the disks, files that do not belong into the static pod folder, kubelet, container
runtime and API server, and unfinished runs. One line a finding: ok, a warning, or in the way, and what to do about it.
Ends with 0 when nothing is in the way, with 40 or 41 when a node is not the one that is known or not reachable,
else with 42. With --json it prints one array of objects: node, check, level, text, do.`,
		Example: `  hcrun doctor
  hcrun doctor -i inventory/lab.hcl --limit master2 --json`,
		Args: exactly(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error { return a.doctor(c.Context(), limit) },
	})
	limitFlag(c, &limit)
	return c
}

func (a *app) doctor(ctx context.Context, limit string) error {
	s, err := a.site(ctx, filepath.Join("playbooks", "x"))
	if err != nil {
		return err
	}
	hosts := s.inv.Hosts
	if limit != "" {
		if hosts, err = s.inv.Limit(limit); err != nil {
			return err
		}
	}
	all, past := a.examineHere(s, hosts)
	a.showFindings(all)
	var machines []engine.MachineOf
	for _, one := range inParallel(hosts, func(h inventory.Host) examined { return s.examineHost(ctx, h, past) }) {
		e := <-one
		a.showFindings(e.found)
		all, machines = append(all, e.found...), append(machines, e.is)
	}
	twins := examineTwins(hosts, machines)
	a.showFindings(twins)
	all = append(all, twins...)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if a.json {
		if err := a.printJSON(all); err != nil {
			return err
		}
	}
	return verdict(all)
}

// maxParallel is how many nodes are looked at together.
const maxParallel = 8

// inParallel does something for every host; what comes is to be taken in the hosts' order.
func inParallel[T any](hosts []inventory.Host, do func(inventory.Host) T) []chan T {
	turn := make(chan struct{}, maxParallel)
	var all []chan T
	for _, h := range hosts {
		c := make(chan T, 1)
		all = append(all, c)
		go func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			c <- do(h)
		}()
	}
	return all
}

func (a *app) showFindings(all []finding) {
	if a.json {
		return
	}
	for _, f := range all {
		word := fmt.Sprintf("%-10s", f.Level)
		switch f.Level {
		case fine:
			word = a.style.Good(word)
		case warning:
			word = a.style.Warn(word)
		case inTheWay:
			word = a.style.Bad(word)
		}
		text := f.Text
		if f.Do != "" {
			text += "; do: " + f.Do
		}
		fmt.Fprintf(a.out, "%s  %-8s  %-7s  %s\n", word, ui.Line(f.Node), f.Check, ui.Line(text))
	}
}

// verdict is the error of what is in the way: a wrong host before an unreachable one before the rest.
func verdict(all []finding) error {
	rank := []engine.Code{engine.Identity, engine.Unreachable, engine.Preflight}
	worst, count, do := len(rank), 0, ""
	var where []string
	for _, f := range all {
		if f.Level != inTheWay {
			continue
		}
		count++
		if len(where) == 0 || where[len(where)-1] != f.Node {
			where = append(where, f.Node)
		}
		at := len(rank) - 1
		for i, code := range rank {
			if f.code == code {
				at = i
			}
		}
		if at < worst {
			worst, do = at, f.Do
		}
	}
	if count == 0 {
		return nil
	}
	p := engine.Problemf(rank[worst], "%d findings are in the way of a change (%s); see above", count, strings.Join(where, ", "))
	if count == 1 {
		p = engine.Problemf(rank[worst], "one finding is in the way of a change (%s); see above", where[0])
	}
	p.Now, p.Next = "nothing was changed", do
	return p
}

// examined is what was found on a host, and which machine that is.
type examined struct {
	found []finding
	is    engine.MachineOf
}

// examineHost connects to a host, looks, and lets go of it. past are the runs on the site.
func (s *site) examineHost(ctx context.Context, h inventory.Host, past []*engine.Run) examined {
	unfinished := unfinishedOn(h.Name, past)
	n, err := sshnode.Dial(ctx, s.config(h))
	if err != nil {
		f := finding{Node: h.Name, Check: "ssh", Level: inTheWay, Text: err.Error(), code: engine.CodeOf(err)}
		if p, ok := errors.AsType[*engine.Problem](err); ok && p.Next != "" {
			f.Do = p.Next + s.inventoryFlag()
		}
		return examined{found: append([]finding{f}, unfinished...)}
	}
	defer n.Close()
	how := fmt.Sprintf("%s at %s: host key, login and tools are right", h.User, s.address(h))
	if h.Become {
		how += ", and so is sudo"
	}
	found := []finding{{Node: h.Name, Check: "ssh", Level: fine, Text: how}, s.examineMachine(ctx, n, h, past)}
	found = slices.Concat(found, examineSwitch(ctx, n, h), examine(ctx, n, s.clock), unfinished)
	return examined{found: found, is: machineOf(n)}
}
