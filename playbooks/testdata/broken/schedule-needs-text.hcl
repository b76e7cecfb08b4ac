playbook "p" {
  hosts = "control_plane"
}

schedule {
  needs = "half an hour"
}
