playbook "p" {
  hosts = "control_plane"
}

schedule {
  needs = "20m"
}

confirm {
  within = "10m"
}
