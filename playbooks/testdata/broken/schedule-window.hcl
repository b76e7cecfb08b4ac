playbook "p" {
  hosts = "control_plane"
}

schedule {
  soak    = "a day"
  per_day = -1
}
