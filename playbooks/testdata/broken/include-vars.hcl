playbook "p" {
  hosts = "control_plane"
}
include "files/motd-steps.hcl" "a" {}
include "files/motd-steps.hcl" "b" {
  vars = { to = "/etc", days = "many", dayz = 3 }
}
include "files/motd-steps.hcl" "c" {
  vars = ["x"]
}
include "files/motd-steps.hcl" "d" {
  vars = { to = var.none, days = 1 }
}
include "files/motd-steps.hcl" "e" {
  vars = { to = "/etc", days = 99 }
}
include "files/motd-steps.hcl" "f" {
  vars = { to = "etc" }
}
