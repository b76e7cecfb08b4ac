package playbooks_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hcrun/hcrun/engine"
	"github.com/hcrun/hcrun/playbooks"
	"github.com/hcrun/hcrun/tasks"
)

// in writes a playbook into a folder of its own.
func in(text string) (path string, done func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	path = filepath.Join(dir, "motd.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		panic(err)
	}
	return path, func() { os.RemoveAll(dir) }
}

// A playbook is loaded once and evaluated for each node.
func ExampleLoad() {
	path, done := in(`
playbook "motd" {
  hosts = "control_plane"
}
variable "greeting" {
  type    = string
  default = "hello"
}
task "scp" "motd" {
  content     = "${var.greeting} from ${node.name}\n"
  destination = "/etc/motd"
}
`)
	defer done()
	file, err := playbooks.Load(path, playbooks.Options{Kinds: tasks.All(), Vars: []string{"greeting=welcome"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	pb, err := file.For(playbooks.Node{Name: "master1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s for %s: %q\n", pb.Name, pb.Hosts, pb.Steps[0].Task.(*tasks.Scp).Content)
	fmt.Println(slices.Sorted(maps.Keys(pb.Inputs)))
	// Output:
	// motd for control_plane: "welcome from master1\n"
	// [playbook variable greeting]
}

// Everything that is wrong with a file is said at once, with its place and what to write instead.
func ExampleLoad_errors() {
	path, done := in(`playbook "motd" { hosts = "all" }
task "scp" "motd" {
  contents    = "hello"
  destination = "/etc/motd"
}
`)
	defer done()
	_, err := playbooks.Load(path, playbooks.Options{Kinds: tasks.All()})
	fmt.Println(strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", ""))
	// Output:
	// motd.hcl:3:3: unknown attribute "contents" in task "scp" "motd"
	//    3 |   contents    = "hello"
	//      |   ^^^^^^^^
	//   did you mean "content"?
}

// A playbook in Go, as a team's binary compiles it in: go:motd on the command line.
func ExampleCompiled() {
	motd := playbooks.Compiled{
		Name:  "motd",
		Hosts: "control_plane",
		Vars:  map[string]string{"greeting": "hello"},
		For: func(g playbooks.Given) (*engine.Playbook, error) {
			text := g.Vars["greeting"] + " from " + g.Name + "\n"
			return &engine.Playbook{Steps: []engine.Step{{Name: "motd", Task: &tasks.Scp{Content: text, Destination: "/etc/motd"}}}}, nil
		},
	}
	bound, err := motd.Bind(playbooks.Options{Vars: []string{"greeting=welcome"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	books, err := bound.All([]playbooks.Node{{Name: "master1"}, {Name: "master2"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %q\n", bound.Path(), books["master2"].Steps[0].Task.(*tasks.Scp).Content)
	fmt.Println(slices.Sorted(maps.Keys(books["master2"].Inputs)))
	// Output:
	// go:motd: "welcome from master2\n"
	// [playbook for master1 playbook for master2 variable greeting]
}
