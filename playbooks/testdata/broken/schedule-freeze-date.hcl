playbook "p" {
  hosts = "control_plane"
}

schedule {
  freeze {
    from   = "20.12.2026"
    to     = "2026-02-30"
    reason = "year end"
  }
  freeze {
    from   = "2026-12-20T18:00"
    to     = "2026-12-20 24:00"
    reason = "year end"
  }
  freeze {
    from   = "2026-12-20 8:00"
    to     = ""
    reason = "year end"
  }
}
