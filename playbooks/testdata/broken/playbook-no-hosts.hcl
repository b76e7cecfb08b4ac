playbook "p" {
  host = "control_plane"
}
task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/motd"
}
