package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/playbooks/lang"
	"github.com/hcrun/hcrun/tasks"
)

func (a *app) validateCmd() *cobra.Command {
	var f applyFlags
	c := a.withInventory(&cobra.Command{
		Use:   "validate PLAYBOOK",
		Short: "Check a playbook and its inventory without connecting to anything",
		Long: `Checks all that can be checked without a node: the language, every field of every task, the files that it
reads, the schedule, the hosts, and all of it once more for each host. With --json it prints one object: valid,
and findings with file, line, col, what, and what to write instead.`,
		Example: `  hcrun validate playbooks/audit-5p.hcl
  hcrun validate playbooks/audit-5p.hcl -i inventory/lab.hcl -e retention_days=7 --json`,
		Args: exactly(1, 1, "one playbook"),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := a.validate(c.Context(), args[0], f)
			if a.json {
				if err := a.printJSON(v); err != nil {
					return err
				}
			}
			if err != nil || a.json {
				return err
			}
			a.note("%s is valid: %d steps and %d gates, for %s", v.Playbook, v.Steps, v.Gates, strings.Join(v.Nodes, ", "))
			return nil
		},
	})
	a.variableFlags(c, &f)
	return c
}

// validated is what validate has found.
type validated struct {
	Valid    bool           `json:"valid"`
	Playbook string         `json:"playbook,omitempty"`
	Steps    int            `json:"steps,omitempty"`
	Gates    int            `json:"gates,omitempty"`
	Nodes    []string       `json:"nodes,omitempty"`
	Findings []lang.Finding `json:"findings"`
}

func (a *app) validate(ctx context.Context, path string, f applyFlags) (validated, error) {
	s, file, err := a.open(ctx, path, f)
	if err != nil {
		return validated{Findings: findingsOf(err)}, err
	}
	ro, err := s.rollout(file, f)
	if err != nil {
		return validated{Findings: findingsOf(err)}, err
	}
	pb := ro.books[ro.group[0].Name]
	v := validated{Valid: true, Playbook: file.Name(), Steps: len(pb.Steps), Gates: len(pb.Gates), Findings: []lang.Finding{}}
	for _, h := range ro.group {
		v.Nodes = append(v.Nodes, h.Name)
	}
	return v, nil
}

var placeRE = regexp.MustCompile(`^(.*):([0-9]+):([0-9]+)$`)

// findingsOf is an error as findings: those of the language with their places, any other as one.
func findingsOf(err error) []lang.Finding {
	if bad, ok := errors.AsType[*lang.Error](err); ok {
		return bad.Findings()
	}
	f := lang.Finding{What: err.Error()}
	if l, ok := errors.AsType[*located](err); ok {
		first, _, _ := strings.Cut(l.where, "\n")
		if m := placeRE.FindStringSubmatch(first); m != nil {
			f.File = m[1]
			f.Line, _ = strconv.Atoi(m[2])
			f.Col, _ = strconv.Atoi(m[3])
		}
	}
	return []lang.Finding{f}
}

func (a *app) docCmd() *cobra.Command {
	var markdown bool
	c := &cobra.Command{
		Use:   "doc [KIND]",
		Short: "What a kind of task does, and all of its fields",
		Long: `Without KIND it lists the kinds. With --md it prints Markdown, the text of tasks/README.md or of its part about
KIND; with --json an array of kinds with their fields: name, type, required, comment.`,
		Example: `  hcrun doc yaml-patch
  hcrun doc --md > tasks.md`,
		Args: exactly(0, 1, "at most one kind"),
		RunE: func(c *cobra.Command, args []string) error { return a.doc(strings.Join(args, ""), markdown) },
	}
	c.Flags().BoolVar(&markdown, "md", false, "as Markdown")
	return c
}

func (a *app) doc(name string, markdown bool) error {
	switch {
	case a.json && markdown:
		return usage("--md and --json are two forms of the same; give one")
	case a.json:
		docs, err := tasks.DocData(a.kinds, name)
		if err != nil {
			return usage("%v", err)
		}
		return a.printJSON(docs)
	case name == "" && !markdown:
		return a.docList()
	}
	text, err := a.docText(name, markdown)
	if err != nil {
		return usage("%v", err)
	}
	fmt.Fprint(a.out, text)
	return nil
}

func (a *app) docText(name string, markdown bool) (string, error) {
	switch {
	case !markdown:
		return tasks.DocText(a.kinds, name)
	case name == "":
		return tasks.DocMarkdown(a.kinds)
	}
	return tasks.DocPage(a.kinds, name)
}

// docList is one line a kind, by name.
func (a *app) docList() error {
	docs, err := tasks.DocData(a.kinds, "")
	if err != nil {
		return err
	}
	sort.Slice(docs, func(i, j int) bool { return docs[i].Kind < docs[j].Kind })
	for _, d := range docs {
		fmt.Fprintf(a.out, "%-14s %s\n", d.Kind, d.Summary)
	}
	return nil
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Which hcrun this is",
		Example: "  hcrun version --json",
		Args:    exactly(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printJSON(map[string]string{"version": version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "go": runtime.Version()})
			}
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
