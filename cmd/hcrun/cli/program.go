package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/lab"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/playbooks/lang"
	"github.com/hcrun/hcrun/tasks"
)

// Program is a team's own hcrun: the whole command line with these kinds of task, and with these
// playbooks, named go:NAME, beside the files.
type Program struct {
	Kinds     []engine.Kind
	Playbooks []playbooks.Compiled
}

// Main runs the command line with these kinds of task and ends the process.
func Main(kinds ...engine.Kind) { Program{Kinds: kinds}.Main() }

// Main runs the command line and ends the process.
func (p Program) Main() {
	if code, ok := lab.Child(os.Args); ok {
		os.Exit(code)
	}
	a := &app{kinds: p.Kinds, compiled: p.Playbooks, in: os.Stdin, out: os.Stdout, errOut: os.Stderr, env: os.LookupEnv}
	a.terminal = term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
	a.redraws = a.terminal && os.Getenv("TERM") != "dumb"
	a.style = ui.Style{Color: term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if err := p.check(); err != nil {
		ui.Problem(a.errOut, a.style, engine.Problemf(engine.Bug, "this binary is put together wrongly: %w", err), "")
		os.Exit(int(engine.Bug))
	}
	os.Exit(int(a.run(signals(a.errOut), os.Args[1:])))
}

// check refuses what would be met in the middle of a run otherwise: two kinds or playbooks of one name,
// of which the second would never be reached, and those that are not whole.
func (p Program) check() error {
	var errs []error
	seen := map[string]bool{}
	once := func(what, name string) {
		if seen[what+name] {
			errs = append(errs, fmt.Errorf("there are two %ss named %q", what, name))
		}
		seen[what+name] = true
	}
	for _, k := range p.Kinds {
		once("kind", k.Name)
		if k.New == nil || k.New().Kind() != k.Name {
			errs = append(errs, fmt.Errorf("the kind %q does not make tasks of its name", k.Name))
		} else if _, err := tasks.DocText([]engine.Kind{k}, k.Name); err != nil {
			errs = append(errs, err)
		}
	}
	for _, pb := range p.Playbooks {
		once("playbook", pb.Name)
		if !engine.ValidName(pb.Name) || pb.Hosts == "" || pb.For == nil {
			errs = append(errs, fmt.Errorf("the playbook %q needs a name that can be one, hosts and a function", pb.Name))
		}
	}
	return errors.Join(errs...)
}

// about is what --help begins with.
func (a *app) about() string {
	if len(a.compiled) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Staged, reversible changes on machines, one node at a time.\n\nPlaybooks that are compiled in:\n")
	for _, pb := range a.compiled {
		fmt.Fprintf(&b, "  %-24s  %s\n", playbooks.GoPrefix+pb.Name, cmp.Or(pb.Description, "for "+pb.Hosts))
	}
	return strings.TrimRight(b.String(), "\n")
}

// book is a playbook that can be evaluated for nodes: a file, or one that is compiled in.
type book interface {
	Name() string
	Path() string
	Hosts() string
	All(group []playbooks.Node) (map[string]*engine.Playbook, error)
}

// there refuses a playbook that there is none of, before anything is started for it.
func (a *app) there(path string) error {
	if !strings.HasPrefix(path, playbooks.GoPrefix) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return usage("%s: there is no such file", path)
		}
		return nil
	}
	var names []string
	for _, pb := range a.compiled {
		if names = append(names, playbooks.GoPrefix+pb.Name); playbooks.GoPrefix+pb.Name == path {
			return nil
		}
	}
	return usage("no playbook %q is compiled into this binary; %s", path, lang.DidYouMean(path, names))
}

// load is the playbook of a path, or of go:NAME.
func (a *app) load(path string, o playbooks.Options) (book, error) {
	for _, pb := range a.compiled {
		if playbooks.GoPrefix+pb.Name == path {
			return pb.Bind(o)
		}
	}
	return playbooks.Load(path, o)
}

// beside is the file that a playbook's inventory is looked for beside. One that is compiled in counts as
// lying in the folder playbooks, here.
func beside(path string) string {
	if name, ok := strings.CutPrefix(path, playbooks.GoPrefix); ok {
		return "playbooks/" + name
	}
	return path
}
