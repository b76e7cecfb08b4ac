playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/motd"
}

task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/motd2"
}
