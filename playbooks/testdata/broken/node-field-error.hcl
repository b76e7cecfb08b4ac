# node master1
playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  source      = "files/${node.name}"
  destination = "etc/${node.name}"
  mode        = node.vars.rack
}
