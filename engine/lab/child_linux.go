package lab

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hcrun/hcrun/engine/lab/sim"
)

// childName is argv[0] of the lab's own processes; argv[1] says which.
const childName = "hcrun-lab"

// Child runs what the lab starts from copies of this executable: the supervisor, a node, or one of a
// node's tools, and ends the process. When argv is something else, it returns, and ok is false. It has
// to be the first call in main.
func Child(argv []string) (code int, ok bool) {
	if code, ok = child(argv); ok {
		syscall.Exit(code) // os.Exit sleeps for a second in a binary with the race detector
	}
	return code, ok
}

func child(argv []string) (code int, ok bool) {
	if len(argv) == 3 && argv[0] == childName {
		switch argv[1] {
		case "supervisor":
			return runSupervisor(argv[2], os.Stderr), true
		case "node":
			return runNode(argv[2]), true
		}
	}
	if len(argv) == 0 || !slices.Contains(tools[:], filepath.Base(argv[0])) {
		return 0, false
	}
	// A program of that name is a tool only where the lab has put it.
	if exe, err := os.Executable(); err != nil || filepath.Dir(exe) != toolsInside {
		return 0, false
	}
	name := filepath.Base(argv[0])
	if name == "date" {
		return runDate(argv[1:], os.Stderr), true
	}
	return sim.Tool(name, stateInside, argv[1:], os.Stdout, os.Stderr)
}

// runDate becomes the machine's date, which is told that it is now lab time.
func runDate(args []string, stderr io.Writer) int {
	for dir := range strings.SplitSeq("/usr/local/bin:/usr/bin:/bin", ":") {
		exe := dir + "/date"
		if _, err := os.Stat(exe); err != nil {
			continue
		}
		err := syscall.Exec(exe, append([]string{"date"}, dateArgs(args, labNow(sharedInside))...), os.Environ())
		fmt.Fprintf(stderr, "date: %v\n", err)
		return 126
	}
	fmt.Fprintln(stderr, "date: not found")
	return 127
}

// dateArgs adds the time to the arguments of date, where they do not name one of their own (-d, -r,
// -f) or set it (-s).
func dateArgs(args []string, now time.Time) []string {
	for _, a := range args {
		for _, long := range []string{"--date", "--reference", "--file", "--set", "--help", "--version"} {
			if a == long || strings.HasPrefix(a, long+"=") {
				return args
			}
		}
		// Flags of one letter may stand together, as in -ud; the argument of -I is no flag.
		if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && !strings.HasPrefix(a, "-I") && strings.ContainsAny(a, "drfs") {
			return args
		}
	}
	at := fmt.Sprintf("@%d.%09d", now.Unix(), now.Nanosecond())
	return append([]string{"-d", at}, args...)
}
