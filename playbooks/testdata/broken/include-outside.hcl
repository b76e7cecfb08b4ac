playbook "p" {
  hosts = "control_plane"
}
include "../../kinds.hcl" {}
