# node master1
playbook "p" {
  hosts = "control_plane"
}
include "files/motd-steps.hcl" {
  vars = { to = node.name }
}
