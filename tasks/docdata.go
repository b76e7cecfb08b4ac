package tasks

import (
	"fmt"
	"strings"

	"github.com/hcrun/hcrun/engine"
)

// Doc is the documentation of a kind for programs: the same comments that people read.
type Doc struct {
	Kind    string     `json:"kind"`
	Summary string     `json:"summary"` // one sentence
	Text    string     `json:"text"`
	Fields  []FieldDoc `json:"fields"`
	Common  string     `json:"common"` // what it takes besides, as all of its sort do
}

// FieldDoc is one attribute or block of a kind, or of a block.
type FieldDoc struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"` // in words: "text", "mode", "block, any number"
	Required bool       `json:"required"`
	Comment  string     `json:"comment"`
	Fields   []FieldDoc `json:"fields,omitempty"` // of a block
}

// DocData is the documentation of the kinds; with a name, of that one.
func DocData(kinds []engine.Kind, name string) ([]Doc, error) {
	kinds, err := pick(kinds, name)
	if err != nil {
		return nil, err
	}
	docs := []Doc{}
	for _, k := range kinds {
		d, err := readDoc(k)
		if err != nil {
			return nil, err
		}
		docs = append(docs, Doc{Kind: k.Name, Summary: synopsis(d.text), Text: strings.TrimSpace(d.text), Fields: fieldData(d.fields), Common: strings.TrimSpace(common(k))})
	}
	return docs, nil
}

func fieldData(fields []docField) []FieldDoc {
	docs := []FieldDoc{}
	for _, f := range fields {
		what, required := strings.CutSuffix(f.about, ", required")
		d := FieldDoc{Name: f.name, Type: what, Required: required || what == "block, exactly one" || what == "label of the block", Comment: strings.TrimSpace(f.text)}
		if len(f.fields) > 0 {
			d.Fields = fieldData(f.fields)
		}
		docs = append(docs, d)
	}
	return docs
}

// DocPage is the documentation of one kind as Markdown, as it stands in DocMarkdown.
func DocPage(kinds []engine.Kind, name string) (string, error) {
	found, err := pick(kinds, name)
	if err != nil {
		return "", err
	}
	d, err := readDoc(found[0])
	if err != nil {
		return "", err
	}
	return page(found[0], d), nil
}

// page is the part of the Markdown page that is about one kind.
func page(k engine.Kind, d kindDoc) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n", k.Name, d.markdown(d.text))
	markdownFields(&b, d.fields, "")
	fmt.Fprintf(&b, "\n%s", d.markdown(common(k)))
	return b.String()
}

// pick is the kind of that name, or all of them without one.
func pick(kinds []engine.Kind, name string) ([]engine.Kind, error) {
	if name == "" {
		return kinds, nil
	}
	var names []string
	for i, k := range kinds {
		if k.Name == name {
			return kinds[i : i+1], nil
		}
		names = append(names, k.Name)
	}
	return nil, fmt.Errorf("there is no task kind %q%s; there are %s", name, didYouMean(name, names), strings.Join(names, ", "))
}
