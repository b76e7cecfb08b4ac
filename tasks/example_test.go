package tasks_test

import (
	"context"
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
	"github.com/hcrun/hcrun/tasks"
)

// A playbook in Go is made of the same structs that HCL fills.
func Example() {
	pb := &engine.Playbook{
		Name: "motd",
		Steps: []engine.Step{
			{Name: "old", Task: &tasks.Backup{Path: "/etc/motd", To: "/root/motd.before"}},
			{Name: "motd", Task: &tasks.Scp{Source: "motd", Destination: "/etc/motd", Mode: 0o644}},
		},
	}
	if err := pb.Prepare(fstest.MapFS{"motd": {Data: []byte("hello\n")}}); err != nil {
		fmt.Println(err)
		return
	}
	node := enginetest.NewNode("master1")
	if err := node.WriteFile("/etc/motd", []byte("old\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	steps, err := engine.Plan(context.Background(), pb, node.Look)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range steps {
		for _, c := range s.Changes {
			fmt.Println(s.ID(), c.Action(), c.At)
		}
	}
	// Output:
	// backup.old create /root/motd.before
	// scp.motd replace /etc/motd
}

// What cannot work is refused before any connection, by the field that it is about.
func ExampleScp_Prepare() {
	task := &tasks.Scp{Source: "motdd", Destination: "/etc/motd"}
	fmt.Println(task.Prepare(fstest.MapFS{"motd": {}}))
	// Output:
	// source: there is no file "motdd" below the playbook's folder; did you mean "motd"?
}

// The documentation of a kind is the comments of its struct.
func ExampleDocText() {
	text, err := tasks.DocText(tasks.All(), "touch")
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "  path") || strings.HasPrefix(line, "  mode") {
			fmt.Println(strings.TrimSpace(line))
		}
	}
	// Output:
	// path  (text, required)
	// mode  (mode, required)
}
