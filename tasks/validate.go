package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

const (
	// maxValidated is how many bytes a validator takes.
	maxValidated = 4 << 20
	// maxNodes and maxDepth bound a YAML document before anything walks or decodes it: a few hundred
	// bytes of aliases can stand for billions of values.
	maxNodes = 200_000
	maxDepth = 64
	// maxFindings is how many faults one error lists.
	maxFindings = 20
)

// validators are what a file can be checked as.
func validators() []string { return []string{"audit-policy", "json", "yaml"} }

func checkValidator(name string) error {
	if name != "" && !slices.Contains(validators(), name) {
		return fmt.Errorf("there is no validator %q, only %s%s", name, quoted(validators()), didYouMean(name, validators()))
	}
	return nil
}

// validate checks b as the validator demands. The error has one finding a line, each with the file,
// the line number and the line itself.
func validate(validator, file string, b []byte) error {
	f := &findings{file: file, text: b}
	switch {
	case !utf8.Valid(b):
		f.add(0, "it is not UTF-8 text")
	case validator == "json":
		f.json()
	case validator == "yaml":
		f.yaml()
	case validator == "audit-policy":
		f.auditPolicy()
	default:
		return checkValidator(validator)
	}
	return f.err()
}

// findings are the faults of one file.
type findings struct {
	file string
	text []byte
	all  []finding
}

type finding struct {
	line int // 0: of the file as a whole
	text string
}

func (f *findings) add(line int, format string, args ...any) {
	f.all = append(f.all, finding{line, fmt.Sprintf(format, args...)})
}

func (f *findings) err() error {
	if len(f.all) == 0 {
		return nil
	}
	slices.SortStableFunc(f.all, func(a, b finding) int { return a.line - b.line })
	lines := strings.Split(string(f.text), "\n")
	var b strings.Builder
	for i, one := range f.all {
		if i == maxFindings {
			fmt.Fprintf(&b, "\nand %d more", len(f.all)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		if one.line < 1 || one.line > len(lines) {
			fmt.Fprintf(&b, "%s: %s", f.file, one.text)
			continue
		}
		fmt.Fprintf(&b, "%s:%d: %s\n  %4d | %s", f.file, one.line, one.text, one.line, shortLine(lines[one.line-1]))
	}
	return errors.New(b.String())
}

// shortLine is a source line that fits a terminal and cannot command it.
func shortLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\t' && !strconv.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, strings.TrimRight(s, "\r"))
	if r := []rune(s); len(r) > 160 {
		s = string(r[:160]) + "..."
	}
	return s
}

// yaml checks that every document can be read, as Kubernetes reads them.
func (f *findings) yaml() {
	docs := f.documents()
	if len(f.all) > 0 {
		return
	}
	if len(docs) == 0 {
		f.add(0, "it is empty")
	}
	if len(docs) == 1 {
		f.judge(new(any))
	}
}

// judge decodes the file as Kubernetes does, strictly, for what the walk over its nodes has not found.
func (f *findings) judge(into any) {
	if len(f.all) > 0 {
		return
	}
	if err := sigsyaml.UnmarshalStrict(f.text, into); err != nil {
		f.add(lineIn(err), "%s", strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "))
	}
}

// documents parses every YAML document and checks its size and its keys. When it finds a fault there
// are findings.
func (f *findings) documents() []*yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(f.text))
	var docs []*yaml.Node
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if err == io.EOF {
			return docs
		}
		if err != nil {
			f.add(lineIn(err), "%s", yamlLine.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), ""))
			return docs
		}
		w := yamlWalk{findings: f, left: maxNodes}
		if w.node(&doc, 0); w.tooMuch {
			return docs
		}
		docs = append(docs, &doc)
	}
}

// yamlLine is how the YAML library names a line in its errors.
var yamlLine = regexp.MustCompile(`line (\d+): `)

func lineIn(err error) int {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// json checks that there is exactly one JSON value, without repeated keys.
func (f *findings) json() {
	var raw json.RawMessage
	if err := json.Unmarshal(f.text, &raw); err != nil {
		line := bytes.Count(f.text, []byte("\n")) + 1
		if s, ok := errors.AsType[*json.SyntaxError](err); ok {
			line = bytes.Count(f.text[:min(int(s.Offset), len(f.text))], []byte("\n")) + 1
		}
		f.add(line, "%v", err)
		return
	}
	dec := json.NewDecoder(bytes.NewReader(f.text))
	dec.UseNumber()
	f.jsonKeys(dec)
}

// jsonKeys reads tokens and finds keys that an object has twice. The text is known to be valid.
func (f *findings) jsonKeys(dec *json.Decoder) {
	type level struct {
		keys  map[string]bool // nil in an array
		value bool            // the next token is a value
	}
	var stack []level
	for {
		tok, err := dec.Token()
		if err != nil {
			return // the end, as the text is valid
		}
		if tok == json.Delim('}') || tok == json.Delim(']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack); n > 0 && stack[n-1].keys != nil {
			top := &stack[n-1]
			if key, ok := tok.(string); ok && !top.value {
				if top.keys[key] {
					f.add(bytes.Count(f.text[:dec.InputOffset()], []byte("\n"))+1, "%q is there twice in one object", key)
				}
				top.keys[key], top.value = true, true
				continue
			}
			top.value = false
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, level{keys: map[string]bool{}})
		case json.Delim('['):
			stack = append(stack, level{})
		}
	}
}
