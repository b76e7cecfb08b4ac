playbook "p" {
  hosts = "control_plane"
}

confirm {
}

confirm {
  within = "10m"
}
