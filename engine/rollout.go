package engine

import "time"

// Guards returns nil when node may start the playbook now, else a *NotYetError with every guard that
// holds it. past are the runs of this playbook on hosts of the inventory, oldest first; those of
// another address are the caller's to leave out. pb.Schedule.Order has to be filled.
func Guards(pb *Playbook, node string, now time.Time, past []*Run) error { panic("being written") }

// Standing is where one node stands in a rollout.
type Standing struct {
	Node string
	Run  *Run  // its latest run that wrote or landed, nil if there is none
	Hold error // nil or *NotYetError: why it could not start now
}

// Standings is where every node of pb.Schedule.Order stands.
func Standings(pb *Playbook, now time.Time, past []*Run) []Standing { panic("being written") }
