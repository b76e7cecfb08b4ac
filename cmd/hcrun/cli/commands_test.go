package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/tasks"
)

//go:generate go test . -run TestCommandsAreCurrent -update

var update = flag.Bool("update", false, "write docs/commands.md")

// TestCommandsAreCurrent holds docs/commands.md against the help texts that it is made from.
func TestCommandsAreCurrent(t *testing.T) {
	a := &app{kinds: tasks.All(), env: func(string) (string, bool) { return "", false }}
	want := commandsMarkdown(a.root())
	path := filepath.Join(repo(t), "docs", "commands.md")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/commands.md is not what the help texts say: go generate ./cmd/hcrun/cli")
	}
}

// TestEveryCommandIsExplained: each that does something says what, on one line, and shows how it is typed.
func TestEveryCommandIsExplained(t *testing.T) {
	a := &app{kinds: tasks.All(), env: func(string) (string, bool) { return "", false }}
	for path := range examples() {
		if c, _, err := a.root().Find(strings.Fields(path)); err != nil || c.CommandPath() != "hcrun "+path {
			t.Errorf("there is an example of %q, which is no command", path)
		}
	}
	each(a.root(), func(c *cobra.Command) {
		if c.Short == "" || strings.Contains(c.Short, "\n") {
			t.Errorf("%s: its summary is %q", c.CommandPath(), c.Short)
		}
		if !c.HasSubCommands() && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example of itself", c.CommandPath())
		}
	})
}

// commandsMarkdown is the help of every command on one page.
func commandsMarkdown(root *cobra.Command) string {
	var b, pages strings.Builder
	b.WriteString("# Commands\n\nGenerated from the help texts: change those, then run `go generate ./cmd/hcrun/cli`.\n`hcrun COMMAND --help` shows the same in a terminal.\n\n| command | what it does |\n|---|---|\n")
	each(root, func(c *cobra.Command) {
		if c == root || c.Hidden {
			return
		}
		use := c.Parent().CommandPath() + " " + c.Use
		anchor := strings.ReplaceAll(c.CommandPath(), " ", "-")
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", strings.ReplaceAll(use, "|", `\|`), anchor, strings.ReplaceAll(c.Short, "|", `\|`))
		if c.HasSubCommands() {
			return
		}
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		fmt.Fprintf(&pages, "\n## %s\n\n%s\n", c.CommandPath(), fenced(use, 0))
		fmt.Fprintf(&pages, "%s\n", prose(text))
		if flags := c.NonInheritedFlags().FlagUsages(); flags != "" {
			pages.WriteString("\n" + fenced(flags, 2))
		}
		if c.Example != "" {
			pages.WriteString("\nFor example\n\n" + fenced(c.Example, 2))
		}
	})
	fmt.Fprintf(&b, "\nEvery command takes\n\n%s", fenced(root.PersistentFlags().FlagUsages(), 2))
	return b.String() + pages.String()
}

// prose is a help text as Markdown: what is indented is to be typed.
func prose(text string) string {
	var paragraphs []string
	for _, p := range strings.Split(text, "\n\n") {
		if strings.HasPrefix(p, " ") {
			p = strings.TrimRight(fenced(p, 2), "\n")
		}
		paragraphs = append(paragraphs, p)
	}
	return strings.Join(paragraphs, "\n\n")
}

// fenced is a block of text as it stands, without the first cut columns of its lines.
func fenced(text string, cut int) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		b.WriteString(strings.TrimPrefix(line, strings.Repeat(" ", cut)))
	}
	return "```\n" + b.String() + "```\n"
}
