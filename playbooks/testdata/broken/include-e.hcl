playbook "p" {
  hosts = "control_plane"
}
# -e to=/etc
include "files/motd-steps.hcl" {
  vars = { to = "/etc" }
}
