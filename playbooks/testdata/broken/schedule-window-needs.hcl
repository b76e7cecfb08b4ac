playbook "p" {
  hosts = "control_plane"
}

schedule {
  needs = "90m"
  window {
    from = "19:00"
    to   = "20:00"
  }
  window {
    from = "20:00"
    to   = "20:30"
  }
  window {
    from = "23:30"
    to   = "00:30"
  }
}

task "probe" "pod" {
  url         = "https://x"
  timeout     = "5m"
  on_rollback = true
}
