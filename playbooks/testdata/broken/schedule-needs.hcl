playbook "p" {
  hosts = "control_plane"
}

schedule {
  needs = "0s"
}
