package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/lab"
	"github.com/hcrun/hcrun/inventory"
	"github.com/hcrun/hcrun/tasks"
)

func (a *app) completionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script by which a shell completes hcrun's words",
		Long: `Prints the script; the shell asks hcrun for commands, flags, hosts and groups of the inventory, runs, playbooks,
kinds of task, guards and what a lab can suffer. Nothing is connected to for that, and nothing is written.

  bash   hcrun completion bash > ~/.local/share/bash-completion/completions/hcrun
         (needs the package bash-completion; for this shell alone: source <(hcrun completion bash))
  zsh    hcrun completion zsh > "${fpath[1]}/_hcrun"
         (with "autoload -U compinit; compinit" in ~/.zshrc)
  fish   hcrun completion fish > ~/.config/fish/completions/hcrun.fish`,
		Example:   "  source <(hcrun completion bash)",
		Args:      exactly(1, 1, "a shell: bash, zsh or fish"),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(a.out, true)
			case "zsh":
				return c.Root().GenZshCompletion(a.out)
			case "fish":
				return c.Root().GenFishCompletion(a.out, true)
			}
			return usage("completion: there is no script for %q; there are bash, zsh and fish", args[0])
		},
	}
}

// completer says which words could come next. What goes wrong gives no words and no message.
type completer = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

// complete teaches the commands below root to complete what they take.
func (a *app) complete(root *cobra.Command) {
	words := map[string]completer{
		"apply": files("playbooks"), "status": files("playbooks"), "validate": files("playbooks"),
		"resume":         a.runs(func(r *engine.Run) bool { return r.Dirty() && a.exists(r) }),
		"rollback":       a.runs(func(r *engine.Run) bool { return !r.FirstWrite.IsZero() && r.State != engine.RolledBk && a.exists(r) }),
		"ack":            a.runs(func(r *engine.Run) bool { return !r.Open() && r.Acked == nil }),
		"show":           a.runs(func(*engine.Run) bool { return true }),
		"journal verify": a.runs(func(*engine.Run) bool { return true }),
		"journal export": a.runs(func(*engine.Run) bool { return true }),
		"journal import": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"hcrun"}, cobra.ShellCompDirectiveFilterFileExt
		},
		"trust":     a.hosts,
		"doc":       a.kindNames,
		"lab break": a.labWords, "lab mend": a.labWords, "lab reboot": a.labWords,
	}
	flags := map[string]completer{
		"inventory": files("inventory"), "limit": a.hosts, "override": guardNames,
		"state": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	each(root, func(c *cobra.Command) {
		if f, ok := words[strings.TrimPrefix(c.CommandPath(), root.Name()+" ")]; ok {
			c.ValidArgsFunction = f
		}
		for name, f := range flags {
			if c.LocalNonPersistentFlags().Lookup(name) != nil || c == root && c.PersistentFlags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, f) // fails where the command has seen to it itself
			}
		}
	})
}

// each visits a command and all below it.
func each(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		each(sub, visit)
	}
}

// only are the words that begin so; no file is offered beside them.
func only(all []string, word string) ([]string, cobra.ShellCompDirective) {
	return beginning(all, word), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func beginning(all []string, word string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, word) })
}

// files completes HCL files: those of a folder here, and when the word is none of them any that there are.
func files(folder string) completer {
	return func(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		var all []string
		for _, pattern := range []string{"*.hcl", filepath.Join("*", "*.hcl")} {
			found, err := filepath.Glob(filepath.Join(folder, pattern))
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			all = append(all, found...)
		}
		if all = beginning(all, word); len(all) == 0 {
			return []string{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// maxOffered is how many runs are offered: those of the last weeks, not a screenful of history.
const maxOffered = 30

// runs completes the newest runs that a command can take, newest first.
func (a *app) runs(fits func(*engine.Run) bool) completer {
	return func(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		store, err := a.records()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ids, err := store.IDs()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var all []string
		for _, id := range slices.Backward(ids[max(0, len(ids)-10*maxOffered):]) {
			r, err := readRun(store, id)
			if err == nil && r != nil && fits(r) && len(all) < maxOffered {
				all = append(all, id+"\t"+ui.Line(r.Playbook)+" on "+r.Node+", "+ui.RunState(r))
			}
		}
		return only(all, word)
	}
}

// hosts completes hosts and groups of the inventory, also behind the separators of a pattern.
func (a *app) hosts(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	path := a.inventory
	if path == "" {
		path = filepath.Join("inventory", "hosts.hcl")
		if len(args) > 0 && strings.HasSuffix(args[0], ".hcl") {
			path = filepath.Join(filepath.Dir(args[0]), "..", path)
		}
	}
	inv, err := inventory.Load(path, func(name string) (string, bool) {
		if v, ok := a.env(name); ok && v != "" {
			return v, true
		}
		return "unset", true // addresses do not matter here
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	done := word[:strings.LastIndexAny(word, ",:!&")+1]
	var all []string
	for _, g := range inv.Groups {
		all = append(all, done+g.Name+"\tgroup of "+strings.Join(g.Hosts, ", "))
	}
	for _, h := range inv.Hosts {
		all = append(all, done+h.Name+"\thost")
	}
	all = slices.DeleteFunc(all, func(s string) bool { name, _, _ := strings.Cut(s, "\t"); return slices.Contains(args, name) })
	return only(all, word)
}

func guardNames(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, g := range overridable() {
		all = append(all, string(g))
	}
	return only(all, word)
}

func (a *app) kindNames(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	text, err := tasks.DocText(a.kinds, "")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for line := range strings.Lines(text) {
		name, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, name+"\t"+strings.TrimSpace(what))
	}
	return only(all, word)
}

// labWords completes a lab's node, and behind it what it can suffer.
func (a *app) labWords(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	var all []string
	switch {
	case len(args) == 0:
		all = a.labNodes()
	case len(args) == 1 && c.Name() == "break":
		for _, k := range lab.Kinds() {
			all = append(all, k.Name+"\t"+k.What)
		}
	}
	return only(all, word)
}

// labNodes are the nodes of the lab that there is, or of the one that there would be.
func (a *app) labNodes() []string {
	var names []string
	if dir, err := a.labDir(); err == nil {
		entries, _ := os.ReadDir(filepath.Join(dir, "nodes")) // no lab yet
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return []string{"master1", "master2", "master3"}
	}
	return names
}
