package tasks

import (
	"slices"
	"strings"
	"testing"
)

// TestDocData: the data say what the texts say, field by field, and the pages are those of the README.
func TestDocData(t *testing.T) {
	docs, err := DocData(All(), "")
	if err != nil || len(docs) != len(All()) {
		t.Fatalf("%d kinds, %v", len(docs), err)
	}
	readme, err := DocMarkdown(All())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		text, err := DocText(All(), d.Kind)
		if err != nil {
			t.Fatal(err)
		}
		page, err := DocPage(All(), d.Kind)
		if err != nil || !strings.Contains(readme, page) || !strings.HasPrefix(page, "## "+d.Kind+"\n") {
			t.Errorf("%s: its page is not part of the README (%v)", d.Kind, err)
		}
		told(t, d.Kind, text, d.Fields)
	}
	_, err = DocData(All(), "scpp")
	if err == nil || !strings.Contains(err.Error(), `there is no task kind "scpp"`) {
		t.Errorf("got %v", err)
	}
}

func told(t *testing.T, kind, text string, fields []FieldDoc) {
	t.Helper()
	for _, f := range fields {
		about := f.Type
		if f.Required && !strings.Contains(about, "block") {
			about += ", required"
		}
		if f.Comment == "" || !strings.Contains(text, f.Name+"  ("+about+")\n") {
			t.Errorf("%s: %s (%s) is told otherwise in the text, or has no comment", kind, f.Name, about)
		}
		told(t, kind, text, f.Fields)
	}
}

func TestDocDataOfScp(t *testing.T) {
	docs, err := DocData(All(), "scp")
	if err != nil || len(docs) != 1 {
		t.Fatal(docs, err)
	}
	at := slices.IndexFunc(docs[0].Fields, func(f FieldDoc) bool { return f.Name == "destination" })
	if at < 0 || docs[0].Fields[at].Type != "text" || !docs[0].Fields[at].Required || !strings.HasPrefix(docs[0].Fields[at].Comment, "The file's absolute path") {
		t.Errorf("%+v", docs[0].Fields)
	}
	if docs[0].Summary != "Puts one file on the node: a local file, text from the playbook, or a filled-in template." {
		t.Errorf("summary %q", docs[0].Summary)
	}
}
