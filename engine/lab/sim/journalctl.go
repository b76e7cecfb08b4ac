package sim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Journalctl shows the kubelet's log of a Node whose State is stateDir. It knows -u, -n, -r, -o (short,
// short-iso, cat), --since (a time, @seconds or -NUMBERunit), -q and --no-pager; all else is an error.
func Journalctl(stateDir string, args []string, stdout, stderr io.Writer) int {
	o, operands, err := parseOptions(args, optionSet{values: "unit u lines n output o since S", bools: "no-pager quiet q reverse r no-hostname utc boot b all a"}, false)
	if err == nil && len(operands) > 0 {
		err = fmt.Errorf("matches are not understood: %s", operands[0])
	}
	if err == nil {
		err = journal(stateDir, o, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "journalctl:", err)
		return 1
	}
	return 0
}

func journal(stateDir string, o options, out io.Writer) error {
	b, err := os.ReadFile(filepath.Join(stateDir, nodeLogFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	units := o.all("unit")
	if len(units) > 0 && !slices.ContainsFunc(units, func(u string) bool { return strings.TrimSuffix(u, ".service") == "kubelet" }) {
		b = nil
	}
	lines := []string{}
	since, err := sinceWhen(o.get("since"), lastMoment(b))
	if err != nil {
		return err
	}
	for l := range strings.Lines(string(b)) {
		if at, _, ok := cutMoment(l); ok && !at.Before(since) {
			lines = append(lines, strings.TrimSuffix(l, "\n"))
		}
	}
	if o.has("lines") && o.get("lines") != "all" {
		n, err := o.number("lines", 10)
		if err != nil || n < 0 {
			return fmt.Errorf("failed to parse lines '%s'", o.get("lines"))
		}
		lines = lines[max(len(lines)-n, 0):]
	}
	if o.has("reverse") {
		slices.Reverse(lines)
	}
	if len(lines) == 0 {
		fmt.Fprintln(out, "-- No entries --")
		return nil
	}
	return printJournal(lines, o.get("output"), nodeName(stateDir), out)
}

func printJournal(lines []string, form, host string, out io.Writer) error {
	for _, l := range lines {
		at, text, _ := cutMoment(l)
		switch form {
		case "", "short":
			fmt.Fprintf(out, "%s %s %s\n", at.Format("Jan 02 15:04:05"), host, text)
		case "short-iso":
			fmt.Fprintf(out, "%s %s %s\n", at.Format("2006-01-02T15:04:05-0700"), host, text)
		case "cat":
			_, text, _ = strings.Cut(text, ": ")
			fmt.Fprintln(out, text)
		default:
			return fmt.Errorf("unknown output '%s'", form)
		}
	}
	return nil
}

func cutMoment(line string) (at time.Time, text string, ok bool) {
	word, text, ok := strings.Cut(line, " ")
	at, err := time.Parse(time.RFC3339Nano, word)
	return at, text, ok && err == nil
}

// lastMoment is the time of the last line: what "ago" is counted from, since the log is in lab time.
func lastMoment(b []byte) time.Time {
	s := strings.TrimSuffix(string(b), "\n")
	at, _, _ := cutMoment(s[strings.LastIndexByte(s, '\n')+1:])
	return at
}

func sinceWhen(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if n, ok := strings.CutPrefix(s, "@"); ok {
		f, err := strconv.ParseFloat(n, 64)
		return time.UnixMicro(int64(f * 1e6)), err
	}
	if d, ok := strings.CutPrefix(s, "-"); ok {
		d = strings.NewReplacer(" ", "", "min", "m", "sec", "s").Replace(d)
		ago, err := time.ParseDuration(d)
		return now.Add(-ago), err
	}
	for _, form := range []string{time.DateTime, time.RFC3339Nano, time.DateOnly} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("failed to parse timestamp: %s", s)
}

func nodeName(stateDir string) string {
	if s, err := readCRI(stateDir); err == nil {
		return s.Node
	}
	return "localhost"
}

// Systemctl answers is-active and is-enabled for kubelet and containerd; a lab master has no systemd
// for anything else.
func Systemctl(args []string, stdout, stderr io.Writer) int {
	o, operands, err := parseOptions(args, optionSet{bools: "quiet q no-pager"}, false)
	if err != nil || len(operands) < 2 || operands[0] != "is-active" && operands[0] != "is-enabled" {
		fmt.Fprintln(stderr, "System has not been booted with systemd as init system (PID 1). Can't operate.")
		return 1
	}
	answer, code := "inactive", 3
	if unit := strings.TrimSuffix(operands[1], ".service"); unit == "kubelet" || unit == "containerd" {
		answer, code = map[string]string{"is-active": "active", "is-enabled": "enabled"}[operands[0]], 0
	}
	if !o.has("quiet") {
		fmt.Fprintln(stdout, answer)
	}
	return code
}
