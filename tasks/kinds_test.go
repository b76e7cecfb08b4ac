package tasks

import (
	"context"
	"encoding"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

var update = flag.Bool("update", false, "write README.md anew")

func TestKindsAreListedOnce(t *testing.T) {
	want := []string{"scp", "mkdir", "backup", "touch", "yaml-patch", "command", "systemd-unit", "wait-for-pod", "tail-log", "loki-query", "http-check", "assert"}
	var got []string
	for _, k := range All() {
		got = append(got, k.Name)
		if k.New().Kind() != k.Name {
			t.Errorf("%s makes a %s", k.Name, k.New().Kind())
		}
		if k.New() == k.New() {
			t.Errorf("%s gives the same task twice", k.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEveryKindIsEitherChangerOrChecker(t *testing.T) {
	for _, k := range All() {
		_, changer := k.New().(engine.Changer)
		if changer == isCheck(k.New()) {
			t.Errorf("%s must be exactly one of Changer and Checker", k.Name)
		}
	}
}

// TestOnlyChangersTakeSecrets: the fields of a check are kept in the journal.
func TestOnlyChangersTakeSecrets(t *testing.T) {
	var walk func(t reflect.Type) bool
	walk = func(t reflect.Type) bool {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return false
		}
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("sensitive") != "" || f.IsExported() && walk(f.Type) {
				return true
			}
		}
		return false
	}
	takes := 0
	for _, k := range All() {
		if !walk(reflect.TypeOf(k.New())) {
			continue
		}
		takes++
		if isCheck(k.New()) {
			t.Errorf("%s is a check and takes sensitive values", k.Name)
		}
	}
	if takes != 2 {
		t.Errorf("%d kinds take sensitive values", takes)
	}
}

func isCheck(t engine.Task) bool { _, ok := t.(engine.Checker); return ok }

// decodable reports whether the decoder of playbooks knows a type of attribute.
func decodable(t reflect.Type) bool {
	known := []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[*bool](), reflect.TypeFor[int](), reflect.TypeFor[int64](),
		reflect.TypeFor[float64](), reflect.TypeFor[[]string](), reflect.TypeFor[map[string]string](), reflect.TypeFor[any](),
		reflect.TypeFor[map[string]any](), reflect.TypeFor[[]map[string]any](),
	}
	return slices.Contains(known, t) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

var attributeName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func TestFieldsHaveOneNameAndAKnownType(t *testing.T) {
	for _, k := range All() {
		checkFields(t, k.Name, reflect.TypeOf(k.New()).Elem())
	}
}

func checkFields(t *testing.T, at string, s reflect.Type) {
	t.Helper()
	for f := range fieldsOf(s) {
		name, option, _ := strings.Cut(f.Tag.Get("hcl"), ",")
		jsonName, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		here := at + "." + f.Name
		if !attributeName.MatchString(name) || name != jsonName {
			t.Errorf("%s: hcl calls it %q and json %q", here, name, jsonName)
		}
		if slices.Contains([]string{"when", "for_each", "on_rollback", "on_failure", "on"}, name) {
			t.Errorf("%s: every task has a %q already", here, name)
		}
		if option == "block" {
			block := f.Type
			for block.Kind() != reflect.Struct {
				block = block.Elem()
			}
			checkFields(t, here, block)
			continue
		}
		if !slices.Contains([]string{"", "optional", "label"}, option) || !decodable(f.Type) {
			t.Errorf("%s: %q of type %s cannot be decoded", here, option, f.Type)
		}
	}
}

// fieldsOf yields the fields that a playbook can write.
func fieldsOf(s reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range s.NumField() {
			if f := s.Field(i); f.IsExported() && !yield(f) {
				return
			}
		}
	}
}

func TestEveryFieldIsDocumented(t *testing.T) {
	for _, k := range All() {
		d, err := readDoc(k)
		if err != nil {
			t.Fatal(err)
		}
		if len(strings.Fields(d.text)) < 20 || !strings.Contains(d.text, "\n\ttask \"") && !strings.Contains(d.text, "\n\tgate \"") {
			t.Errorf("%s: say what it is for, and show an example", k.Name)
		}
		checkDocs(t, k.Name, reflect.TypeOf(k.New()).Elem(), d.fields)
	}
}

func checkDocs(t *testing.T, at string, s reflect.Type, docs []docField) {
	t.Helper()
	for f := range fieldsOf(s) {
		name, option, _ := strings.Cut(f.Tag.Get("hcl"), ",")
		i := slices.IndexFunc(docs, func(d docField) bool { return d.name == name })
		if i < 0 || len(strings.Fields(docs[i].text)) < 3 {
			t.Errorf("%s.%s has no comment that would help anybody", at, f.Name)
			continue
		}
		if option == "block" {
			block := f.Type
			for block.Kind() != reflect.Struct {
				block = block.Elem()
			}
			checkDocs(t, at+"."+f.Name, block, docs[i].fields)
		}
	}
}

func TestOptionalFieldsSayTheirDefault(t *testing.T) {
	for _, k := range All() {
		d, err := readDoc(k)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range d.fields {
			optional := !strings.Contains(f.about, "required") && !strings.HasPrefix(f.about, "block")
			text := strings.ToLower(strings.Join(strings.Fields(f.text), " "))
			said := slices.ContainsFunc([]string{"default", "without it", "exactly one of", "instead of", "both"}, func(w string) bool { return strings.Contains(text, w) })
			if optional && !said {
				t.Errorf("%s.%s does not say what happens without it", k.Name, f.name)
			}
		}
	}
}

func TestAnEmptyTaskIsAnErrorAndNeverAPanic(t *testing.T) {
	for _, k := range All() {
		t.Run(k.Name, func(t *testing.T) {
			p, ok := k.New().(engine.Preparer)
			if !ok {
				t.Fatal("it refuses nothing before a node is asked")
			}
			if p.Prepare(localFiles()) == nil {
				t.Error("an empty body is accepted")
			}
			if k.New().(engine.Preparer).Prepare(nil) == nil {
				t.Error("an empty body is accepted where there are no files")
			}
			n := newTree(nil)
			switch task := k.New().(type) { // not prepared, as after a resume
			case engine.Changer:
				_, _ = task.Plan(t.Context(), n.Look)
			case engine.Checker:
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, _ = task.Mark(ctx, watch(n), nil)
				_ = task.Check(ctx, watch(n), json.RawMessage("{}"))
			}
		})
	}
}

func TestTasksSurviveTheirJournal(t *testing.T) {
	for _, k := range All() {
		task := k.New()
		fill(reflect.ValueOf(task).Elem())
		b, err := json.Marshal(task)
		if err != nil {
			t.Fatal(err)
		}
		again := k.New()
		if err := json.Unmarshal(b, again); err != nil {
			t.Fatal(err)
		}
		if c, err := json.Marshal(again); err != nil || string(c) != string(b) {
			t.Errorf("%s: %s becomes %s, %v", k.Name, b, c, err)
		}
	}
}

// fill gives every field a value that is not its zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		fill(elem)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), elem)
	case reflect.Interface:
		v.Set(reflect.ValueOf("text"))
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint32:
		v.SetUint(0o640)
	case reflect.Float64:
		v.SetFloat(1.5)
	}
}

