playbook "p" {
  hosts = "control_plane"
}
include {}
include "files/motd-steps.hcl" "a b" {
  vars = { to = "/etc" }
}
include "files/motd-steps.hcl" "a" "b" {}
include "files/motd-steps.hcl" "a-name-that-is-so-long-that-nobody-would-want-to-read-it-in-a-plan" {
  vars = { to = "/etc" }
}
include "files/motd-steps.hcl" "a-name-that-is-long-but-is-a-name-of-its-own-for-all-that-or" {
  vars = { to = "/etc" }
}
