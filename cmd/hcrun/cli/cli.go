// Package cli is the command line of hcrun: flags, questions, wiring, exit codes. What is safe to do
// is decided in package engine, never here.
//
// # A team's own binary
//
// It is this package with the team's kinds of task,
//
//	func main() { cli.Main(append(tasks.All(), sysctl.Kinds()...)...) }
//
// and, where playbooks are compiled in as well, with those:
//
//	func main() {
//		cli.Program{
//			Kinds:     append(tasks.All(), sysctl.Kinds()...),
//			Playbooks: []playbooks.Compiled{kernelLimits()},
//		}.Main()
//	}
//
// A compiled playbook is named go:NAME where a file's path would stand: in apply, status and validate, in
// the record of its runs and in the commands that hcrun prints. Where no -i is given its inventory is
// inventory/hosts.hcl below the working folder. All commands behave as those of the stock binary; they
// print their own name as hcrun, so that is what the binary should be called where people use it. The
// folder docs/team of the repository is such a binary with its tests.
//
// # What a program may rely on
//
// The exit status is an [engine.Code], of which none changes its meaning. With --json every line of
// standard output is one JSON object: an [engine.Event] as the journal has it, or, last, how the command
// ended; status and history print one array instead. Text for people is not for parsing.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and not every machine has their table

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks"
)

// errSignal is why the context of a command ends at the first Ctrl-C.
var errSignal = errors.New("interrupted")

// signals returns a context that the first SIGINT, SIGTERM or SIGHUP ends; the second ends the process.
// A closed pipe or terminal must not end it in the middle of a write: SIGPIPE becomes a write error.
func signals(w io.Writer) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-ch
		io.WriteString(w, "\nstopping: a write that has begun is finished, a wait ends now; once more to stop at once\n")
		cancel(errSignal)
		<-ch
		io.WriteString(w, "stopped at once; the step that was going on is in doubt: `hcrun resume` finds out what is true\n")
		os.Exit(int(engine.Interrupted))
	}()
	return ctx
}

// app is one call of the command line.
type app struct {
	kinds    []engine.Kind
	compiled []playbooks.Compiled
	in       io.Reader
	out      io.Writer
	errOut   io.Writer
	env      func(string) (string, bool)
	veil     *engine.Veil // hides secrets on every way out
	terminal bool         // a person can be asked
	redraws  bool         // a line on it can be written anew
	style    ui.Style

	state     string // --state
	inventory string // -i
	json      bool   // --json
	events    bool   // --json, and events were printed: the last line says how it ended
}

// run runs one command line and returns its exit code, having shown the error if there was one.
func (a *app) run(ctx context.Context, args []string) engine.Code {
	a.veil = &engine.Veil{}
	a.out, a.errOut = &veiled{a.out, a.veil}, &veiled{a.errOut, a.veil}
	root := a.root()
	root.SetArgs(backwards(args))
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	err := execute(ctx, root)
	if err == nil {
		if a.json && a.events {
			ui.EndJSON(a.out, nil)
		}
		return engine.Done
	}
	where, err := a.explain(err)
	if a.json {
		ui.EndJSON(a.out, err)
	}
	if engine.CodeOf(err) != engine.Pending {
		ui.Problem(a.errOut, ui.Style{Color: a.style.Color}, err, where)
	}
	return engine.CodeOf(err)
}

// execute runs the command, and survives its panic.
func execute(ctx context.Context, root *cobra.Command) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return root.ExecuteContext(ctx)
}

// root is the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "hcrun",
		Short:         "Staged, reversible changes on machines, one node at a time",
		Long:          a.about(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&a.state, "state", "", "folder of journals and the lab (default $HCRUN_STATE, or $XDG_STATE_HOME/hcrun)")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "for programs: events one JSON object a line; status, history, doctor and doc one array; validate, gc, init and version one object")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage("%v; see `%s --help`", err, c.CommandPath()) })
	zerolog.ErrorHandler = func(error) {} // the journal has everything; a log that cannot be written is no news
	root.AddCommand(a.applyCmd(), a.resumeCmd(), a.rollbackCmd(), a.ackCmd(), a.takeoverCmd(), a.abandonCmd(), a.statusCmd(), a.historyCmd(), a.showCmd(),
		a.validateCmd(), a.fmtCmd(), a.testCmd(), a.explainCmd(), a.docCmd(), a.trustCmd(), a.inventoryCmd(), a.journalCmd(),
		a.labCmd(), a.versionCmd(), a.initCmd(), a.gcCmd(), a.doctorCmd(), a.completionCmd())
	a.complete(root)
	exemplify(root)
	return root
}

// parent is a command that only has others below it.
func parent(c *cobra.Command) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("%s has no command %q; see `%s --help`", c.CommandPath(), args[0], c.CommandPath())
		}
		return c.Help()
	}
	return c
}

// withInventory adds -i.
func (a *app) withInventory(c *cobra.Command) *cobra.Command {
	c.Flags().StringVarP(&a.inventory, "inventory", "i", "", "inventory file (default inventory/hosts.hcl beside the playbooks folder)")
	return c
}

// exactly is cobra's check of the number of arguments, with our exit code.
func exactly(min, max int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < min || max >= 0 && len(args) > max {
			return usage("%s takes %s; see `%s --help`", c.CommandPath(), what, c.CommandPath())
		}
		return nil
	}
}

func usage(format string, args ...any) error { return engine.Problemf(engine.Invalid, format, args...) }
