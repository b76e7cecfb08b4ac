playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/${lowr("MOTD")}"
  destination = "/etc/motd-${timestamp()}"
}
