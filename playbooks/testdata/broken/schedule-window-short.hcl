playbook "p" {
  hosts = "control_plane"
}

schedule {
  window {
    from = "19:00"
    to   = "23:00"
  }
  window {
    days = ["sat"]
    from = "12:00"
    to   = "12:10"
  }
}

task "probe" "pod" {
  url         = "https://x"
  timeout     = "5m"
  on_rollback = true
}
