playbook "p" {
  hosts = "control_plane"
}

confirm {
  within = node.vars.within
}
