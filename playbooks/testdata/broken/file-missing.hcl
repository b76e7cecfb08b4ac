playbook "p" {
  hosts = "control_plane"
}

locals {
  text = file("files/nope")
}
task "copy" "motd" {
  source      = "files/nope"
  destination = "/etc/motd"
}
