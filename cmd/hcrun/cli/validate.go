package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/tasks"
)

func (a *app) validateCmd() *cobra.Command {
	var f applyFlags
	c := a.withInventory(&cobra.Command{
		Use:   "validate PLAYBOOK",
		Short: "Check a playbook and its inventory without connecting to anything",
		Args:  exactly(1, 1, "one playbook"),
		RunE: func(c *cobra.Command, args []string) error {
			s, file, err := a.open(c.Context(), args[0], f)
			if err != nil {
				return err
			}
			ro, err := s.rollout(file, f)
			if err != nil {
				return err
			}
			pb := ro.books[ro.group[0].Name]
			var names []string
			for _, h := range ro.group {
				names = append(names, h.Name)
			}
			a.note("%s is valid: %d steps and %d gates, for %s", file.Name(), len(pb.Steps), len(pb.Gates), strings.Join(names, ", "))
			return nil
		},
	})
	a.variableFlags(c, &f)
	return c
}

func (a *app) docCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "doc [KIND]",
		Short: "What a kind of task does, and all of its fields",
		Args:  exactly(0, 1, "at most one kind"),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				text, err := tasks.DocText(a.kinds, args[0])
				if err != nil {
					return usage("%v", err)
				}
				fmt.Fprint(a.out, text)
				return nil
			}
			var names []string
			for _, k := range a.kinds {
				names = append(names, k.Name)
			}
			sort.Strings(names)
			for _, name := range names {
				text, err := tasks.DocText(a.kinds, name)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%-14s %s\n", name, firstSentence(text))
			}
			return nil
		},
	}
}

// firstSentence is the summary of a kind's documentation, which begins with its name on a line.
func firstSentence(text string) string {
	_, body, _ := strings.Cut(strings.TrimSpace(text), "\n")
	body = strings.Join(strings.Fields(body), " ")
	if s, _, ok := strings.Cut(body, ". "); ok {
		return s + "."
	}
	return body
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Which hcrun this is",
		Args:  exactly(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(a.out, "hcrun %s %s/%s %s\n", version(), runtime.GOOS, runtime.GOARCH, runtime.Version())
			return nil
		},
	}
}

// version is what the build knows of itself: a release's tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, rev, dirty := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if v == "" || v == "(devel)" {
		v = strings.TrimSpace("devel " + rev + dirty)
	}
	return v
}
