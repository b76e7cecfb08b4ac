playbook "p" {
  hosts = "control_plane"
}

schedule {
  window {
    from = "19:00"
    to   = "19:00"
  }
  window {
    from = "24:00"
    to   = "02:00"
  }
  window {
    days = []
    from = "22:00"
    to   = "22:00"
  }
}
