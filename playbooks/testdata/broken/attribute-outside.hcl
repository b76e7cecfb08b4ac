hosts = "control_plane"
soak  = "24h"
limit = 3

playbook "p" {
  hosts = "control_plane"
}
task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/motd"
}
