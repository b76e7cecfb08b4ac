playbook "p" {
  hosts = "control_plane"
}
include "include-itself.hcl" {}
