playbook "p" {
  hosts = "control_plane"
}

schedule {
  freeze {
    from   = "2026-12-20"
    until  = "2027-01-03"
    reason = "year end"
  }
  freezes {
  }
}
