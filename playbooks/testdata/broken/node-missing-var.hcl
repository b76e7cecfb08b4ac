# node master1
playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/motd"
  destination = "/etc/${node.vars.rak}"
}
