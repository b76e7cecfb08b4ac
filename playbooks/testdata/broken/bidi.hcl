playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/‮​motd"
  destinatiön = "x"
}
