// Command hcrun carries out staged, reversible changes on machines, one node at a time.
package main

import (
	"github.com/hcrun/hcrun/cmd/hcrun/cli"
	"github.com/hcrun/hcrun/tasks"
)

func main() { cli.Main(tasks.All()...) }
