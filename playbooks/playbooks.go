// Package playbooks turns HCL into engine playbooks.
package playbooks

import "github.com/hcrun/hcrun/engine"

// Options are what a playbook is loaded with.
type Options struct {
	Kinds    []engine.Kind
	Vars     []string // "k=v" of -e
	VarFiles []string
	Env      func(string) (string, bool)
}

// Node is what a playbook may know about the node that it is evaluated for.
type Node struct {
	Name, Address string
	Groups        []string
	Vars          map[string]any
}

// File is a loaded playbook.
type File struct{}

// Load reads a playbook and checks everything that can be checked without a node.
func Load(path string, o Options) (*File, error) { panic("being written") }

// Name is the playbook's label.
func (f *File) Name() string { panic("being written") }

// Hosts is the pattern of nodes that the playbook is for.
func (f *File) Hosts() string { panic("being written") }

// Path is the absolute path of the playbook.
func (f *File) Path() string { panic("being written") }

// For evaluates the playbook for one node.
func (f *File) For(n Node) (*engine.Playbook, error) { panic("being written") }

// Explain points at the line that an error of a step comes from.
func (f *File) Explain(err error) string { panic("being written") }
