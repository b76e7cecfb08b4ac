package enginetest

import "github.com/hcrun/hcrun/engine/fake"

// The fakes that tests of the engine are written with.
type (
	// Node is a machine in memory, and the Ground beneath it.
	Node = fake.Node
	// Journal is a journal in memory.
	Journal = fake.Journal
	// Fuse ends a process at a chosen point.
	Fuse = fake.Fuse
	// Blown is what a fuse panics with.
	Blown = fake.Blown
)

// NewNode is a node with an empty /etc, /root and /var/log.
func NewNode(name string) *Node { return fake.NewNode(name) }

// Survive runs f, and reports whether a fuse blew in it.
func Survive(f func()) (crashed bool) { return fake.Survive(f) }
