package splice

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"
)

// counted returns how many lines a diff takes away and adds.
func counted(before, after string) (minus, plus int) {
	for line := range strings.Lines(udiff.Unified("a", "b", before, after)) {
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
		case strings.HasPrefix(line, "-"):
			minus++
		case strings.HasPrefix(line, "+"):
			plus++
		}
	}
	return minus, plus
}

func TestFlagshipOnEveryVariant(t *testing.T) {
	for _, v := range variants(t) {
		t.Run(v.name, func(t *testing.T) {
			out, err := Apply([]byte(v.text), flagship(t)...)
			if err != nil {
				t.Fatal(err)
			}
			minus, plus := counted(v.text, string(out))
			if v.name == "volumes at the very end" {
				minus, plus = minus-1, plus-1 // its last line gets a line end
			}
			if minus != 0 || plus != 18 {
				t.Errorf("-%d +%d lines, want -0 +18\n%s", minus, plus, udiff.Unified("before", "after", v.text, string(out)))
			}
			again, err := Apply(out, flagship(t)...)
			if err != nil || !bytes.Equal(again, out) {
				t.Errorf("a second application changes it again (%v)", err)
			}
			if strings.HasSuffix(v.text, "\n") != bytes.HasSuffix(out, []byte("\n")) {
				t.Error("the end of the file has changed")
			}
			if strings.Contains(v.text, "\r") && strings.Count(string(out), "\n") != strings.Count(string(out), "\r\n") {
				t.Error("a new line does not end as the others do")
			}
		})
	}
}