// changers are tasks that change something on a node where little is there.
func changers(t *testing.T) map[string]engine.Task {
	t.Helper()
	scp := &Scp{Source: "files/audit-policy.yaml", Destination: "/etc/kubernetes/audit-policy.yaml", Validate: "audit-policy"}
	if err := scp.Prepare(localFiles()); err != nil {
		t.Fatal(err)
	}
	return map[string]engine.Task{
		"scp":    scp,
		"mkdir":  &Mkdir{Path: "/var/log/kubernetes", Mode: 0o700},
		"touch":  &Touch{Path: "/var/log/audit.log", Mode: 0o600},
		"backup": &Backup{Path: theManifest, To: "/root/pre"},
	}
}

func TestAPlanAsksForWhatItHasNotSeen(t *testing.T) {
	for name, task := range changers(t) {
		asked := 0
		_, err := task.(engine.Changer).Plan(t.Context(), func(_ context.Context, paths ...string) ([]engine.Image, error) {
			asked += len(paths)
			return nil, engine.ErrLater
		})
		if err != engine.ErrLater || asked == 0 {
			t.Errorf("%s: asked for %d paths and returned %v", name, asked, err)
		}
	}
}

func TestAWholePlaybookCostsOneLook(t *testing.T) {
	n := newTree(map[string]engine.Image{theManifest: podFile("old"), "/root": dir(), "/var/log": dir()})
	list := changers(t)
	steps := n.mustPlan(t, list["scp"], list["mkdir"], list["touch"], list["backup"], patch(t, theManifest, "new"))
	if len(engine.Changes(steps)) != 5 {
		t.Errorf("planned %q", summary(steps))
	}
	before := n.looks
	if _, err := n.plan(t, list["scp"], list["mkdir"], list["touch"], list["backup"]); err != nil || n.looks != before+1 {
		t.Errorf("%d looks, %v", n.looks-before, err)
	}
}

func TestDocText(t *testing.T) {
	text, err := DocText(All(), "scp")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"scp\n\nPuts one file on the node", "\n    task \"scp\" \"policy\" {\n      source ", "\n  destination  (text, required)\n      The file's absolute path",
		"\n  mode  (mode)\n", "\n  vars  (map)\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if len(line) > 84 {
			t.Errorf("line %d has %d columns: %s", i+1, len(line), line)
		}
	}
	nested, err := DocText(All(), "loki-query")
	if err != nil || !strings.Contains(nested, "\n  node  (block, exactly one)") || !strings.Contains(nested, "\n      label  (text)\n          ") {
		t.Errorf("%v:\n%s", err, nested)
	}
	list, err := DocText(All(), "")
	if err != nil || strings.Count(list, "\n") != len(All()) {
		t.Errorf("%v:\n%s", err, list)
	}
	_, err = DocText(All(), "yaml-path")
	wantProblem(t, err, 0, `did you mean "yaml-patch"?`, "scp, mkdir")
	_, err = DocText([]engine.Kind{{Name: "scp", New: All()[0].New, Source: "package x"}}, "scp")
	wantProblem(t, err, 0, "does not declare Scp")
	_, err = DocMarkdown([]engine.Kind{{Name: "scp", New: All()[0].New, Source: "nonsense"}})
	wantProblem(t, err, 0, "documentation of scp")
}

func TestReadmeIsCurrent(t *testing.T) {
	want, err := DocMarkdown(All())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("README.md"); err != nil || string(got) != want {
		t.Errorf("README.md is not what the comments say (%v); run: go generate ./tasks", err)
	}
}
