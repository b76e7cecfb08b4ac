playbook "p" {
  hosts = "control_plane"
}

schedule {
  freeze {
    from   = "2026-12-20"
    to     = "2027-01-03"
    reason = " "
  }
  freeze {
    from   = "2026-12-20"
    to     = "2027-01-03"
    reason = "year end\nearliest: now"
  }
}
