package trial

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/engine/fake"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/playbooks/lang"
)

// over is the node with what it leaves open taken from the defaults' node. What the test writes for a path
// stands instead of what the defaults have there.
func (n *node) over(d *node) *node {
	switch {
	case n == nil:
		return d
	case d == nil:
		return n
	}
	all := *n
	all.Address = cmp.Or(n.Address, d.Address)
	if n.Groups == nil {
		all.Groups = d.Groups
	}
	all.values = union(d.values, n.values)
	own := map[string]bool{}
	for _, at := range n.paths() {
		own[at] = true
	}
	rest := maps.Clone(d.Files)
	maps.DeleteFunc(rest, func(at, _ string) bool { return own[at] })
	all.Files = union(rest, n.Files)
	for _, f := range d.File {
		if !own[f.Path] {
			all.File = append(all.File, f)
		}
	}
	for _, f := range d.Dir {
		if !own[f.Path] {
			all.Dir = append(all.Dir, f)
		}
	}
	for _, f := range d.Link {
		if !own[f.Path] {
			all.Link = append(all.Link, f)
		}
	}
	return &all
}

// paths are all that the node has something at, but for the folders above.
func (n *node) paths() []string {
	all := slices.Sorted(maps.Keys(n.Files))
	for _, f := range n.File {
		all = append(all, f.Path)
	}
	for _, f := range n.Dir {
		all = append(all, f.Path)
	}
	for _, f := range n.Link {
		all = append(all, f.Path)
	}
	return all
}

// build makes the machine.
func (n *node) build() (*fake.Node, error) {
	m := fake.NewNode(n.Name)
	seen := map[string]bool{}
	for _, at := range n.paths() {
		switch {
		case at != path.Clean(at) || !path.IsAbs(at) || at == "/":
			return nil, fmt.Errorf("%q is not a clean absolute path", at)
		case seen[at]:
			return nil, fmt.Errorf("%s is there twice", at)
		}
		seen[at] = true
	}
	dirs := slices.SortedFunc(slices.Values(n.Dir), func(a, b nodeDir) int { return cmp.Compare(a.Path, b.Path) })
	for _, d := range dirs { // those above come first
		if err := place(m, d.Path, d.Owner, func() error { return m.Mkdir(d.Path, fs.FileMode(cmp.Or(d.Mode, 0o755))) }); err != nil {
			return nil, err
		}
	}
	files := slices.Clone(n.File)
	for _, at := range slices.Sorted(maps.Keys(n.Files)) {
		files = append(files, nodeFile{Path: at, Content: n.Files[at]})
	}
	for _, f := range files {
		if err := place(m, f.Path, f.Owner, func() error { return m.WriteFile(f.Path, []byte(f.Content), fs.FileMode(cmp.Or(f.Mode, 0o644))) }); err != nil {
			return nil, err
		}
	}
	for _, l := range n.Link {
		if err := place(m, l.Path, owner{}, func() error { return m.Symlink(l.To, l.Path) }); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// place makes the folders above a path and then what is at it.
func place(m *fake.Node, at string, o owner, make func() error) error {
	if parent := path.Dir(at); parent != "/" {
		images, err := m.Look(context.Background(), parent)
		if err != nil {
			return err
		}
		if images[0].Kind == engine.Absent {
			err = place(m, parent, owner{}, func() error { return m.Mkdir(parent, 0o755) })
		} else if images[0].Kind != engine.Dir {
			err = fmt.Errorf("%s is no folder, and %s lies below it", parent, at)
		}
		if err != nil {
			return err
		}
	}
	if err := make(); err != nil {
		return err
	}
	if o.given {
		return m.Chown(at, o.uid, o.gid)
	}
	return nil
}

// known is what the playbook may know of the node.
func (n *node) known() playbooks.Node {
	vars := map[string]any{}
	for name, v := range n.values {
		vars[name] = lang.ToGo(v.Value)
	}
	return playbooks.Node{Name: n.Name, Address: n.Address, Groups: n.Groups, Vars: vars}
}
