playbook "p" {
  hosts = "control_plane"
}

schedule {
  per_day = 1
  window {
    days = ["monday"]
    from = "19:00"
    to   = "23:00"
  }
  window {
    from = "7pm"
    to   = "23:00"
  }
  window {
    from = "19:00"
    to   = "19:00"
  }
  window {
    from     = "19:00"
    to       = "20:00"
    timezone = "Local"
  }
  window {
    from = "19:00"
  }
}
