playbook "p" {
  hosts = "control_plane"
}

schedule {
  timezone = "Europe/Berlin"
  window {
    from     = "19:00"
    to       = "23:00"
    timezone = "+02:00"
  }
  window {
    from     = "19:00"
    to       = "23:00"
    timezone = "Europe/Berln"
  }
}
