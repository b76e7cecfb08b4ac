package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// result is a line of the printed table.
type result struct {
	bed, scenario string
	row           int // where it stands in the table
	seconds       float64
	passed        bool
	wrong         []string // why not
	exit          int
	ready         float64 // from the first write to the new API server's readiness, 0 when it was not seen
	verified      float64 // from that readiness to the end of the run
	crash         float64 // from the first write to the crash
	back          float64 // from the crash, or the write where nothing crashed, to the old API server's readiness
}

var results struct {
	sync.Mutex
	all []result
}

// report prints the table, and writes it into the file that HCRUN_E2E_TABLE names, for docs/real-lab.md.
func report() error {
	results.Lock()
	defer results.Unlock()
	if len(results.all) == 0 {
		return nil
	}
	slices.SortStableFunc(results.all, func(a, b result) int {
		if a.bed != b.bed {
			return strings.Compare(a.bed, b.bed)
		}
		return a.row - b.row
	})
	var text, md bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	head := []string{"bed", "scenario", "seconds", "result", "exit", "write to new ready", "ready to verified", "write to crash", "crash to old ready"}
	fmt.Fprintln(w, strings.Join(head, "\t"))
	fmt.Fprintf(&md, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, r := range results.all {
		outcome := "passed"
		if !r.passed {
			outcome = "FAILED"
		}
		cells := []string{r.bed, r.scenario, fmt.Sprintf("%.0f", r.seconds), outcome, fmt.Sprint(r.exit), seconds(r.ready), seconds(r.verified), seconds(r.crash), seconds(r.back)}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
		fmt.Fprintf(&md, "| %s |\n", strings.Join(cells, " | "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Print("\n", text.String(), "\n")
	for _, r := range results.all {
		for _, why := range r.wrong {
			fmt.Printf("FAILED: %s, %s: %s\n\n", r.bed, r.scenario, short(why))
		}
	}
	if to := os.Getenv("HCRUN_E2E_TABLE"); to != "" {
		return os.WriteFile(to, md.Bytes(), 0o644)
	}
	return nil
}

func seconds(s float64) string {
	if s == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", s)
}

// short is the beginning and the end of a long text.
func short(s string) string {
	const half = 1000
	if len(s) > 2*half+100 {
		return s[:half] + "\n[...]\n" + s[len(s)-half:]
	}
	return s
}
