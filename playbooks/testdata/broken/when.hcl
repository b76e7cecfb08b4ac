playbook "p" {
  hosts = "control_plane"
}

task "copy" "a" {
  when        = "yes"
  source      = "files/motd"
  destination = "/etc/a"
}
task "copy" "b" {
  when        = false
  source      = "files/motd"
  destination = "/etc/${var.nope}"
  mode        = 0600
}
