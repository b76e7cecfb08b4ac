playbook "p" {
  hosts = "control_plane"
}

confirm {
  deadline = "10m"
}
