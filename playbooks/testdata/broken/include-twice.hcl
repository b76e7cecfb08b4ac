playbook "p" {
  hosts = "control_plane"
}
include "files/motd-steps.hcl" {
  vars = { to = "/etc" }
}
include "files/motd-steps.hcl" {
  vars = { to = "/root" }
}
include "files/motd-steps.hcl" "third" {
  vars = { to = "/root" }
}
include "files/motd-steps.hcl" "third" {
  vars = { to = "/root" }
}
