playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/${jsondecode("{").x}"
}
task "copy" "two" {
  source      = "files/motd"
  destination = "/etc/${upper()}${parseint("x", 10)}"
}
