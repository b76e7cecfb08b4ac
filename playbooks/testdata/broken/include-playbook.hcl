playbook "p" {
  hosts = "control_plane"
}
include "block-twice.hcl" {}
include "files/schedule.hcl" {}
