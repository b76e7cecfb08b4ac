playbook "p" {
  hosts = "control_plane"
}

schedule {
  window {
    from = "9:00"
    to   = "25:00"
  }
  window {
    from = "19:00:00"
    to   = "24:30"
  }
  window {
    from = "7 pm"
    to   = ""
  }
}
