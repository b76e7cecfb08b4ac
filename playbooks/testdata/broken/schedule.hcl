playbook "p" {
  hosts = "control_plane"
}

schedule {
  order    = ["master1", "master1"]
  timezone = "Mars/Olympus"
  window {
    days = ["monday"]
    from = "19:00"
    to   = "23:00"
  }
}
