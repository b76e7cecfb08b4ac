playbook "p" {
  hosts = "control_plane"
}

locals {
  a = file("../../../go.mod")
  b = file("/etc/passwd")
}
task "copy" "motd" {
  source      = "../up"
  destination = "/etc/motd"
}
task "copy" "abs" {
  source      = "/etc/hostname"
  destination = "/etc/motd"
}
