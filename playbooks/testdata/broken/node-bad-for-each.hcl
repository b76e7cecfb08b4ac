# node master1
playbook "p" {
  hosts = "control_plane"
}

task "copy" "motd" {
  for_each    = node.vars.rack
  source      = "files/motd"
  destination = "/etc/${each.value}"
}
