// Package scenarios plays what happens to operators: the same table on real components and on the lab that hcrun
// brings along.
package scenarios

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hcrun/hcrun/e2e/lab"
)

// hcrun is the program under test.
var hcrun string

// soak is for patience: make soak plays the row of three masters ten times.
var soak = flag.Int("soak", 1, "how many times the row of three real masters is played")

// atOnce is how many scenarios play at a time: they wait more than they work.
const atOnce = "5"

func TestMain(m *testing.M) {
	lab.Child()
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		flag.Set("test.parallel", atOnce)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hcrun-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		hcrun = filepath.Join(dir, "hcrun")
		build := exec.Command("go", "build", "-o", hcrun, "./cmd/hcrun")
		build.Dir, build.Stderr = "../..", os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build hcrun:", err)
		return 1
	}
	code := m.Run()
	if err := report(); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		return 1
	}
	return code
}
