playbook "p" {
  hosts = "control_plane"
}

confirm {
  within = "20m"
  off    = "a drill"
}
