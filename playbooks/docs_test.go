package playbooks

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/playbooks/lang"
	"github.com/hcrun/hcrun/tasks"
)

const languagePage = "../docs/language.md"

var exampleRE = regexp.MustCompile("(?s)<!-- file: (\\S+) -->\n```hcl\n(.*?)```\n")

// TestLanguagePage loads every example of the page, for a node, and holds that each is laid out.
func TestLanguagePage(t *testing.T) {
	b, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	examples := exampleRE.FindAllStringSubmatch(string(b), -1)
	if n := strings.Count(string(b), "```hcl"); n != len(examples) || n < 5 {
		t.Fatalf("%d examples of %d have a file name", len(examples), n)
	}
	var files []string
	for _, e := range examples {
		files = append(files, e[1], e[2])
	}
	dir := filepath.Dir(write(t, files...))
	for _, e := range examples {
		if out, diags := lang.Format(e[1], []byte(e[2])); diags.HasErrors() || string(out) != e[2] {
			t.Errorf("%s is not laid out: %v\n%s", e[1], diags, out)
		}
		if !strings.HasPrefix(e[2], "playbook") {
			continue // included
		}
		pb, err := load(t, filepath.Join(dir, e[1]), Options{Kinds: tasks.All()}).For(master("1"))
		if err != nil || len(pb.Steps) == 0 {
			t.Errorf("%s: %v", e[1], err)
		}
	}
}

// TestLanguagePageIsWhole holds that the page names every block, common attribute and function.
func TestLanguagePageIsWhole(t *testing.T) {
	b, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for name := range blockTypes() {
		if !strings.Contains(page, "| `"+name) {
			t.Errorf("no block %s", name)
		}
	}
	for _, name := range append(CommonAttributes(), "timeout") {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("no attribute %s", name)
		}
	}
	for what, n := range map[string]int{
		"MiB and UTF-8": lang.MaxSize >> 20, "blocks, nests": lang.MaxBlocks, "deep": lang.MaxDepth, "operators": lang.MaxOperators, "lines": lang.MaxPieces,
		"locals": maxLocals, "steps of a `for_each`": maxEach, "includes": maxIncludes, "files within": maxWithin, "tasks, gates and includes": maxSteps, "elements": lang.MaxWork,
	} {
		flat := strings.Join(strings.Fields(page), " ")
		if !strings.Contains(flat, fmt.Sprintf("%d %s", n, what)) {
			t.Errorf("the page does not say: %d %s", n, what)
		}
	}
	all := lang.Functions(nil)
	maps.Copy(all, lang.FileFunctions(os.DirFS("."), all, lang.NewBudget()))
	maps.Copy(all, lang.SensitiveFunctions(nil))
	list := "`" + strings.Join(slices.Sorted(maps.Keys(all)), "` `") + "`"
	before, rest, ok1 := strings.Cut(page, "<!-- functions -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- /functions -->\n")
	if !ok1 || !ok2 {
		t.Fatal("the list of functions has no place")
	}
	want := before + "<!-- functions -->\n" + wrap(list, 120) + "<!-- /functions -->\n" + after
	if *update {
		if err := os.WriteFile(languagePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Error("the list of functions is not current: go test ./playbooks -run TestLanguagePageIsWhole -update")
	}
}

// wrap breaks words into lines.
func wrap(text string, width int) string {
	var b strings.Builder
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return b.String() + line + "\n"
}
