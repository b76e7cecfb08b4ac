package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/hcrun/hcrun/cmd/hcrun/ui"
	"github.com/hcrun/hcrun/engine"
)

// TestPanic: a panic ends as an error with its code, and what it says passes the veil.
func TestPanic(t *testing.T) {
	var out bytes.Buffer
	a := &app{veil: &engine.Veil{}}
	a.veil.Hide(engine.NewSecret("canary-in-a-panic"))
	a.errOut = &veiled{&out, a.veil}
	err := execute(context.Background(), &cobra.Command{RunE: func(*cobra.Command, []string) error { panic("canary-in-a-panic is odd") }})
	if engine.CodeOf(err) != engine.Bug {
		t.Errorf("the code is %d", engine.CodeOf(err))
	}
	ui.Problem(a.errOut, ui.Style{}, err, "")
	if s := out.String(); strings.Contains(s, "canary") || !strings.Contains(s, engine.Hidden+" is odd") || !strings.Contains(s, "panic_test.go") || !strings.Contains(s, "hcrun status") {
		t.Error(s)
	}
}
