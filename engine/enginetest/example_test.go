package enginetest_test

import (
	"context"
	"fmt"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/enginetest"
)

// A process that dies between a write and the record of it leaves a run that any other can take up.
func ExampleFuse() {
	node, journal := enginetest.NewNode("master1"), &enginetest.Journal{}
	node.Journal = journal // it notices a write that was not announced
	kinds := new(enginetest.Oracle).Kinds()
	pb := &engine.Playbook{Name: "test", Steps: []engine.Step{{Name: "motd", Task: &enginetest.Write{Path: "/etc/motd", Content: "hello", Mode: 0o644}}}}
	ctx := context.Background()
	steps, err := engine.Plan(ctx, pb, node.Look)
	if err != nil {
		fmt.Println(err)
		return
	}

	here := engine.Holder{By: "somebody", Store: "here"} // the same for both processes: a claim that one left is the other's
	e := &engine.Engine{Journal: journal, Kinds: kinds, Holder: here}
	r, err := e.Open(ctx, "run-1", engine.Opened{Playbook: "test", Node: "master1"}, steps)
	if err != nil {
		fmt.Println(err)
		return
	}
	node.AfterPut = func(engine.Change) error { panic(enginetest.Blown{Point: "after the write"}) }
	fmt.Println("killed:", enginetest.Survive(func() { _ = e.Apply(ctx, node, r) }))

	node.AfterPut = nil
	if r, err = engine.Fold(journal.Durable()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("in doubt:", r.InDoubt)
	err = (&engine.Engine{Journal: journal, Kinds: kinds, Holder: here}).Resume(ctx, node, r, "somebody")
	fmt.Println("resumed:", err, r.State, node.Violations())
	// Output:
	// killed: true
	// in doubt: true
	// resumed: <nil> landed []
}
