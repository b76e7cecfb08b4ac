package cli

import (
	"testing"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/inventory"
)

// TestPeersOfAGroupThatIsGone: a gate must not pass because there is nobody left to ask.
func TestPeersOfAGroupThatIsGone(t *testing.T) {
	r := &engine.Run{}
	r.Node, r.Group = "master1", "control_plane"
	s := &site{inv: &inventory.Inventory{Hosts: []inventory.Host{{Name: "master1"}}}}
	if nodes, gone := s.peersOf(r)(t.Context()); len(nodes) != 0 || len(gone) != 1 {
		t.Errorf("nodes %v, gone %v; want one that cannot be asked", nodes, gone)
	}
}
