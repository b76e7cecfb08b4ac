playbook "p" {
  hosts = "control_plane"
}

schedule {
  freeze {
    from   = "2027-01-03"
    to     = "2026-12-20"
    reason = "year end"
  }
  freeze {
    from   = "2026-12-20 18:00"
    to     = "2026-12-20 18:00"
    reason = "nothing"
  }
  freeze {
    from   = "2026-12-20 18:00"
    to     = "2026-12-20"
    reason = "the rest of the day, which is well"
  }
}
