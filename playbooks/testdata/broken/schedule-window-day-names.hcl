playbook "p" {
  hosts = "control_plane"
}

schedule {
  window {
    days = ["Fri", "mon-wed"]
    from = "22:00"
    to   = "02:00"
  }
}
