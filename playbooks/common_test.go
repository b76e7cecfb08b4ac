package playbooks

import (
	"reflect"
	"testing"

	"github.com/hcrun/hcrun/engine"
)

// TestCommon: what every step may have ends in the engine's step, as a Go literal would write it.
func TestCommon(t *testing.T) {
	f := load(t, write(t, "p.hcl", `
playbook "p" { hosts = "all" }
task "copy" "secret" {
  source      = "files/motd"
  destination = "/etc/x"
  sensitive   = true
  tags        = ["keys", node.name]
}
task "probe" "own" {
  url         = "https://x"
  timeout     = "3s"
  retry       = 2
  retry_pause = "1m"
  delegate_to = node.vars.rack
}
task "glance" "common" {
  timeout     = "3s"
  on_rollback = true
  tags        = []
}
`, "files/motd", "hi"), Options{})
	pb, err := f.For(master("1"))
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Step{
		{Name: "secret", Sensitive: true, Tags: []string{"keys", "master1"}, Task: &copyTask{Source: "files/motd", Destination: "/etc/x", content: "hi"}},
		{Name: "own", Retry: 2, RetryPause: engine.Minute, DelegateTo: "r1", Task: &probeTask{URL: "https://x", Timeout: 3 * engine.Second}},
		{Name: "common", Timeout: 3 * engine.Second, OnRollback: true, Tags: []string{}, Task: &glanceTask{}},
	}
	if !reflect.DeepEqual(pb.Steps, want) {
		t.Errorf("got\n%+v\nwant\n%+v", pb.Steps, want)
	}
}

// TestNestedDefaults: optional() fills in at any depth, also for what the command line gives.
func TestNestedDefaults(t *testing.T) {
	f := load(t, write(t, "p.hcl", `
playbook "p" { hosts = "all" }
variable "low" {
  default = 1
  validation {
    condition     = var.low < var.high
    error_message = "low must be below high."
  }
}
variable "high" { default = 2 }
variable "disks" {
  type = list(object({
    name  = string
    size  = optional(number, 8)
    tags  = optional(list(string), ["a", "b"])
    mount = optional(object({ at = optional(string, "/mnt"), fs = string }))
  }))
}
task "probe" "x" {
  url  = jsonencode(var.disks)
}
`), Options{Vars: []string{`disks=[{ name = "x" }, { name = "y", size = 1, tags = [], mount = { fs = "ext4" } }]`}})
	pb, err := f.For(Node{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"mount":null,"name":"x","size":8,"tags":["a","b"]},{"mount":{"at":"/mnt","fs":"ext4"},"name":"y","size":1,"tags":[]}]`
	if got := pb.Steps[0].Task.(*probeTask).URL; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
