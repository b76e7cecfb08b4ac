playbook "p" {
  hosts = "control_plane"
}
include "files/none.hcl" {}
include "files/motd-steps.hcl" { var = {} }
