playbook "p" {
  hosts = "control_plane"
}

schedule {
  window {
    from = "19:00"
    to   = "23:00"
  }
  dynamic "window" {
    for_each = { sat = "10:00", sunday = "12:00" }
    content {
      days = [window.key]
      from = window.value
      to   = "18:00"
    }
  }
}

task "probe" "pod" {
  url         = "https://x"
  timeout     = "5m"
  on_rollback = true
}
