playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/motd"
  destination = "/etc/motd2"
}
