playbook "p" {
  hosts = "control_plane"
}
include "files/cycle-a.hcl" {}
