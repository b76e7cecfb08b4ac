package lang

import (
	"errors"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

func TestFindings(t *testing.T) {
	src := []byte("a = 1\nb = 2\n")
	at := hcl.Range{Filename: "x.hcl", Start: hcl.Pos{Line: 2, Column: 3, Byte: 8}, End: hcl.Pos{Line: 2, Column: 4, Byte: 9}}
	err := AsError(hcl.Diagnostics{Diag(at, "b is wrong", "write 3"), Diag(hcl.Range{Filename: "y.hcl"}, "it is empty", ""), Diag(hcl.Range{}, "nothing", "")}, map[string][]byte{"x.hcl": src})
	bad, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatal(err)
	}
	want := []Finding{{What: "nothing"}, {File: "x.hcl", Line: 2, Col: 3, What: "b is wrong", Instead: "write 3"}, {File: "y.hcl", What: "it is empty"}}
	if got := bad.Findings(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
