playbook "p" {
  hosts = "control_plane"
}
include "files/wrong-steps.hcl" {}
