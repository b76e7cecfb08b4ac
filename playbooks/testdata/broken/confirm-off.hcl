playbook "p" {
  hosts = "control_plane"
}

confirm {
  off = " "
}
