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

// TestLimitNeverWidens: a limit that leaves none of the playbook's hosts is an error, also where it names others.
func TestLimitNeverWidens(t *testing.T) {
	s := &site{inv: &inventory.Inventory{Hosts: []inventory.Host{{Name: "master1"}, {Name: "master2"}, {Name: "worker1"}}}}
	for limit, want := range map[string]int{"": 2, "master2": 1, "all": 2, "worker1,master1": 1, "worker1": 0, "nobody": 0} {
		hosts, err := s.chosen(s.inv.Hosts[:2], limit)
		if len(hosts) != want || (err == nil) != (want > 0) {
			t.Errorf("--limit %q: %d hosts, %v; want %d", limit, len(hosts), err, want)
		}
	}
}
